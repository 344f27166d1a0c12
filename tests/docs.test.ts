import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { scaled } from './support/machine-speed.ts';

const run = promisify(execFile);
const root = path.join(import.meta.dirname, '..');
const pages = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const scripts = Object.entries(JSON.parse(read('package.json')).scripts as Record<string, string>);
const entryOf = (script: string): string | undefined =>
  scripts
    .find(([name]) => name === script)?.[1]
    .split(' ')
    .findLast((word) => word.endsWith('.ts'));

/**
 * Every command that a page tells to type: what stands between backticks or in a block, without its
 * comments.
 */
function commandsOf(page: string): string[] {
  const text = read(page);
  const blocks = [...text.matchAll(/^```sh.*\n([^]*?)^```/gm)].flatMap((match) =>
    (match[1] ?? '').split('\n'),
  );
  const inline = [...text.replaceAll(/^```[^]*?^```/gm, '').matchAll(/`([^`]+)`/g)].map(
    (match) => match[1] ?? '',
  );
  return [...blocks, ...inline]
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '');
}

const commands = pages.flatMap((page) => commandsOf(page).map((command) => ({ page, command })));
/** The runs of our own scripts: `npm run NAME -- …`, and npm's short forms for start and test. */
const runs = commands.flatMap(({ page, command }) =>
  [...command.matchAll(/\bnpm (?:run ([\w-]+)|(start|test)\b)(?: -- (.*))?/g)].map((match) => ({
    page,
    script: match[1] ?? match[2] ?? '',
    rest: match[3] ?? '',
  })),
);

test('each script that a page names is there, and those that a person needs are named', () => {
  const names = new Set(scripts.map(([name]) => name));
  expect(runs.filter(({ script }) => !names.has(script))).toEqual([]);
  for (const name of [
    'start',
    'test',
    'send',
    'relay',
    'worker',
    'check',
    'deploy',
    'doctor',
    'teardown',
  ])
    expect(runs.map(({ script }) => script)).toContain(name);
});

test(
  'each option that a page names is one that the command explains',
  { tags: 'long' },
  async () => {
    const named = new Map<string, Set<string>>();
    for (const { script, rest } of runs)
      named.set(
        script,
        new Set([...(named.get(script) ?? []), ...(rest.match(/(?<=^|\s)--[\w-]+/g) ?? [])]),
      );
    const unknown = [...named]
      .filter(([, options]) => options.size > 0)
      .map(async ([script, options]) => {
        const { stdout } = await run(
          process.execPath,
          [
            '--disable-warning=ExperimentalWarning',
            path.join(root, entryOf(script) ?? ''),
            '--help',
          ],
          { cwd: root, timeout: scaled(60_000) },
        );
        return [...options]
          .filter((option) => !new RegExp(`${option}(?![\\w-])`).test(stdout))
          .map((option) => `${script} ${option}`);
      });
    expect((await Promise.all(unknown)).flat()).toEqual([]);
    expect(named.get('deploy')).toContain('--dry-run');
  },
);

test('each file, link and heading that a page leads to is there', () => {
  const anchorOf = (heading: string): string =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-');
  const broken = pages.flatMap((page) => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)|src="([^"]+)"/g)]
      .map((match) => match[1] ?? match[2] ?? '')
      .filter((link) => !link.startsWith('http'));
    const wrong = links.filter((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? page : path.join(path.dirname(page), file);
      if (!existsSync(path.join(root, target))) return true;
      return (
        anchor !== undefined &&
        ![...read(target).matchAll(/^#+ (.*)$/gm)].some(
          (match) => anchorOf(match[1] ?? '') === anchor,
        )
      );
    });
    // Files of ours in code: with a folder that is here, or as an argument of a command.
    const folders = new Set(
      readdirSync(root, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name),
    );
    const named = commandsOf(page)
      .flatMap((command) => command.split(/[\s"'(),]+/))
      .filter(
        (word) =>
          /^[\w.-]+(?:\/[\w.*-]+)+\/?$/.test(word) &&
          folders.has(word.split('/')[0] ?? '') &&
          !word.includes('*'),
      );
    const files = commandsOf(page).flatMap(
      (command) => command.match(/(?<=\s)(?:fly\.[\w.]+\.toml|\.env\.example)(?=\s|$)/g) ?? [],
    );
    return [
      ...wrong,
      ...[...named, ...files].filter((word) => !existsSync(path.join(root, word))),
    ].map((what) => `${page}: ${what}`);
  });
  expect(broken).toEqual([]);
});
