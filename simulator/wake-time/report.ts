import type { Stations } from './wake-time.ts';

/** The intervals between two stations, and their names. */
const stretches: [name: string, of: (stations: Stations) => number | undefined][] = [
  ['webhook until the relay has it', ({ sent, accepted }) => accepted - sent],
  ['until the worker is ready', ({ accepted, ready }) => ready && ready - accepted],
  ['until the turn begins', ({ accepted, ready, turn }) => turn - (ready ?? accepted)],
  ['until the model is asked', ({ turn, asked }) => asked - turn],
  ['webhook until the model is asked', ({ sent, asked }) => asked - sent],
  ['webhook until the answer is sent', ({ sent, answered }) => answered - sent],
];

/** The medians as a table for the terminal, in ms. An interval without a measurement is a dash. */
export function formatWakeTime({ cold, warm }: { cold: Stations[]; warm: Stations[] }): string {
  const rows = stretches.map(([name, of]) => [name, median(cold.map(of)), median(warm.map(of))]);
  const width = Math.max(...rows.map(([name = '']) => name.length));
  const line = ([name = '', ...cells]: string[]): string =>
    `  ${name.padEnd(width)}${cells.map((cell) => cell.padStart(8)).join('')}`;
  return [
    `Median of ${cold.length} rounds (ms)`,
    line(['', 'cold', 'warm']),
    ...rows.map(line),
  ].join('\n');
}

function median(values: (number | undefined)[]): string {
  const sorted = values
    .filter((value) => value !== undefined && !Number.isNaN(value))
    .toSorted((a = 0, b = 0) => a - b);
  return String(sorted[Math.floor(sorted.length / 2)] ?? '–');
}
