import { z } from 'zod';
import { keys } from './keys.ts';
import type { Redis } from './redis.ts';
import { runScript } from './script.ts';
import { loadScript } from './script-file.ts';

const beginScript = loadScript(new URL('lua/epoch.lua', import.meta.url), {
  keys: ['epoch', 'conversations', 'known'],
  args: ['now'],
});

const Begun = z.tuple([z.string(), z.number()]);

/**
 * Notes the identity of this Redis before any work starts. Returns since when it applies (ISO
 * 8601), or ''.
 */
export async function beginEpoch(redis: Redis, now: Date = new Date()): Promise<string> {
  const where = { epoch: keys.epoch, conversations: keys.conversations, known: keys.known };
  const [since, count] = Begun.parse(
    await runScript(redis, beginScript, { keys: where, args: { now: now.toISOString() } }),
  );
  epochMemory(redis).seen = count;
  return since;
}

const memories = new WeakMap<Redis, { seen: number }>();

/**
 * The highest count that a connection's process has seen: two parts that share a connection share
 * it.
 */
export function epochMemory(redis: Redis): { seen: number } {
  const known = memories.get(redis) ?? { seen: 0 };
  memories.set(redis, known);
  return known;
}
