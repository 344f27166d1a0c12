import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..', '..');

/** A regular expression as it stands in a source file. */
export type Expression = { file: string; line: number; expression: RegExp };

/** What may stand before a regular expression; after anything else a slash divides. */
const before = String.raw`(?<=[(,=:[!&|?{};>]\s*|\breturn\s+|^\s*)`;
const literal = new RegExp(
  String.raw`${before}/(?![*/\s])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+)/([dgimsuvy]*)(?=[\s.,;)\]:?}]|$)`,
  'gm',
);

/** Every regular expression that is written down in the folders. */
export function readExpressions(...folders: string[]): Expression[] {
  const files = folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      path.join(folder, name),
    ),
  );
  return files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(path.join(root, file), 'utf8').replaceAll(
        /^\s*(?:\/\/|\*|\/\*\*).*$/gm,
        '',
      );
      return [...text.matchAll(literal)].flatMap((match) => {
        const [, source = '', flags = ''] = match;
        const line = text.slice(0, match.index).split('\n').length;
        return [{ file, line, expression: new RegExp(source, flags) }];
      });
    });
}

/**
 * Stretches of signs that an expression looks for, such as `<!--`, and single signs that its
 * classes may mean.
 */
function tokensOf({ source }: RegExp): string[] {
  const plain = source
    .replaceAll(/\\[nrt]/g, (escape) => ({ n: '\n', r: '\r', t: '\t' })[escape.slice(1)] ?? ' ')
    .replaceAll(/\\[pPu]\{[^}]*\}|\\[bBdDwWsSk]|\(\?<?[=!:]|\(\?<\w+>/g, '\0')
    .replaceAll(/\\(.)/g, '$1');
  const runs = plain.match(/[^\0()[\]{}*+?|^$\\]{2,12}/g) ?? [];
  return [
    ...new Set([...runs, ...plain.replaceAll('\0', ''), ' ', '\n', 'a', '0', '"', 'é']),
  ].slice(0, 40);
}

/**
 * Texts that make an expression try many ways: repeats of what it looks for, alone and in pairs,
 * after a good beginning and before a bad end; each by how often it repeats itself.
 */
export function attacksOn(expression: RegExp): ((times: number) => string)[] {
  const tokens = tokensOf(expression);
  const pairs = tokens
    .slice(0, 10)
    .flatMap((one) => tokens.slice(0, 10).map((other) => one + other));
  const pumps = [...new Set([...tokens, ...pairs])];
  const beginnings = ['', 'x', ...tokens.filter((token) => token.length > 1).slice(0, 2)];
  return pumps.flatMap((pump) =>
    beginnings.map((beginning) => (times: number) => `${beginning}${pump.repeat(times)}\0!`),
  );
}

/**
 * Whether looking through a text takes this thread longer than so many ms. The clock is asked
 * first: its time is never less than the processor's, which costs much more to ask for.
 */
export function takesOver(ms: number, expression: RegExp, text: string): boolean {
  const begun = performance.now();
  look(expression, text);
  return performance.now() - begun > ms && timeOf(expression, text) > ms;
}

function look(expression: RegExp, text: string): void {
  if (expression.global) text.replaceAll(expression, '');
  else expression.exec(text);
}

/**
 * The processor's time (ms) that looking through a text so many `times` takes this thread. Where the
 * kernel counts by its ticks, it is a multiple of some milliseconds.
 */
export function timeOf(expression: RegExp, text: string, times = 1): number {
  const begun = process.threadCpuUsage();
  for (let time = 0; time < times; time += 1) look(expression, text);
  const { user, system } = process.threadCpuUsage(begun);
  return (user + system) / 1000;
}
