import type { Log } from '../../runtime/log.ts';
import type { TellOwner } from '../owner.ts';
import type { Redis } from './redis.ts';

/** The memory that Redis uses, and its limit (bytes); `mostBytes` is 0 without a limit. */
export type MemoryUse = { usedBytes: number; mostBytes: number };

/**
 * Above this share new files and pages are refused, and above the next the owner is notified.
 * Messages are accepted until Redis refuses them.
 */
export const noFilesFrom = 0.7;
export const pressureFrom = 0.85;

/** How long Redis's answer is cached (ms). */
const believedMs = 5000;
/** The least time between two warnings about a nearly full Redis (ms). */
const warnEveryMs = 600_000;

/** Called when Redis is nearly full. */
export type OnPressure = (use: MemoryUse) => void;

/** Redis's memory as seen by one process. Queries nothing by itself. */
export type RedisMemory = {
  /**
   * At most one command in five seconds, regardless of the number of calls; undefined when Redis
   * does not report it. Never throws.
   */
  read(): Promise<MemoryUse | undefined>;
  /** Whether a new file or page may be stored. */
  hasRoom(): Promise<boolean>;
  /** Records a reading from a script. */
  note(use: MemoryUse): void;
};

/** The used share; 0 without a limit. */
export function shareOf({ usedBytes, mostBytes }: MemoryUse): number {
  return mostBytes > 0 ? usedBytes / mostBytes : 0;
}

/** Parses INFO's memory section; undefined when it lacks the values. */
export function parseMemory(info: string): MemoryUse | undefined {
  const used = /^used_memory:(\d+)/m.exec(info)?.[1];
  return used === undefined
    ? undefined
    : { usedBytes: Number(used), mostBytes: Number(/^maxmemory:(\d+)/m.exec(info)?.[1] ?? 0) };
}

/** The notice to the owner about a nearly full Redis. */
function pressureWords(use: MemoryUse): string {
  const percent = Math.floor(shareOf(use) * 100);
  return `My memory for messages (Redis) is ${percent} % full. At 100 % I cannot take new messages any more. Give Redis more memory (maxmemory), or take a larger plan.`;
}

/**
 * Logs the problem and notifies the owner, at most every ten minutes; the owner receives at most
 * one of these per hour.
 */
export function warnOfPressure(
  log: Log,
  tellOwner: TellOwner,
  now: () => number = Date.now,
): OnPressure {
  let warnedAt = Number.NEGATIVE_INFINITY;
  return (use) => {
    // A clock that was set back counts as well.
    if (Math.abs(now() - warnedAt) < warnEveryMs) return;
    warnedAt = now();
    log.warn({ ...use, percent: Math.floor(shareOf(use) * 100) }, 'Redis is nearly full');
    void tellOwner('memory', pressureWords(use));
  };
}

/** `onPressure` is called with every reading of 85 % or more. */
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
    if (Math.abs(now() - askedAt) >= believedMs) {
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
