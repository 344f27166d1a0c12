import { expect, test } from 'vitest';
import { callsIn } from '../../bench/scale/registered.ts';
import { parseTimes, shareOf } from '../../bench/scale/machine-times.ts';
import { drawPlot } from '../../bench/plot.ts';
import { formatLines, formatResults } from '../../bench/results.ts';
import { sections } from '../../bench/sections.ts';
import type { Section } from '../../bench/section.ts';
import {
  formatNumber,
  formatRatio,
  formatSpread,
  median,
  medianRatio,
  percentile,
} from '../../bench/statistics.ts';

test('the middle, a part and the spread of values', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN]);
  expect([
    percentile([5, 1, 4, 2, 3], 0.5),
    percentile([1, 2, 3, 4], 0.99),
    percentile([7], 0),
    percentile([], 0.5),
  ]).toEqual([3, 4, 7, Number.NaN]);
  expect([0.1234, 1.234, 12.34, 123.4, 1234.5, 0, Number.NaN].map(formatNumber)).toEqual([
    '0.123',
    '1.23',
    '12.3',
    '123',
    '1,235',
    '0',
    '–',
  ]);
  expect([formatSpread([2, 1, 3], 'ms'), formatSpread([5], ''), formatSpread([], 'ms')]).toEqual([
    '2.00 ms (1.00–3.00)',
    '5.00',
    '– ms',
  ]);
});

test('a ratio is that of rounds, so that a slow round on both sides says nothing', () => {
  expect(medianRatio([10, 100, 12], [10, 100, 10])).toBe(1);
  expect(formatRatio([30, 3], [20, 2])).toBe('1.50×');
});

test('the page says what held and what did not, and shows the plots', () => {
  const section: Section = {
    name: 'ack',
    title: 'The answer to Twilio',
    method: 'How.',
    run: () => Promise.reject(new Error('not run')),
  };
  const rows = [
    { what: 'CPU', ours: '300 µs', peer: '250 µs', ratio: '1.20×', target: '≤ 1.5×', held: true },
    { what: 'p99 | 50', ours: '9 ms', held: false },
    { what: 'size', ours: '1' },
  ];
  const measured = {
    section,
    result: {
      rows,
      notes: ['A note.'],
      plots: [{ file: 'ack.svg', title: 'Latency', x: 'connections', y: 'ms', series: [] }],
    },
  };
  const page = formatResults(
    [measured],
    { cores: 2, model: 'a processor', memoryBytes: 24 * 2 ** 30, node: '24.0.0' },
    5,
    '2026-01-31',
  );
  expect(page).toContain('1 targets held, 1 missed: p99 | 50.');
  expect(page).toContain('| CPU | 300 µs | 250 µs | 1.20× | ≤ 1.5× | held |');
  expect(page).toContain('| p99 \\| 50 | 9 ms |  |  |  | **missed** |');
  expect(page).toContain('![Latency](ack.svg)');
  expect(page).toContain('A note.');
  expect(formatLines(measured)).toContain('✗ p99 | 50: 9 ms');
});

test('the use of the machine is that of all cores, and commands are those of all kinds', () => {
  const stat = 'cpu  100 10 40 800 50 0 0 0 7 0\ncpu0 50 5 20 400 25 0 0 0 3 0\n';
  expect(parseTimes(stat)).toEqual({ all: 1000, idle: 850 });
  const before = { all: 1000, idle: 850, at: 0 };
  const after = { all: 1400, idle: 1050, at: 2000 };
  // Half of the ticks; and one second of CPU in two seconds on two cores.
  expect(shareOf({ before, after }, 1_000_000, 2)).toEqual({ machine: 0.5, ours: 0.25 });
  const info = 'cmdstat_get:calls=3,usec=1\r\ncmdstat_config|get:calls=2,usec=9\r\n';
  expect(callsIn(`# Commandstats\r\n${info}`)).toBe(5);
});

test('a plot draws each series over one axis', () => {
  const svg = drawPlot({
    file: 'x.svg',
    title: 'Latency by load',
    x: 'connections',
    y: 'ms',
    series: [
      {
        name: 'ours',
        points: [
          [1, 1],
          [50, 9],
        ],
      },
      { name: 'floor', points: [[10, 2]] },
    ],
  });
  expect(svg).toMatch(/^<svg[^>]* width="720"/);
  for (const text of ['Latency by load', 'connections', 'ours', 'floor', '10', '50'])
    expect(svg).toContain(`>${text}</text>`);
});

test('each part has a name of its own', () => {
  const names = sections.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
