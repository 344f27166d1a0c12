import { z } from 'zod';
import { Conversation } from '../../shared/store/conversation.ts';
import { entryLua } from '../../shared/store/redis/entry-lua.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { defineScript, fieldsOf, runScript } from '../../shared/store/redis/script.ts';

/** The conversation whose turn will probably come first, and its stored state. */
export type Coming = { conversation: string; remembered: Conversation };

const comingScript = defineScript({
  name: 'sidepocketComing',
  keys: ['active', 'waiting'],
  args: ['prefix'],
  // BullMQ takes from the right. A turn is active when a worker died during it. A command of ours
  // does not go to Claude.
  lua: `-- derives turns:*, inbox:*, conversation:*
    ${entryLua}
    for _, turns in ipairs({ active, waiting }) do
      local id = redis.call('LINDEX', turns, -1)
      local data = id and redis.call('HGET', prefix .. ':turns:' .. id, 'data')
      local conversation = data and textOf(decode(data).conversation)
      local first = conversation and redis.call('LINDEX', prefix .. ':inbox:' .. conversation, 0)
      local text = first and textOf(decode(first).text)
      if text and string.sub(text, 1, 1) ~= '/' then
        return { conversation, redis.call('HGETALL', prefix .. ':conversation:' .. conversation) }
      end
    end
    return { '', {} }`,
});

const Found = z.tuple([z.string(), z.array(z.string())]);

/**
 * Looks up, in one Redis round trip, whose turn comes first; undefined when no turn is waiting. It
 * is a guess: use it only for what is harmless when wrong.
 */
export async function readComing(redis: Redis): Promise<Coming | undefined> {
  const turns = { active: keys.active('turns'), waiting: keys.waitingJobs('turns') };
  const [conversation, fields] = Found.parse(
    await runScript(redis, comingScript, { keys: turns, args: { prefix } }),
  );
  return conversation === ''
    ? undefined
    : { conversation, remembered: Conversation.parse(fieldsOf(fields)) };
}
