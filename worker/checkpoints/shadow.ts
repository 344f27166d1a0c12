import path from 'node:path';
import { parseJson, toJson } from '../../shared/runtime/json.ts';
import type { ShellResult } from '../agent/sandbox/shell.ts';
import {
  compareListings,
  excess,
  parseListing,
  remembered,
  toManifest,
  writeListing,
  writeManifest,
} from './listing.ts';
import type { Held } from './held.ts';
import { Note } from './note.ts';
import type { Numbered } from './note.ts';
import * as scripts from './scripts.ts';
import { findWay } from './way.ts';

/** Runs a script with the rights of the person's user. */
export type RunScript = (
  script: string,
  parameters: string[],
  input?: Buffer,
) => Promise<ShellResult>;

/**
 * The workspace cannot be kept: it has too many files, the disk is full, or a program is missing.
 * `message` is for the log.
 */
export class ShadowError extends Error {
  override name = 'ShadowError';
  /** Whether the workspace has too many files. */
  readonly isTooLarge: boolean;

  constructor(message: string, isTooLarge = false) {
    super(message);
    this.isTooLarge = isTooLarge;
  }
}

/**
 * The number of a checkpoint, and that of the one at which the current step of the turn began;
 * without a turn, of what goes on without one, and 0 when nothing does. `bytes` were stored anew.
 */
export type Kept = { number: number; base: number; bytes: number };

/**
 * The checkpoints of a workspace, in a git repository of their own in the person's home. They are
 * numbered from 1 on. Everything is repeatable after a crash at any place, and each method throws
 * ShadowError. Calls wait for one another.
 */
export type Shadow = {
  /**
   * Makes a checkpoint of the workspace, if it has changed since the last. With `turn` it is where
   * the turn's first step begins, unless the turn has one already. Completes a way back that was
   * cut off.
   */
  keep(turn?: string): Promise<Kept>;
  /**
   * Something goes on after its turn: what it changes from this checkpoint on belongs to the next
   * turn.
   */
  leaveOpen(number: number): Promise<void>;
  /** Adds a note, as a checkpoint with the same content as the last. */
  annotate(note: Note): Promise<number>;
  /** All notes, the oldest first. */
  history(): Promise<Numbered[]>;
  /** What these checkpoints hold. */
  read(numbers: readonly number[]): Promise<Held[]>;
  /** How two checkpoints differ, in the forms of `git diff-tree -z --raw --numstat`. */
  differ(before: number, after: number): Promise<Buffer>;
  /** The changes of pairs of contents, each at most `most` bytes of `git diff`. */
  patches(pairs: readonly [string, string][], most: number): Promise<Buffer[]>;
  /** A content of at most `most` bytes. */
  blob(id: string, most: number): Promise<Buffer | undefined>;
  /**
   * Which of these paths the repository in this directory of the workspace ignores. Where git does
   * not say it, as below a directory that is gone or has become a link, a path counts as ignored.
   */
  ignored(repository: string, paths: readonly string[]): Promise<Set<string>>;
  /** Takes the workspace from the last checkpoint to what `held` says. */
  goBack(held: Held, note: Note): Promise<number>;
  /** Forgets the checkpoints before this one. Returns what the others take on the disk (kB). */
  forget(oldest: number): Promise<number>;
};

export type ShadowPlace = {
  /** Where the repository is. */
  directory: string;
  workspace: string;
};

/** The content that git stores for an empty file. */
export const emptyBlob = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391';

/** How often git is asked which paths are ignored: it stops at a path that it refuses. */
const mostAsked = 10;

const faults = new Map([
  [66, 'there is no workspace'],
  [67, 'the workspace has too many files'],
  [75, 'another process has the checkpoints'],
]);

/** `now` is in ms since 1970. */
export function createShadow(
  { directory, workspace }: ShadowPlace,
  run: RunScript,
  now: () => number = Date.now,
): Shadow {
  let last: Promise<unknown> = Promise.resolve();
  /** One call after the other. */
  const inTurn = <Result>(call: () => Promise<Result>): Promise<Result> => {
    const called = last.then(call, call);
    last = called.catch(() => undefined);
    return called;
  };
  const call = async (
    script: string,
    parameters: (string | number)[] = [],
    input?: Buffer,
  ): Promise<Buffer> => {
    const words = [directory, workspace, ...parameters.map(String)];
    const { code, output, said } = await run(script, words, input).catch((error: unknown) => {
      throw new ShadowError(error instanceof Error ? error.message : String(error));
    });
    if (code === 0) return output;
    throw new ShadowError(
      faults.get(code ?? -1) ?? `a script ended with ${code}: ${said}`,
      code === 67,
    );
  };

  const look = async (
    turn: string,
  ): Promise<{ kept: Kept; rest: string; takenAt: number; listings: Buffer }> => {
    const takenAt = now();
    const output = await call(scripts.look, [turn]);
    const end = output.indexOf('\n');
    const [, number, base, rest = ''] =
      /^(\d+) (\d+) (\w+)$/.exec(output.toString('latin1', 0, Math.max(end, 0))) ?? [];
    if (rest === '') throw new ShadowError('a listing was not read');
    const kept = { number: Number(number), base: Number(base), bytes: 0 };
    return { kept, rest, takenAt, listings: output.subarray(end + 1) };
  };
  const keep = async (turn: string): Promise<Kept> => {
    const seen = await look(turn);
    if (seen.rest === 'same') return seen.kept;
    if (seen.rest === 'back') {
      await complete();
      return await keep(turn);
    }
    const size = Number(seen.rest);
    const listing = parseListing(seen.listings.subarray(0, size));
    const before = parseListing(seen.listings.subarray(size));
    const without = excess(listing, compareListings(before, listing).added);
    const { added, removed } = compareListings(before, listing, without);
    const paths = Buffer.from([...removed, ...added].map((each) => `${each}\0`).join(''), 'latin1');
    const manifest = writeManifest(toManifest(listing, without));
    const note = toNote({ kind: 'seen', at: new Date(seen.takenAt).toISOString() });
    const sizes = [paths, manifest, note].map(({ byteLength }) => byteLength);
    const listed = remembered(listing, seen.takenAt, without);
    const isSettled = [...listed.values()].every(({ size: known }) => known >= 0) ? 'yes' : '';
    const output = await call(
      scripts.store,
      [turn, removed.length, added.length, ...sizes, isSettled],
      Buffer.concat([paths, manifest, note, writeListing(listed)]),
    );
    const [number = 0, base = 0] = output.toString('latin1').trim().split(' ').map(Number);
    const bytes = added.reduce((sum, path) => sum + (listing.get(path)?.size ?? 0), 0);
    return { number, base, bytes };
  };
  const read = async (numbers: readonly number[]): Promise<Held[]> => {
    let rest = await call(scripts.contents, [...numbers]);
    return numbers.map(() => {
      const end = rest.indexOf('\n');
      const [one = 0, two = 0] = rest.toString('latin1', 0, end).split(' ').map(Number);
      const held = {
        manifest: parseListing(rest.subarray(end + 1, end + 1 + one)),
        blobs: readTree(rest.subarray(end + 1 + one, end + 1 + one + two)),
      };
      rest = rest.subarray(end + 1 + one + two);
      return held;
    });
  };
  const history = async (): Promise<Numbered[]> =>
    (await call(scripts.history))
      .toString('utf8')
      .split('\n')
      .flatMap((line) => {
        const [, number, text = ''] = /^(\d+) (.*)$/.exec(line) ?? [];
        const note = Note.safeParse(parseJson(text)).data;
        return number === undefined || !note ? [] : [{ number: Number(number), note }];
      })
      .toSorted((one, other) => one.number - other.number);
  /** Goes the way that was prepared, from the last checkpoint; also what is left of it. */
  const complete = async (): Promise<number> => {
    const from = (await history()).at(-1)?.number;
    const [before, after] = from === undefined ? [] : await read([from, 0]);
    if (!before || !after) throw new ShadowError('a checkpoint was not read');
    const { sections, modes } = findWay(before, after);
    const all = [...sections, ...modes.map(([, paths]) => paths)];
    return await number(
      call(
        scripts.apply,
        [
          ...sections.map(({ length }) => length),
          ...modes.map(([mode, paths]) => `${mode}:${paths.length}`),
        ],
        Buffer.from(all.flatMap((paths) => paths.map((each) => `${each}\0`)).join(''), 'latin1'),
      ),
    );
  };
  const findIgnored = async (
    repository: string,
    paths: readonly string[],
  ): Promise<Set<string>> => {
    const found = new Set(paths);
    let asked = [...paths];
    for (let round = 0; asked.length > 0 && round < mostAsked; round += 1) {
      const input = Buffer.from(asked.map((each) => `./${each}\0`).join(''), 'latin1');
      const answers = readIgnored(await call(scripts.ignored, [repository], input));
      for (const [each, isIgnored] of answers) if (!isIgnored) found.delete(each);
      const refused = asked.find((each) => !answers.has(each));
      if (refused === undefined) break;
      const beside = refused.slice(0, refused.lastIndexOf('/') + 1);
      asked = asked.filter(
        (each) =>
          !answers.has(each) && each !== refused && (beside === '' || !each.startsWith(beside)),
      );
    }
    return found;
  };
  return {
    keep: (turn = '') => inTurn(() => keep(turn)),
    leaveOpen: (at) => inTurn(async () => void (await call(scripts.leaveOpen, [at]))),
    annotate: (note) => inTurn(() => number(call(scripts.annotate, [], toNote(note)))),
    history: () => inTurn(history),
    read: (numbers) => inTurn(() => read(numbers)),
    differ: (before, after) => inTurn(() => call(scripts.differ, [before, after])),
    patches: (pairs, most) =>
      inTurn(async () => {
        const input = Buffer.from(pairs.map((pair) => `${pair.join(' ')}\n`).join(''));
        let rest = await call(scripts.patches, [most], input);
        return pairs.map(() => {
          const end = rest.indexOf('\n');
          const size = Number(rest.toString('latin1', 0, end));
          const patch = rest.subarray(end + 1, end + 1 + size);
          rest = rest.subarray(end + 1 + size);
          return patch;
        });
      }),
    blob: (id, most) =>
      inTurn(async () => await call(scripts.blob, [id, most]).catch(() => undefined)),
    ignored: (repository, paths) => inTurn(() => findIgnored(repository, paths)),
    goBack: (held, note) =>
      inTurn(async () => {
        const index = writeIndex(held);
        const manifest = writeManifest(held.manifest);
        const input = Buffer.concat([index, manifest, toNote(note)]);
        await call(scripts.prepare, [index.byteLength, manifest.byteLength], input);
        return await complete();
      }),
    forget: (oldest) => inTurn(() => number(call(scripts.forget, [oldest]))),
  };
}

async function number(output: Promise<Buffer>): Promise<number> {
  return Number((await output).toString('latin1').trim());
}

function toNote(note: Note): Buffer {
  return Buffer.from(toJson(note).replaceAll('\n', ' '));
}

/** The ids of contents by path, from `git ls-tree -r -z`. */
function readTree(output: Buffer): ReadonlyMap<string, string> {
  const lines = output.toString('latin1').split('\0');
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const [, id, file] = /^\d+ blob (\w+)\t([^]+)$/.exec(line) ?? [];
      return id === undefined || file === undefined ? [] : [[file, id]];
    }),
  );
}

/** Whether each path is ignored, from `git check-ignore -v -n -z` of paths that begin with `./`. */
function readIgnored(output: Buffer): ReadonlyMap<string, boolean> {
  const words = output.toString('latin1').split('\0');
  const answers = new Map<string, boolean>();
  for (let at = 0; at + 4 < words.length; at += 4) {
    const [source = '', , pattern = '', file = ''] = words.slice(at, at + 4);
    answers.set(file.slice('./'.length), source !== '' && !pattern.startsWith('!'));
  }
  return answers;
}

/** The form that `git update-index --index-info` reads. */
function writeIndex({ manifest, blobs }: Held): Buffer {
  const lines = [...blobs].map(([file, id]) => {
    const { type, mode } = manifest.get(file) ?? { type: 'f', mode: '644' };
    const isRun = (Number.parseInt(mode, 8) & 0o100) !== 0;
    return `${type === 'l' ? '120000' : isRun ? '100755' : '100644'} ${id}\t${file}\0`;
  });
  return Buffer.from(lines.join(''), 'latin1');
}

/** The directory of a workspace's checkpoints in a home. */
export function shadowDirectory(home: string, name: string): string {
  return path.join(home, 'checkpoints', name);
}
