/**
 * A word of a command that may be the name of a file, relative to the workspace. `runs`: it stands
 * where a program or its script stands, so that its content counts whatever it is.
 */
export type NamedFile = { word: string; runs: boolean };

/**
 * The most words that one command may have (Claude Code's own hooks have some ten), and the longest
 * that may be a file's name.
 */
const mostWords = 400;
const longestWord = 500;

/** Programs whose next words name what they run. */
const runners = new RegExp(
  String.raw`^(?:\S*/)?(?:(?:ba|z|da|k|fi)?sh|node|deno|bun|python[\d.]*|pypy\d?|ruby|perl|php|lua|java|go|cargo|tsx|ts-node|npx|pnpx|bunx|uvx?|pipx|env|exec|eval|nohup|setsid|time|timeout|sudo|command|nice|ionice|xargs|source|\.|make|awk|sed)$`,
);

/**
 * The files that a command may name: its words as they stand, and below the directories that it
 * goes to. What a shell makes of patterns, and of variables other than CLAUDE_PROJECT_DIR, is not
 * known here. Undefined when there are too many.
 */
export function findNamedFiles(command: string): NamedFile[] | undefined {
  const simple = command.replaceAll(/\$\{?CLAUDE_PROJECT_DIR\}?/g, '.').replaceAll(/["'\\]/g, '');
  const quoted = [...command.matchAll(/'([^']+)'|"([^"]+)"/g)].map(
    ([, single, double]) => single ?? double ?? '',
  );
  // What is written to does not run; what is read from may.
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
 * What one simple command runs: its first word, and those behind a program that runs others.
 * Assignments before it are passed over.
 */
function runBy(command: string): string[] {
  const words = command.split(/\s+/).filter((word) => word !== '' && !/^\w+=/.test(word));
  const runner = words.findIndex((word) => runners.test(word));
  return words.filter(
    (word, index) => index === 0 || (runner !== -1 && index > runner && !word.startsWith('-')),
  );
}

/**
 * Whether the content of a named file belongs to what would run. A command's data, such as a log
 * that it writes, does not: else each run would be another.
 */
export function isProgram({ word, runs }: NamedFile, content: Buffer): boolean {
  return (
    runs ||
    /\.(?:[cm]?[jt]sx?|sh|bash|zsh|fish|py|rb|pl|php|lua|awk|jar|wasm|so|dylib|mk)$/i.test(word) ||
    content.subarray(0, 2).toString('latin1') === '#!' ||
    content.subarray(0, 4).toString('latin1') === '\x7fELF'
  );
}
