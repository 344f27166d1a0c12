/**
 * An unbounded queue with one writer and one reader: values are read in order; the reader sees a
 * close or failure after the last value.
 */
export type AsyncQueue<T> = AsyncIterable<T> & {
  push(value: T): void;
  close(): void;
  fail(error: unknown): void;
};

export function createAsyncQueue<T>(): AsyncQueue<T> {
  const values: T[] = [];
  let ended: { error?: unknown } | undefined;
  let wake: (() => void) | undefined;
  const change = (): void => {
    wake?.();
    wake = undefined;
  };
  return {
    push(value) {
      if (ended) return;
      values.push(value);
      change();
    },
    close() {
      ended ??= {};
      change();
    },
    fail(error) {
      ended ??= { error };
      change();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (values.length > 0) yield values.shift() as T;
        if (ended) {
          if ('error' in ended) throw ended.error;
          return;
        }
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
