import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parseLua } from '../shared/store/redis/script-file.ts';

const run = promisify(execFile);
const root = path.join(import.meta.dirname, '..');
const read = (file: string): Promise<string> => readFile(path.join(root, file), 'utf8');

/** The examples of CONTRIBUTING.md, each with the file that it would be. */
async function readExamples(): Promise<{ file: string; code: string }[]> {
  const text = await read('CONTRIBUTING.md');
  return [...text.matchAll(/^```(?:ts|lua) (\S+)\n([^]*?)^```$/gm)].map(
    ([, file = '', code = '']) => ({
      file,
      code,
    }),
  );
}

test(
  'the examples of CONTRIBUTING.md compile where they say they would stand',
  { tags: 'long' },
  async () => {
    const examples = await readExamples();
    expect(examples.map(({ file }) => file.split('/')[0])).toEqual([
      'worker',
      'shared',
      'shared',
      'worker',
      'tests',
    ]);
    const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-contributing-'));
    try {
      for (const { file, code } of examples) {
        await mkdir(path.dirname(path.join(dir, file)), { recursive: true });
        await writeFile(path.join(dir, file), code);
      }
      await writeFile(path.join(dir, 'package.json'), '{ "type": "module" }');
      await symlink(path.join(root, 'node_modules'), path.join(dir, 'node_modules'));
      const config = {
        extends: path.join(root, 'tsconfig.json'),
        // What is not beside an example is where the project has it.
        compilerOptions: {
          rootDirs: [dir, root],
          typeRoots: [path.join(root, 'node_modules/@types')],
        },
        files: examples.map(({ file }) => file).filter((file) => file.endsWith('.ts')),
        include: [],
      };
      await writeFile(path.join(dir, 'tsconfig.json'), JSON.stringify(config));
      const tsc = path.join(root, 'node_modules', '.bin', 'tsc');
      const { stdout } = await run(tsc, ['-p', dir]).catch((error: { stdout: string }) => error);
      expect(stdout).toBe('');
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
);

test('the example of a script has the names that the example of its store declares', async () => {
  const examples = await readExamples();
  const lua = examples.find(({ file }) => file.endsWith('.lua'));
  const store = examples.find(({ code }) => code.includes('loadScript('));
  expect(store?.code).toContain(`'lua/${path.basename(lua?.file ?? '')}'`);
  const { keys, args } = parseLua(lua?.code ?? '');
  const [, declaredKeys, declaredArgs] =
    /keys: \['(.*)'\],\n\s*args: \['(.*)'\],/.exec(store?.code ?? '') ?? [];
  expect([keys.join("', '"), args.join("', '")]).toEqual([declaredKeys, declaredArgs]);
});

test('every folder that CONTRIBUTING.md names is there', async () => {
  const named = (await read('CONTRIBUTING.md')).matchAll(/^\| (`[^|]*`)/gm);
  const folders = [...named].flatMap(([, cell = '']) => cell.match(/[\w/]+(?=\/`)/g) ?? []);
  expect(folders.length).toBeGreaterThan(15);
  const isThere = async (folder: string): Promise<boolean> =>
    await readdir(path.join(root, folder)).then(
      (files) => files.length > 0,
      () => false,
    );
  const there = await Promise.all(folders.map(isThere));
  expect(folders.filter((_, index) => !there[index])).toEqual([]);
});

test('the workflow for GitHub runs .ci/run on both systems of the README, and .ci/run its commands', async () => {
  const workflow = await read('.github/workflows/ci.yml');
  const steps = [...workflow.matchAll(/^\s*- run: (.*)$/gm)].map(([, step]) => step);
  expect(steps).toEqual(['.ci/run']);
  expect(/os: \[(.*)\]/.exec(workflow)?.[1]).toBe('ubuntu-latest, macos-latest');
  const commands = (await read('.ci/run')).split('\n').filter((line) => line.startsWith('npm '));
  expect(commands).toEqual(['npm test', 'npm run check']);
  const readme = await read('README.md');
  for (const command of commands) expect(readme).toMatch(new RegExp(`^${command}( |$)`, 'm'));
  expect(readme).toMatch(/Node 20/);
  expect(workflow).toContain('node-version: 20');
  expect(workflow).toContain('has not run on GitHub yet');
});
