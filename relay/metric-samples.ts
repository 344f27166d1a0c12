/** The last measured times (ms), in this process's memory. */
export type Samples = { note(ms: number): void; all(): number[] };

export function createSamples(most: number): Samples {
  const kept: number[] = [];
  let next = 0;
  return {
    note(ms) {
      kept[next % most] = ms;
      next += 1;
    },
    all: () => [...kept],
  };
}

/** The median, the 95th percentile and the number of values. */
export type Spread = { p50: number; p95: number; count: number };

/** Undefined without values. */
export function spreadOf(values: number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(Math.ceil(sorted.length * part), sorted.length) - 1] ?? 0;
  return sorted.length === 0 ? undefined : { p50: at(0.5), p95: at(0.95), count: sorted.length };
}
