import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** Measures how the product's sources read: sizes, widths, folders, parameters and words. */
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

process.stdout.write(
  `${[
    `files                       ${files.length}`,
    `lines, median of a file     ${lengths[Math.floor(lengths.length / 2)] ?? 0}`,
    `lines, longest file         ${lengths.at(-1) ?? 0}`,
    `lines over 120 columns      ${wide} (${((wide / lines.length) * 100).toFixed(2)} %)`,
    `fullest folder              ${fullest?.[0] ?? ''} (${fullest?.[1].length ?? 0} files)`,
    `more than 5 fields taken    ${destructuring} functions`,
    `marks of a translation      ${translated} in comments`,
    `standard terms that name    ${named.size}: ${[...named].toSorted().join(', ')}`,
  ].join('\n')}\n`,
);
