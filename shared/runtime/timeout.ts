/**
 * The work's result, or after `ms` milliseconds what `onLate` returns or throws; by default an
 * Error. The work continues then; a failure of it is ignored, since the race has seen it.
 */
export async function within<T>(ms: number, work: Promise<T>, onLate?: () => T): Promise<T> {
  const late = Promise.withResolvers<T>();
  const timer = setTimeout(() => {
    try {
      if (!onLate) throw new Error(`it took longer than ${ms} ms`);
      late.resolve(onLate());
    } catch (error) {
      late.reject(error);
    }
  }, ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
