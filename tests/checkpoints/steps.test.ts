import { expect, test } from 'vitest';
import { beyondFiles, mayChangeFiles } from '../../worker/checkpoints/beyond.ts';
import { revert } from '../../worker/checkpoints/held.ts';
import type { Held } from '../../worker/checkpoints/held.ts';
import { excess, remembered } from '../../worker/checkpoints/listing.ts';
import type { Entry } from '../../worker/checkpoints/listing.ts';
import { readSteps } from '../../worker/checkpoints/note.ts';
import type { Note, Numbered } from '../../worker/checkpoints/note.ts';
import { parseRawDiff } from '../../worker/checkpoints/raw-diff.ts';
import { changeLine, countWords, listWords } from '../../worker/checkpoints/format-changes.ts';

const counts = { files: 1, added: 1, removed: 0, ignored: 0 };
const seen = (number: number): Numbered => ({ number, note: { kind: 'seen', at: '' } });
const step = (number: number, turn: string, base: number, isEmpty = false): Numbered => ({
  number,
  note: {
    kind: 'step',
    at: '',
    base,
    turn,
    asked: '',
    session: '',
    title: turn,
    counts,
    beyond: [],
    ...(isEmpty ? { isEmpty } : {}),
  },
});
const back = (number: number, way: 'undo' | 'redo', steps: number[]): Numbered => {
  const note: Note = { kind: 'back', at: '', from: number - 1, way, steps, by: `m${number}` };
  return { number, note };
};
const numbers = (history: Numbered[]): { done: number[]; undone: number | undefined } => {
  const { done, undone } = readSteps(history);
  return { done: done.map(({ number }) => number), undone: undone?.number };
};

test('what can be taken back, and what can be brought back, follows from what was done in turn', () => {
  const two = [seen(1), step(2, 'a', 1), step(3, 'b', 2)];
  expect(numbers(two)).toEqual({ done: [2, 3], undone: undefined });
  expect(numbers([...two, back(4, 'undo', [3])])).toEqual({ done: [2], undone: 4 });
  const both = [...two, back(4, 'undo', [3]), back(5, 'undo', [2])];
  expect(numbers(both)).toEqual({ done: [], undone: 5 });
  expect(numbers([...both, back(6, 'redo', [2])])).toEqual({ done: [2], undone: 4 });
  expect(numbers([...both, back(6, 'redo', [2]), back(7, 'redo', [3])])).toEqual({
    done: [2, 3],
    undone: undefined,
  });
  // New work ends the way forward.
  expect(numbers([...both, step(6, 'c', 5)])).toEqual({ done: [6], undone: undefined });
});

test('a turn is one step that grows, none when it has changed all of it back, and none when its beginning is forgotten', () => {
  expect(numbers([seen(1), step(2, 'a', 1), step(3, 'a', 1)])).toEqual({
    done: [3],
    undone: undefined,
  });
  expect(numbers([seen(1), step(2, 'a', 1), step(3, 'a', 1, true)]).done).toEqual([]);
  expect(numbers([step(5, 'a', 3), step(6, 'b', 5)]).done).toEqual([6]);
});

/** `path: content` for files, `path: undefined` for directories. */
function held(files: Record<string, string | undefined>, leftOut: string[] = []): Held {
  const entry = (type: string): Entry => ({
    type,
    mode: type === 'd' ? '755' : '644',
    size: 0,
    changed: '0',
  });
  return {
    manifest: new Map([
      ...Object.entries(files).map(([path, content]): [string, Entry] => [
        path,
        entry(content === undefined ? 'd' : 'f'),
      ]),
      ...leftOut.map((path): [string, Entry] => [path, entry('o')]),
    ]),
    blobs: new Map(
      Object.entries(files).flatMap(([path, content]) =>
        content === undefined ? [] : [[path, content]],
      ),
    ),
  };
}
const filesOf = ({ blobs }: Held): Record<string, string> => Object.fromEntries(blobs);

test('only what the work has changed goes back: what changed beside it stays', () => {
  const before = held({ a: '1', b: '1', c: '1' });
  const after = held({ a: '2', c: '1', d: '2' });
  const now = held({ a: '2', c: 'by hand', d: '2', e: 'by hand' });
  const { held: then, kept } = revert(now, [{ before, after }]);
  expect(filesOf(then)).toEqual({ a: '1', b: '1', c: 'by hand', e: 'by hand' });
  expect(kept).toEqual([]);
});

test('of several pieces of work each path is as before the first that changed it', () => {
  const spans = [
    { before: held({ a: '1', b: '1' }), after: held({ a: '2', b: '1' }) },
    // `b` was changed by hand in between.
    { before: held({ a: '2', b: 'hand' }), after: held({ a: '3', b: '3' }) },
  ];
  const { held: then } = revert(held({ a: '3', b: '3' }), spans);
  expect(filesOf(then)).toEqual({ a: '1', b: 'hand' });
});

test('a directory that holds what is not kept is not replaced', () => {
  const before = held({ x: 'file' });
  const after = held({ x: undefined, 'x/y': '1' }, ['x/.git']);
  const { held: then, kept } = revert(after, [{ before, after }]);
  expect(kept).toEqual(['x', 'x/.git']);
  expect(then.manifest.get('x')?.type).toBe('d');
  expect(then.blobs.has('x/y')).toBe(false);
});

test('what came, went or changed without being kept is named, and the rest goes back', () => {
  const withLarge = (of: Held, large: Record<string, number>): Held => ({
    ...of,
    manifest: new Map([
      ...of.manifest,
      ...Object.entries(large).map(([path, size]): [string, Entry] => [
        path,
        { type: 'o', mode: '644', size, changed: '1' },
      ]),
    ]),
  });
  const before = withLarge(held({ a: '1' }), { same: 9, gone: 9, grown: 9, 'app/.git': 0, lib: 0 });
  const after = withLarge(held({ a: '2' }), { same: 9, grown: 10, fresh: 9 });
  const { held: then, kept } = revert(after, [{ before, after }]);
  expect(filesOf(then)).toEqual({ a: '1' });
  expect(kept.toSorted()).toEqual(['app/.git', 'fresh', 'gone', 'grown']);
});

test('what may have been in a directory that could not be looked into stays, and a file that cannot be read goes back to what it was', () => {
  const withEntry = (of: Held, path: string, type: string, mode: string): Held => ({
    ...of,
    manifest: new Map([...of.manifest, [path, { type, mode, size: 0, changed: '0' }]]),
  });
  for (const mode of ['0', '300', '644']) {
    const closed = withEntry(held({}), 'd', 'd', mode);
    const after = held({ d: undefined, 'd/f': '1', 'd/e/f': '1', g: '1' });
    const { held: then } = revert(after, [{ before: closed, after }]);
    expect(filesOf(then)).toEqual({ 'd/f': '1', 'd/e/f': '1' });
    expect(then.manifest.get('d')?.mode).toBe(mode);
  }
  const before = held({ a: '1' });
  const unreadable = ['a', 'b'].reduce((of, path) => withEntry(of, path, 'u', '0'), held({}));
  const { held: then, kept } = revert(unreadable, [{ before, after: unreadable }]);
  expect(filesOf(then)).toEqual({ a: '1' });
  // Nothing could bring it back again.
  expect(kept).toEqual(['b']);
});

test('the largest files are left out first when there is too much', () => {
  const entry = (size: number): Entry => ({ type: 'f', mode: '644', size, changed: '0' });
  const listing = new Map([
    ['big', entry(70)],
    ['small', entry(20)],
    ['middle', entry(40)],
  ]);
  expect([...excess(listing, [...listing.keys()], 100)]).toEqual(['big']);
});

test('a file that may change again within the tick of its last change is remembered as unknown', () => {
  const file = (changed: string): Entry => ({ type: 'f', mode: '644', size: 3, changed });
  const listing = new Map([
    ['young', file('999.95')],
    ['old', file('999.5')],
    ['too large', file('1')],
  ]);
  const sizes = [...remembered(listing, 1_000_000, new Set(['too large']))].map(
    ([path, { size }]) => `${path} ${size}`,
  );
  expect(sizes).toEqual(['young -1', 'old 3', 'too large -1']);
});

test('git’s raw form is read with renames, binaries, and entries that became something else', () => {
  const [zero, one, two] = ['0'.repeat(40), '1'.repeat(40), '2'.repeat(40)];
  const output = [
    `:100644 100644 ${one} ${two} M`,
    'a\tb',
    `:100644 100755 ${one} ${one} R100`,
    'old',
    'new',
    `:000000 100644 ${zero} ${two} A`,
    'pic.png',
    `:100644 120000 ${one} ${two} T`,
    'link',
    '3\t1\ta\tb',
    '0\t0\t',
    'old',
    'new',
    '-\t-\tpic.png',
    '0\t9\tlink',
    '1\t0\tlink',
    '',
  ].join('\0');
  expect(parseRawDiff(Buffer.from(output, 'latin1'))).toEqual([
    { path: 'a\tb', kind: 'changed', pair: [one, two], added: 3, removed: 1, isText: true },
    {
      path: 'new',
      from: 'old',
      kind: 'renamed',
      pair: [one, one],
      added: 0,
      removed: 0,
      isText: true,
    },
    { path: 'pic.png', kind: 'added', pair: [undefined, two], added: 0, removed: 0, isText: false },
    { path: 'link', kind: 'changed', pair: [one, two], added: 1, removed: 9, isText: true },
  ]);
});

test('what does not go back with the files is named', () => {
  const of = (summary: string): string | undefined => beyondFiles({ name: 'Bash', summary });
  expect(of('npm test && git push origin main')).toBe('a push to a repository elsewhere');
  expect(of('gh pr create --fill')).toBe('a change on GitHub');
  expect(of('fly deploy')).toBe('a deployment');
  expect(of('npm publish')).toBe('a published package');
  expect(of('curl -X DELETE https://a.example/1')).toBe('a request to another server');
  expect(of('git commit -am "x"')).toBe('what git has recorded, such as a commit');
  for (const harmless of ['ls', 'git status', 'curl https://a.example', 'npm test'])
    expect(of(harmless), `${harmless}`).toBeUndefined();
  expect(beyondFiles({ name: 'mcp__whatsapp__send_message', summary: 'hi' })).toBe(
    'messages in this chat',
  );
  expect(beyondFiles({ name: 'Write', summary: 'a' })).toBeUndefined();
  expect(
    ['Bash', 'Edit', 'Write', 'Task', 'mcp__own__do'].filter((name) => !mayChangeFiles({ name })),
  ).toEqual([]);
  expect(
    ['Read', 'Grep', 'mcp__whatsapp__send_file'].filter((name) => mayChangeFiles({ name })),
  ).toEqual([]);
});

test('the line says how much, and names a single file', () => {
  const of = (files: number, ignored = 0): string =>
    countWords({ files, added: 120, removed: 34, ignored }, 'a.ts');
  expect(of(7)).toBe('7 files, +120 −34');
  expect(of(1)).toBe('a.ts, +120 −34');
  expect(of(3, 1)).toBe('2 files, +120 −34, and 1 file that git ignores');
  expect(of(2, 2)).toBe('2 files that git ignores');
  expect(countWords({ files: 1200, added: 12_345, removed: 1000, ignored: 0 })).toBe(
    '1,200 files, +12,345 −1,000',
  );
  expect(changeLine(counts, 'a.ts', 'https://x')).toBe('a.ts, +1 −0 · see it: https://x · /undo');
  expect(listWords(['a', 'b', 'c'])).toBe('a, b and c');
});
