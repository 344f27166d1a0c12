import { afterAll, beforeAll } from 'vitest';

/**
 * Holds open for all tests of a file, or of a group, what is there only as long as a function runs;
 * what is wrong at its end fails them.
 */
export function holdOpen<Held>(
  run: (use: (held: Held) => Promise<void>) => Promise<void>,
): () => Held {
  let held: { value: Held } | undefined;
  let whole: Promise<void> | undefined;
  let end = (): void => undefined;
  const over = new Promise<void>((resolve) => (end = resolve));
  beforeAll(async () => {
    await new Promise<void>((resolve, reject) => {
      whole = run(async (value) => {
        held = { value };
        resolve();
        await over;
      });
      whole.catch(reject);
    });
  });
  afterAll(async () => {
    end();
    await whole;
  });
  return () => {
    if (!held) throw new Error('it is open only while a test runs');
    return held.value;
  };
}
