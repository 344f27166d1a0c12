/** The middle of the values, and the lowest and highest. */
export type Spread = { median: number; low: number; high: number };

/** The quantile of the values (0 to 1); NaN without values. */
export function percentile(values: number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (
    sorted[Math.min(Math.max(Math.ceil(sorted.length * part) - 1, 0), sorted.length - 1)] ??
    Number.NaN
  );
}

/** NaN without values; of an even number of values the mean of the two in the middle. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = Number.NaN] = [
    sorted[Math.ceil(middle) - 1],
    sorted[Math.floor(middle)],
  ];
  return (low + high) / 2;
}

export function spread(values: number[]): Spread {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values) };
}

/** Such as `2.3 ms (2.1–2.6)`; `unit` may be empty. */
export function formatSpread(values: number[], unit: string): string {
  const { median: middle, low, high } = spread(values);
  const text = [formatNumber(middle), unit].filter(Boolean).join(' ');
  return values.length > 1 ? `${text} (${formatNumber(low)}–${formatNumber(high)})` : text;
}

/** Three significant digits: 0.123, 1.23, 12.3, 123, 1,234. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const digits = size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/**
 * Such as `1.32×`. Each ratio is computed within a round, under the same machine conditions; the
 * result is their median.
 */
export function formatRatio(ours: number[], peer: number[]): string {
  return `${medianRatio(ours, peer).toFixed(2)}×`;
}

/** The median of the ratios of each round. */
export function medianRatio(ours: number[], peer: number[]): number {
  return median(ours.map((value, round) => value / (peer[round] ?? Number.NaN)));
}
