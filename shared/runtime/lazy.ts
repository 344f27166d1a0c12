/**
 * Creates on the first call, and returns that from then on. After a failure the next call tries
 * again.
 */
export function lazy<T>(create: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return async () => {
    const current = (made ??= create());
    try {
      return await current;
    } catch (error) {
      if (made === current) made = undefined;
      throw error;
    }
  };
}
