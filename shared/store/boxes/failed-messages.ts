import { parseJson } from '../../runtime/json.ts';
import { keys, prefix } from '../redis/keys.ts';
import type { HomeSuffix } from '../redis/keys.ts';
import { readMessage } from '../message.ts';
import type { Message } from '../message.ts';
import type { Turns } from '../queues.ts';
import type { Redis } from '../redis/redis.ts';
import { callOf } from '../redis/script.ts';
import type { ScriptCall } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/** The messages that were given up. */
export type FailedMessages = {
  list(conversation: string): Promise<Message[]>;
  /**
   * Moves some of them back into the inbox and adds a turn for them, in one atomic step that is
   * safe while a turn of the conversation runs: they are worked after it. Returns how many moved; 0
   * if another call has already moved them. A `note` for Claude goes with the first.
   */
  retry(conversation: string, ids: string[], note?: string): Promise<number>;
};

const retryScript = loadScript(new URL('lua/retry.lua', import.meta.url), {
  keys: ['inbox', 'conversationKey'],
  args: ['prefix', 'ids', 'note', 'conversation', 'home'],
});

export function createFailedMessages(redis: Redis, turns: Turns): FailedMessages {
  const list = async (conversation: string): Promise<Message[]> =>
    parseFailed(await redis.hget(keys.conversation(conversation), 'failed'));
  return {
    list,
    async retry(conversation, ids, note = '') {
      const wanted = new Set(ids);
      // The transaction adds the turn whatever the script finds, so return early when there is
      // nothing to retry.
      if (!(await list(conversation)).some((message) => wanted.has(message.id))) return 0;
      // The turn gets no name by which the script could keep it out of the wrong queue.
      await turns.homeOf(conversation);
      const call = (_queue: string, home: HomeSuffix): ScriptCall =>
        callOf(retryScript, {
          keys: {
            inbox: keys.inbox(conversation),
            conversationKey: keys.conversation(conversation),
          },
          args: { prefix, ids: JSON.stringify(ids), note, conversation, home },
        });
      return Number(
        (await turns.runAndAdd({ call, wantsJob: (reply) => Number(reply) > 0 }, conversation))
          .reply,
      );
    },
  };
}

/**
 * The messages in a conversation's field `failed`: a JSON list of inbox entries. Unreadable entries
 * are omitted.
 */
function parseFailed(field: string | null | undefined): Message[] {
  const entries = parseJson(field ?? '[]');
  return Array.isArray(entries) ? entries.flatMap((raw) => readMessage(String(raw)) ?? []) : [];
}
