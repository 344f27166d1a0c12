import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { refuseArguments } from '../../shared/runtime/command-line.ts';

refuseArguments(process.argv.slice(2), {
  command: 'npm run house',
  help: `Measures how the product's sources read: sizes, widths, folders, parameters and words.

  npm run house

It has no options. Prints each figure beside the one before the house was put in order, and what
other code bases have.

Exit codes: 0 measured, 2 wrong usage.`,
});

const root = path.join(import.meta.dirname, '..', '..');
const files = ['shared', 'relay', 'worker', 'deploy'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.posix.join(folder, name)),
);
const sources = files.map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }));
const lengths = sources
  .map(({ text }) => text.trimEnd().split('\n').length)
  .toSorted((one, other) => one - other);
const lines = sources.flatMap(({ text }) => text.split('\n'));
const wide = lines.filter((line) => line.length > 120).length;
const widest = lines.reduce((most, line) => Math.max(most, line.length), 0);
const folders = Map.groupBy(files, (file) => path.posix.dirname(file));
const [fullest] = [...folders].toSorted(([, one], [, other]) => other.length - one.length);

/** Functions that take more than five fields out of one parameter. */
const destructuring = sources.flatMap(({ text }) =>
  [...text.matchAll(/(?:function \w*|=) ?(?:async )?\(\s*\{([^{}]*)\}/g)].filter(
    ([, fields = '']) => fields.split(',').filter((field) => field.trim() !== '').length > 5,
  ),
).length;

const marks = /\b(?:whoever|nobody|is none|so many|is told|one that)\b/gi;
const comments = sources.flatMap(({ text }) => text.match(/^\s*(?:\/\/|\/?\*).*$/gm) ?? []);
const translated = comments.join('\n').match(marks)?.length ?? 0;

const terms =
  /rate[- ]?limit|retry|backoff|dedup|idempotent|concurrency|health|csrf|shutdown|heartbeat|lock|steer|cancel/gi;
const named = new Set(
  [...files, ...sources.flatMap(({ text }) => text.match(/^export .*$/gm) ?? [])].flatMap((name) =>
    (name.match(terms) ?? []).map((term) => term.toLowerCase().replaceAll(/[- ]/g, '')),
  ),
);

/**
 * What is measured, now and before the house was put in order (235 files), and what the code bases
 * that it is held against have: graphile/worker, grammyjs/runner, pi-mono and others.
 */
const rows: [what: string, now: string, before: string, others: string][] = [
  ['files', `${files.length}`, '235', ''],
  ['lines, median of a file', `${lengths[Math.floor(lengths.length / 2)] ?? 0}`, '', '46–125'],
  ['lines, longest file', `${lengths.at(-1) ?? 0}`, '', '340–3025'],
  [
    'lines over 120 columns',
    `${wide} (${((wide / lines.length) * 100).toFixed(2)} %)`,
    '8.9 %',
    '0–0.5 %',
  ],
  ['widest line (a text)', `${widest} columns`, '', ''],
  ['fullest folder', `${fullest?.[1].length ?? 0} files: ${fullest?.[0] ?? ''}`, '60', '35'],
  ['functions that take more than 5 fields', `${destructuring}`, '22', '0'],
  ['marks of a translation in comments', `${translated}`, '160', '5'],
  ['standard terms that name a file or an export', `${named.size} of 13`, '0 of 13', ''],
];

const widthOf = (column: number): number =>
  Math.max(...rows.map((row) => row[column]?.length ?? 0), 6);
const line = (row: readonly string[]): string =>
  row
    .map((cell, column) => cell.padEnd(widthOf(column)))
    .join('  ')
    .trimEnd();
process.stdout.write(`${[['', 'now', 'before', 'others'], ...rows].map(line).join('\n')}\n`);
