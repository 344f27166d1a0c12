import { createHash, randomUUID } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../shared/runtime/json.ts';
import type { Beat } from '../../shared/store/homes/beats.ts';
import { createKeptDirectory } from '../secrets/kept-directory.ts';

/** The directory of what the worker itself notes on a disk, below DATA_DIR. */
export const diskDirectory = '.sidepocket';

/**
 * A worker's mark on its disk, which changes while it lives. Workers of one disk see each other's;
 * on a copy of the disk, whose home has the same name and id, the marks of the original stand
 * still.
 */
export type DiskBeat = {
  /** When this worker began (ms since 1970): of two disks, the later one yields. */
  readonly since: number;
  /** How long a look may take to be worth anything (ms): marks change meanwhile. */
  readonly freshMs: number;
  /** Renews the mark, if it is old enough, and returns it; '' while the disk takes none. */
  renew(): Promise<string>;
  /** The first worker among these, by their newest marks, whose disk is not this one. */
  strangerAmong(beats: readonly Beat[]): Promise<Beat | undefined>;
};

/** How long a mark stays (ms), half the time between two renewals of the lease. */
const usualFreshMs = 10_000;

/**
 * How many marks of a worker are on the disk: Redis may be one behind, and two while it is looked
 * up.
 */
const keptMarks = 3;

const Marks = z.array(z.string());

export function createDiskBeat(
  dataDir: string,
  worker: string,
  { freshMs = usualFreshMs, now = Date.now }: { freshMs?: number; now?: () => number } = {},
): DiskBeat {
  const directory = createKeptDirectory(path.join(dataDir, diskDirectory));
  const since = now();
  let marks: string[] = [];
  let markedAt = -Infinity;
  /** Whether a mark is here; a disk that cannot be read says nothing against it. */
  const has = async ({ worker: of, mark }: Beat): Promise<boolean> => {
    try {
      const bytes = await directory.read(fileOf(of));
      return (
        Marks.safeParse(bytes && parseJson(bytes.toString('utf8'))).data?.includes(mark) ?? false
      );
    } catch {
      return true;
    }
  };
  return {
    since,
    freshMs,
    async renew() {
      if (now() - markedAt < freshMs) return marks.at(-1) ?? '';
      const next = [...marks, randomUUID()].slice(-keptMarks);
      try {
        // On the disk first: a worker that learns of a mark from Redis finds it there.
        await directory.write(fileOf(worker), Buffer.from(JSON.stringify(next)));
        [marks, markedAt] = [next, now()];
      } catch {
        // A full disk: the last mark stays, here as there.
      }
      return marks.at(-1) ?? '';
    },
    async strangerAmong(beats) {
      for (const beat of beats) if (beat.worker !== worker && !(await has(beat))) return beat;
      return undefined;
    },
  };
}

/** A worker of the same home on another disk; `isFirst`: it was there before, so this one ends. */
export type Stranger = { worker: string; isFirst: boolean };

/** One look at the other workers of a home, from the mark that goes to Redis to the marks on the disk. */
export type Look = { mark: string; stranger(others: Beat[]): Promise<Stranger | undefined> };

/**
 * Looks with each renewal whether every other worker of the home has its marks on this disk. A look
 * that took too long says nothing, since marks change meanwhile; neither does a single one.
 */
export function createDiskWatch(
  disk: DiskBeat,
  worker: string,
  now: () => number = Date.now,
): { mark(): Promise<Look> } {
  let suspect: string | undefined;
  return {
    async mark() {
      const begun = now();
      return {
        mark: await disk.renew(),
        async stranger(others) {
          const found = await disk.strangerAmong(others);
          if (now() - begun > disk.freshMs) return undefined;
          const isSure = found !== undefined && found.worker === suspect;
          suspect = found?.worker;
          if (!found || !isSure) return undefined;
          return {
            worker: found.worker,
            isFirst: yieldsTo({ worker, since: disk.since }, found),
          };
        },
      };
    },
  };
}

/** Whether this worker yields to another one of the same home on another disk. */
function yieldsTo(own: { worker: string; since: number }, other: Beat): boolean {
  return other.since === own.since ? other.worker < own.worker : other.since < own.since;
}

/** A worker's name may have any characters. */
function fileOf(worker: string): string {
  return `beat-${createHash('sha256').update(worker).digest('hex').slice(0, 16)}.json`;
}
