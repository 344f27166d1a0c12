import { z } from 'zod';
import { parseJson, toJson } from '../runtime/json.ts';
import { keys, prefix } from './redis/keys.ts';
import type { HomeSuffix } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { fieldsOf, runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/**
 * A task as stored; `startedAt` is ms since 1970. `ended`: it has ended, and the person does not
 * know its outcome yet.
 */
const StoredTask = z.object({
  id: z.string(),
  description: z.string(),
  request: z.string(),
  startedAt: z.number(),
  ended: z.literal(true).optional(),
});
export type StoredTask = z.infer<typeof StoredTask>;

const Entry = z.object({ owner: z.string(), tasks: z.array(StoredTask) });

/** The tasks of a session of a conversation, and the worker (`WORKER_ID#boot`) that has them. */
export type BackgroundEntry = { conversation: string; session: string } & z.infer<typeof Entry>;

/**
 * What runs in the background of all conversations, as their workers note it: for `/status`, for a
 * stop, and for the worker that follows a dead one.
 */
export type Background = {
  /** Notes all that runs in a session now. */
  note(entry: BackgroundEntry): Promise<void>;
  /**
   * A conversation's running tasks with their sessions, oldest first: the first has the number 1.
   */
  list(conversation: string): Promise<(StoredTask & { session: string })[]>;
  /** All entries. */
  entries(): Promise<BackgroundEntry[]>;
  /** The entries of the home's workers that live no more. */
  lost(): Promise<BackgroundEntry[]>;
  /** Removes a session's entry if that worker still has it. */
  remove(entry: Pick<BackgroundEntry, 'conversation' | 'session' | 'owner'>): Promise<void>;
};

const removeScript = loadScript(new URL('lua/background-remove.lua', import.meta.url), {
  keys: ['background'],
  args: ['field', 'owner'],
});

const lostScript = loadScript(new URL('lua/background-lost.lua', import.meta.url), {
  keys: ['background'],
  args: ['prefix', 'home'],
});

export function createBackground(redis: Redis, home: HomeSuffix = ''): Background {
  const readFields = (fields: Record<string, string>): BackgroundEntry[] =>
    Object.entries(fields).flatMap(([field, value]) => {
      const [conversation = '', session = ''] = field.split(' ');
      const entry = Entry.safeParse(parseJson(value)).data;
      return entry ? [{ conversation, session, ...entry }] : [];
    });
  const entries = async (): Promise<BackgroundEntry[]> =>
    readFields(await redis.hgetall(keys.background));
  return {
    entries,
    async note({ conversation, session, owner, tasks }) {
      const field = `${conversation} ${session}`;
      if (tasks.length === 0) await redis.hdel(keys.background, field);
      else await redis.hset(keys.background, field, toJson({ owner, tasks }));
    },
    async list(conversation) {
      return (await entries())
        .filter((entry) => entry.conversation === conversation)
        .flatMap(({ session, tasks }) => tasks.map((task) => ({ ...task, session })))
        .filter(({ ended }) => ended === undefined)
        .toSorted((one, other) => one.startedAt - other.startedAt);
    },
    async lost() {
      const found = z.array(z.string()).parse(
        await runScript(redis, lostScript, {
          keys: { background: keys.background },
          args: { prefix, home },
        }),
      );
      return readFields(fieldsOf(found));
    },
    async remove({ conversation, session, owner }) {
      await runScript(redis, removeScript, {
        keys: { background: keys.background },
        args: { field: `${conversation} ${session}`, owner },
      });
    },
  };
}
