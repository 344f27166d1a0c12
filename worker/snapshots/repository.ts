import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { HomeSnapshots } from '../../shared/store/home-snapshots.ts';
import { ResticFailure } from './restic.ts';
import type { Restic } from './restic.ts';

/** A complete snapshot in a person's repository; `at` is ms since 1970, whole seconds. */
export type StoredSnapshot = { id: string; at: number };

/** People's repositories. Methods throw ResticFailure. */
export type Repository = {
  /**
   * Stores what a packer writes, about `bytes` long, as a snapshot of the moment `at`. It counts
   * only after `complete`: a packer that dies halfway leaves a valid one, too. Returns its id.
   */
  store(
    person: string,
    packed: Readable,
    { at, bytes }: { at: number; bytes: number },
    signal: AbortSignal,
  ): Promise<string>;
  /** Marks a stored snapshot as complete. */
  complete(person: string, id: string): Promise<void>;
  /**
   * Takes away the locks of commands that were killed: on this machine at once, on another after
   * half an hour. The lock of a killed `tidy` lets nothing be stored.
   */
  unlock(person: string, signal?: AbortSignal): Promise<void>;
  /**
   * Makes the person's repository unless it exists. Two at once would damage it: each saves a key
   * of its own, and restic opens it with the wrong one (see `createSharedRepository`).
   */
  make(person: string, signal: AbortSignal): Promise<void>;
  /**
   * The newest complete snapshot, or the newest of those taken before a moment (ms since 1970);
   * undefined without such a snapshot, or without a repository.
   */
  newest(person: string, before?: number): Promise<StoredSnapshot | undefined>;
  /** Reads a snapshot back; it was whole once `ended` resolves. */
  read(
    person: string,
    id: string,
    signal?: AbortSignal,
  ): { output: Readable; ended: Promise<void> };
  /**
   * Removes all snapshots of a person and the data of theirs. May be repeated. Returns how many
   * snapshots there were.
   */
  empty(person: string): Promise<number>;
  /** Removes incomplete and outdated snapshots, and data that none needs. */
  tidy(person: string, signal?: AbortSignal): Promise<void>;
};

/** The name of the one file in a snapshot. */
const packedName = 'home.tar';

/** The tag of a snapshot whose both ends were well. */
const completeTag = 'complete';

/**
 * What is kept of a person's snapshots: the last five, and the last of each of 24 hours, 14 days
 * and 8 weeks.
 */
export const kept = [
  '--keep-last',
  '5',
  '--keep-hourly',
  '24',
  '--keep-daily',
  '14',
  '--keep-weekly',
  '8',
];

/** How long storing or reading a home may take (ms): 10 GB at 16 MB/s take ten minutes. */
const longMs = 30 * 60_000;

/**
 * How long storing a home may take (ms): one MB a second beside five minutes, so that a store that
 * never answers holds a small home, its move and the worker's sleep up no longer.
 */
function storingMs(bytes: number): number {
  return Math.min(5 * 60_000 + bytes / 1000, longMs);
}

const Listed = z.array(
  z.object({ id: z.string(), time: z.string(), tags: z.array(z.string()).nullish() }),
);
const Summary = z.object({ message_type: z.literal('summary'), snapshot_id: z.string() });

export function createRepository({ run, start }: Restic): Repository {
  const list = async (person: string): Promise<z.infer<typeof Listed>> =>
    Listed.parse(JSON.parse(await run({ person, args: ['snapshots', '--json', '--no-lock'] })));
  /** Undefined without a repository. */
  const listKnown = async (person: string): Promise<z.infer<typeof Listed> | undefined> =>
    await list(person).catch((error: unknown) => {
      if (error instanceof ResticFailure && error.kind === 'absent') return undefined;
      throw error;
    });
  const unlock: Repository['unlock'] = async (person, signal) => {
    await run({ person, args: ['unlock'], signal });
  };
  return {
    async empty(person) {
      const found = await listKnown(person);
      if (!found) return 0;
      await unlock(person);
      if (found.length > 0) await run({ person, args: ['forget', ...found.map(({ id }) => id)] });
      // All of it: what no snapshot needs may stay otherwise, up to a twentieth.
      await run({
        person,
        args: ['prune', '--max-unused', '0', '--quiet'],
        timeoutMs: longMs,
      });
      return found.length;
    },
    unlock,
    async store(person, packed, { at, bytes }, signal) {
      const time = new Date(at).toISOString().slice(0, 19).replace('T', ' ');
      const args = ['backup', '--stdin', '--stdin-filename', packedName, '--host', 'sidepocket'];
      const output = await run(
        {
          person,
          args: [...args, '--time', time, '--json', '--quiet'],
          signal,
          timeoutMs: storingMs(bytes),
        },
        packed,
      );
      const last = output.trim().split('\n').at(-1) ?? '';
      return Summary.parse(JSON.parse(last)).snapshot_id;
    },
    async complete(person, id) {
      // A tag needs no lock: it rewrites the snapshot's small file. A lock that a killed command
      // has left would refuse it.
      await run({ person, args: ['tag', '--no-lock', '--add', completeTag, id] });
    },
    async make(person) {
      await run({ person, args: ['init', '--quiet'] }).catch((error: unknown) => {
        // Another worker has been faster.
        if (!(error instanceof ResticFailure && /already exists/.test(error.message))) throw error;
      });
    },
    async newest(person, before = Infinity) {
      return ((await listKnown(person)) ?? [])
        .filter(({ tags }) => tags?.includes(completeTag))
        .map(({ id, time }) => ({ id, at: Date.parse(time) }))
        .filter(({ at }) => at < before)
        .toSorted((one, other) => other.at - one.at)[0];
    },
    read: (person, id, signal) =>
      start({
        person,
        args: ['dump', '--no-lock', id, packedName],
        signal,
        timeoutMs: longMs,
      }),
    async tidy(person, signal) {
      await unlock(person, signal);
      const broken = (await list(person)).filter(
        // Another worker may be about to mark a younger one.
        ({ tags, time }) =>
          !tags?.includes(completeTag) && Date.parse(time) < Date.now() - 2 * longMs,
      );
      if (broken.length > 0)
        await run({ person, args: ['forget', ...broken.map(({ id }) => id)], signal });
      await run({
        person,
        args: [
          'forget',
          '--tag',
          completeTag,
          '--group-by',
          '',
          ...kept,
          '--prune',
          '--quiet',
          // Of people who have had no snapshot here for 30 days.
          '--cleanup-cache',
        ],
        signal,
        timeoutMs: longMs,
      });
    },
  };
}

/** The same for several workers on one Redis: one at a time makes a person's repository. */
export function createSharedRepository(
  repository: Repository,
  { makeOnce }: Pick<HomeSnapshots, 'makeOnce'>,
): Repository {
  return {
    ...repository,
    make: (person, signal) => makeOnce(person, () => repository.make(person, signal), signal),
  };
}
