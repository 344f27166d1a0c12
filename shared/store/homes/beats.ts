import { keys } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';

/**
 * A worker that lives, by its lease: the mark that it has left last on its disk, and since when it
 * runs (ms since 1970).
 */
export type Beat = { worker: string; mark: string; since: number };

/** A beat as the scripts store it, `BOOT SINCE MARK`; undefined when it is not readable. */
export function parseBeat(worker: string, text: string): (Beat & { boot: string }) | undefined {
  const [, boot, since, mark] = /^(\d+) (\d+) (\S+)$/.exec(text) ?? [];
  if (boot === undefined || mark === undefined) return undefined;
  return { worker, boot, mark, since: Number(since) };
}

/** The beats of a home's workers that live. */
export async function readBeats(redis: Redis, home: string): Promise<Beat[]> {
  const stored = Object.entries(await redis.hgetall(keys.beats(home)));
  const beats = stored.flatMap(([worker, text]) => parseBeat(worker, text) ?? []);
  if (beats.length === 0) return [];
  const leases = await redis.mget(beats.map(({ worker }) => keys.lease(worker)));
  return beats.filter(({ boot }, index) => leases[index] === boot);
}
