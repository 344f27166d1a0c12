import { z } from 'zod';
import { keys, prefix } from '../redis/keys.ts';
import { readMessage } from '../message.ts';
import type { Message } from '../message.ts';
import type { Redis } from '../redis/redis.ts';
import { Reply } from '../reply.ts';
import { fieldsOf, runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/** An entry of a thread: a message or a reply; undefined where the store no longer has its text. */
export type ThreadEntry = { id: string; at: number } & (
  | { kind: 'message'; message: Message | undefined; state: string; turn: string | undefined }
  | { kind: 'reply'; reply: Reply | undefined }
);

/**
 * What was said in a conversation, in order. `at` is ms since 1970.
 */
export type Threads = {
  /**
   * The newest entries, or those from before the time `before` on, oldest first; and the time to go
   * on with, undefined at the beginning.
   */
  read(
    conversation: string,
    most: number,
    before?: number,
  ): Promise<{ entries: ThreadEntry[]; before: number | undefined }>;
};

const threadScript = loadScript(new URL('lua/thread-page.lua', import.meta.url), {
  keys: ['thread'],
  args: ['prefix', 'before', 'most'],
});

const text = z.string().nullish();
const Entries = z.array(
  z.union([
    z
      .tuple([z.literal('message'), z.string(), z.coerce.number(), text, z.string(), text, text])
      .transform(([kind, id, at, raw, state, turn]): ThreadEntry => {
        return { kind, id, at, message: readMessage(raw ?? ''), state, turn: turn ?? undefined };
      }),
    z
      .tuple([z.literal('reply'), z.string(), z.coerce.number(), z.array(z.string())])
      .transform(([kind, id, at, flat]): ThreadEntry => {
        return { kind, id, at, reply: Reply.safeParse(fieldsOf(flat)).data };
      }),
  ]),
);

export function createThreads(redis: Redis): Threads {
  return {
    async read(conversation, most, before) {
      const found = Entries.parse(
        await runScript(redis, threadScript, {
          keys: { thread: keys.thread(conversation) },
          args: { prefix, before: before ?? '', most },
        }),
      );
      const [oldest] = found.slice(-1);
      return {
        entries: found.toReversed(),
        before: found.length < most ? undefined : oldest?.at,
      };
    },
  };
}
