import type { Log } from '../../runtime/log.ts';
import type { TellOwner } from '../owner.ts';
import type { Redis } from './redis.ts';

/**
 * How much memory Redis uses, and how much it may (bytes); `mostBytes` is 0 where it has no limit.
 */
export type MemoryUse = { usedBytes: number; mostBytes: number };

/**
 * From this share on new files and pages are refused, and from the next the owner is told. Messages
 * are taken until Redis refuses them.
 */
export const noFilesFrom = 0.7;
export const pressureFrom = 0.85;

/** How long an answer of Redis's counts (ms). */
const believedMs = 5000;
/** How often a Redis that is nearly full is told of (ms). */
const warnEveryMs = 600_000;

/** What is done when Redis is nearly full. */
export type OnPressure = (use: MemoryUse) => void;

/** Redis's memory as one process sees it. Nothing here asks by itself. */
export type RedisMemory = {
  /**
   * At most one command in five seconds, however many ask; undefined when Redis does not tell.
   * Never throws.
   */
  read(): Promise<MemoryUse | undefined>;
  /** Whether a new file or page may be kept. */
  hasRoom(): Promise<boolean>;
  /** What a script has told of it. */
  note(use: MemoryUse): void;
};

/** The share that is used; 0 without a limit. */
export function shareOf({ usedBytes, mostBytes }: MemoryUse): number {
  return mostBytes > 0 ? usedBytes / mostBytes : 0;
}

/** What INFO's part about memory says; undefined when it does not tell. */
export function parseMemory(info: string): MemoryUse | undefined {
  const used = /^used_memory:(\d+)/m.exec(info)?.[1];
  return used === undefined
    ? undefined
    : { usedBytes: Number(used), mostBytes: Number(/^maxmemory:(\d+)/m.exec(info)?.[1] ?? 0) };
}

/** What the owner hears of a Redis that is nearly full. */
export function pressureWords(use: MemoryUse): string {
  const percent = Math.floor(shareOf(use) * 100);
  return `My memory for messages (Redis) is ${percent} % full. At 100 % I cannot take new messages any more. Give Redis more memory (maxmemory), or take a larger plan.`;
}

/** Tells the log and the owner, at most every ten minutes; of those the owner hears one an hour. */
export function warnOfPressure(
  log: Log,
  tellOwner: TellOwner,
  now: () => number = Date.now,
): OnPressure {
  let warnedAt = Number.NEGATIVE_INFINITY;
  return (use) => {
    if (now() - warnedAt < warnEveryMs) return;
    warnedAt = now();
    log.warn({ ...use, percent: Math.floor(shareOf(use) * 100) }, 'Redis is nearly full');
    void tellOwner('memory', pressureWords(use));
  };
}

/** `onPressure` is called with every reading from 85 % on. */
export function createRedisMemory(
  redis: Redis,
  onPressure: OnPressure = () => undefined,
  now: () => number = Date.now,
): RedisMemory {
  let askedAt = Number.NEGATIVE_INFINITY;
  let answer: Promise<MemoryUse | undefined> = Promise.resolve(undefined);
  const note = (use: MemoryUse): void => {
    if (shareOf(use) >= pressureFrom) onPressure(use);
  };
  const ask = async (): Promise<MemoryUse | undefined> => {
    const use = await redis.info('memory').then(parseMemory, () => undefined);
    if (use) note(use);
    return use;
  };
  const read = (): Promise<MemoryUse | undefined> => {
    if (now() - askedAt >= believedMs) {
      askedAt = now();
      answer = ask();
    }
    return answer;
  };
  return {
    read,
    note,
    async hasRoom() {
      const use = await read();
      return use === undefined || shareOf(use) < noFilesFrom;
    },
  };
}
