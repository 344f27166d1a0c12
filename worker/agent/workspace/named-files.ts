/**
 * A word of a command that may be a file name, relative to the workspace. `runs`: it is in the
 * position of a program or script, so its content counts whatever it is.
 */
export type NamedFile = { word: string; runs: boolean };

/**
 * Limits on the words of one command (Claude Code's own hooks have some ten) and on the length of a
 * file name.
 */
const mostWords = 400;
const longestWord = 500;

/** Programs that run what their next words name. */
const runners = new RegExp(
  String.raw`^(?:\S*/)?(?:(?:ba|z|da|k|fi)?sh|node|deno|bun|python[\d.]*|pypy\d?|ruby|perl|php|lua|java|go|cargo|tsx|ts-node|npx|pnpx|bunx|uvx?|pipx|env|exec|eval|nohup|setsid|time|timeout|sudo|command|nice|ionice|xargs|source|\.|make|awk|sed)$`,
);

/**
 * The files that a command may name: its words as written, also below the directories that it
 * changes to. Shell patterns, and variables other than CLAUDE_PROJECT_DIR, are not expanded.
 * Undefined when there are too many.
 */
export function findNamedFiles(command: string): NamedFile[] | undefined {
  const simple = command.replaceAll(/\$\{?CLAUDE_PROJECT_DIR\}?/g, '.').replaceAll(/["'\\]/g, '');
  const quoted = [...command.matchAll(/'([^']+)'|"([^"]+)"/g)].map(
    ([, single, double]) => single ?? double ?? '',
  );
  // Files written to do not run; files read from may.
  const commands = simple
    .replaceAll(/(?<!\d)\d*>+[&|]?\s*[^\s;|&()<>]*/g, ' ')
    .replaceAll('<', ' ');
  const running = new Set(commands.split(/[;|&()`\n]+|\s-\w*c\s/).flatMap(runBy));
  const words = [...new Set([...simple.split(/[\s`;|&()<>=,]+/), ...quoted, command])].filter(
    (word) => word !== '' && word.length <= longestWord,
  );
  const directories = new Set(
    [...simple.matchAll(/(?:\b(?:cd|pushd)|-C|--prefix|--cwd)[\s=]+([^\s;|&()<>]+)/g)].map(
      ([, directory = '']) => directory,
    ),
  );
  if (words.length * (directories.size + 1) > mostWords) return undefined;
  const named = words.map((word) => ({ word, runs: running.has(word) }));
  return [
    ...named,
    ...[...directories].flatMap((directory) =>
      named.map(({ word, runs }) => ({ word: `${directory}/${word}`, runs })),
    ),
  ];
}

/**
 * What one simple command runs: its first word, and the words after a program that runs others.
 * Skips leading assignments.
 */
function runBy(command: string): string[] {
  const words = command.split(/\s+/).filter((word) => word !== '' && !/^\w+=/.test(word));
  const runner = words.findIndex((word) => runners.test(word));
  return words.filter(
    (word, index) => index === 0 || (runner !== -1 && index > runner && !word.startsWith('-')),
  );
}

/**
 * Whether a named file's content is part of what would run. A command's data, such as a log that it
 * writes, is not: it would need a new approval for each run.
 */
export function isProgram({ word, runs }: NamedFile, content: Buffer): boolean {
  return (
    runs ||
    /\.(?:[cm]?[jt]sx?|sh|bash|zsh|fish|py|rb|pl|php|lua|awk|jar|wasm|so|dylib|mk)$/i.test(word) ||
    content.subarray(0, 2).toString('latin1') === '#!' ||
    content.subarray(0, 4).toString('latin1') === '\x7fELF'
  );
}
