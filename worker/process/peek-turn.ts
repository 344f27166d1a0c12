import { z } from 'zod';
import { Conversation } from '../../shared/store/conversation.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { fieldsOf, runScript } from '../../shared/store/redis/script.ts';
import { loadScript } from '../../shared/store/redis/script-file.ts';

/** The conversation whose turn will probably come first, and its stored state. */
export type Coming = { conversation: string; remembered: Conversation };

const comingScript = loadScript(new URL('lua/coming.lua', import.meta.url), {
  keys: ['active', 'waiting'],
  args: ['prefix', 'home'],
});

const Found = z.tuple([z.string(), z.array(z.string())]);

/**
 * Looks up, in one Redis round trip, whose turn comes first in a home; undefined when no turn is
 * waiting. It is a guess: use it only for what is harmless when wrong.
 */
export async function readComing(redis: Redis, home: HomeSuffix = ''): Promise<Coming | undefined> {
  const queue = `turns${home}`;
  const turns = { active: keys.active(queue), waiting: keys.waitingJobs(queue) };
  const [conversation, fields] = Found.parse(
    await runScript(redis, comingScript, { keys: turns, args: { prefix, home } }),
  );
  return conversation === ''
    ? undefined
    : { conversation, remembered: Conversation.parse(fieldsOf(fields)) };
}
