import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { loadScript, parseLua, scriptNameOf } from '../../shared/store/redis/script-file.ts';
import { callOf, runScript } from '../../shared/store/redis/script.ts';
import { functionFiles, scriptFiles, scriptNames } from '../support/script-files.ts';
import { withRedis } from '../support/redis.ts';

const root = path.join(import.meta.dirname, '../..');

/** Every `loadScript` of the product: the module, and the file of Lua that it names. */
function loaded(): { module: string; file: string }[] {
  return ['shared', 'relay', 'worker'].flatMap((room) =>
    readdirSync(path.join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => {
        const module = path.join(room, name);
        const text = readFileSync(path.join(root, module), 'utf8');
        return [...text.matchAll(/loadScript\(new URL\('([^']+)'/g)].map(([, file = '']) => ({
          module,
          file: path.join(path.dirname(module), file),
        }));
      }),
  );
}

/** Writes a Lua file, and hands over where it is. */
async function withFile<T>(text: string, use: (file: URL) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-lua-'));
  const file = path.join(dir, 'test-one.lua');
  try {
    await writeFile(file, text);
    return await use(pathToFileURL(file));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

test('every file is the script of one module, which declares what the file’s header names', async () => {
  const files = scriptFiles().map(({ file }) => file);
  expect(files.length).toBeGreaterThan(50);
  expect(
    loaded()
      .map(({ file }) => file)
      .toSorted(),
  ).toEqual(files);
  expect(new Set(scriptNames()).size).toBe(files.length);
  // A module whose script has another header does not load.
  for (const { module } of loaded()) await import(path.join(root, module));
});

test('a script with names of its own does not load, and one with the declared names runs', async () => {
  const text =
    '-- What it does.\n-- keys: box\n-- args: id\n-- args: text\nreturn { box, id, text }\n';
  await withFile(text, async (file) => {
    const names = { keys: ['box'], args: ['id', 'text'] } as const;
    const script = loadScript(file, names);
    expect(script.name).toBe('sidepocketTestOne');
    await withRedis(async (redis) => {
      const given = { keys: { box: 'b' }, args: { text: 't', id: 'i' } };
      expect(await runScript(redis, script, given)).toEqual(['b', 'i', 't']);
    });
    // @ts-expect-error The argument has another name.
    expect(() => callOf(script, { keys: { box: 'b' }, args: { id: 'i', word: 't' } })).toThrow(
      'script sidepocketTestOne is given no text',
    );
    for (const wrong of [
      { ...names, keys: ['inbox'] },
      { ...names, args: ['text', 'id'] },
      { ...names, args: ['id'] },
      { ...names, rest: 'others' },
      { ...names, fence: 'required' },
    ] as const)
      expect(() => loadScript(file, wrong)).toThrow(/test-one\.lua has the \w+ “/);
  });
});

test('the functions that a script uses stand before it, each once and after what they use', async () => {
  const text = '-- uses: requeue, entry\n-- derives: reply:*\nreturn type(requeue)\n';
  await withFile(text, async (file) => {
    const { lua } = loadScript(file, {});
    const at = ['local function idOf(', 'local function join(', 'local function requeue('].map(
      (words) => lua.split(words),
    );
    expect(at.map((parts) => parts.length)).toEqual([2, 2, 2]);
    expect(lua.indexOf('function idOf(')).toBeLessThan(lua.indexOf('function requeue('));
    expect(lua).toContain('-- derives: reply:*\nreturn type(requeue)');
  });
  // What it does not call, and comments, are not sent each time.
  const one = '-- uses: person\n-- A comment.\nlocal a = 1 -- another\n  return personOf(a)\n';
  await withFile(one, async (file) => {
    const { lua } = loadScript(file, {});
    expect(lua.match(/^local function \w+/gm)).toEqual([
      'local function makeWay',
      'local function personOf',
    ]);
    expect(lua.match(/^--.*/gm)).toEqual([
      '-- sidepocketTestOne',
      '-- derives: unreadable:*',
      '-- derives: people, person:*',
    ]);
    expect(lua).toMatch(/\nlocal a = 1 -- another\nreturn personOf\(a\)$/);
  });
  await withFile('-- uses: nothing-such\nreturn 1\n', async (file) => {
    expect(() => loadScript(file, {})).toThrow('nothing-such');
  });
});

test('each file uses the files whose functions it calls, and no others', () => {
  const files = [...scriptFiles(), ...functionFiles()].map(({ file, text }) => ({
    file,
    ...parseLua(text),
  }));
  /** What a file of functions gives; numbers stand in a file that has none. */
  const givenBy = (code: string): RegExp[] => {
    const functions = [...code.matchAll(/^local function (\w+)/gm)];
    const numbers =
      functions.length > 0 ? [] : (/^local ([\w, ]+) = /m.exec(code)?.[1] ?? '').split(', ');
    return [
      ...functions.map(([, name]) => new RegExp(String.raw`(?<![.:\w])${name}\(`, 'g')),
      ...numbers.map((name) => new RegExp(String.raw`\b${name}\b`, 'g')),
    ];
  };
  const given = files
    .filter(({ file }) => file.includes('/functions/'))
    .map(({ file, code }) => ({ name: path.basename(file, '.lua'), file, names: givenBy(code) }));
  const wrong = files.flatMap(({ file, uses, code }) => {
    const own = new Set(code.match(/(?<=\bfunction )\w+\(/g));
    const calls = code.replaceAll(/--.*|'[^'\n]*'|\blocal function \w+/g, ' ');
    const called = given
      .filter((other) => other.file !== file)
      .filter(({ names }) =>
        names.some((name) => (calls.match(name) ?? []).some((hit) => !own.has(hit))),
      )
      .map(({ name }) => name);
    return [
      ...uses.filter((name) => !called.includes(name)).map((name) => `${file} needs no ${name}`),
      ...called.filter((name) => !uses.includes(name)).map((name) => `${file} calls ${name}`),
    ];
  });
  expect(wrong).toEqual([]);
  const used = new Set(files.flatMap(({ uses }) => uses));
  expect(given.filter(({ name }) => !used.has(name))).toEqual([]);
});

test('Redis compiles every script', async () => {
  await withRedis(async (redis) => {
    for (const { file } of scriptFiles()) {
      const text = await readFile(path.join(root, file), 'utf8');
      const { keys, args, rest, fence } = parseLua(text);
      const declared = { keys, args, ...(rest ? { rest } : {}), ...(fence ? { fence } : {}) };
      const script = loadScript(pathToFileURL(path.join(root, file)), declared as object);
      expect(script.name).toBe(scriptNameOf(file));
      expect(await redis.script('LOAD', script.lua)).toMatch(/^[0-9a-f]{40}$/);
    }
  });
});
