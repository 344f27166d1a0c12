import { z } from 'zod';
import { claimSeconds } from '../boxes/intake.ts';
import { parseJson } from '../../runtime/json.ts';
import type { PageStore } from '../pages.ts';
import { keys, prefix } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import { readMended } from '../mend-jobs.ts';
import { runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';
import type { Schedules } from '../schedules.ts';
import type { Turns } from '../queues.ts';
import { createTurnRecords } from '../turns/records.ts';
import { createThreads } from '../turns/thread.ts';
import type { ThreadEntry } from '../turns/thread.ts';

/**
 * What is erased: everything of a conversation up to a moment (ms since 1970), but for the message
 * `by` and the turn, which erase.
 */
export type Erasing = { conversation: string; until: number; by: string; turn: string };

/** Takes a conversation out of Redis. Each step may be repeated. */
export type Eraser = {
  /** How many messages and replies of a conversation are known. */
  countSaid(conversation: string): Promise<number>;
  /** Erases what was said, with its turns and pages. Returns the numbers of both. */
  said(erasing: Erasing): Promise<{ messages: number; pages: number; left: number }>;
  /** Erases what waits, is set aside or parked, the sessions and the settings. */
  boxes(erasing: Erasing): Promise<void>;
  /** Cancels the schedules, and erases those that have run. Returns how many were planned. */
  schedules(conversation: string): Promise<number>;
  /** These addresses may write from then on (ms since 1970): the backfill takes in nothing older. */
  allowAnew(addresses: readonly string[], from: number): Promise<void>;
};

export type EraserDeps = {
  redis: Redis;
  turns: Turns;
  schedules: Schedules;
  pages: Pick<PageStore, 'drop'>;
};

const eraseScript = loadScript(new URL('lua/erase-said.lua', import.meta.url), {
  keys: [
    'thread',
    'inbox',
    'outbox',
    'attempts',
    'turnsOf',
    'turnWords',
    'turnTimes',
    'turnsFailed',
    'failures',
  ],
  args: ['prefix', 'by', 'current', 'claimSeconds'],
  rest: 'ids',
});

const allowScript = loadScript(new URL('lua/allow-anew.lua', import.meta.url), {
  keys: ['allowed'],
  args: ['prefix', 'at'],
  rest: 'addresses',
});

/** How many entries of a thread one step erases: the script blocks Redis meanwhile. */
const atOnce = 100;

/**
 * What stays of a conversation's state: its home, the address that answers go to, WhatsApp's
 * window, and the counters behind the ids of replies and schedules, which must not begin again.
 */
const stays = new Set(['home', 'address', 'addressAt', 'wroteAt', 'said', 'schedules']);

const Dead = z.object({ conversation: z.string(), at: z.string() });

export function createEraser({ redis, turns, schedules, pages }: EraserDeps): Eraser {
  const threads = createThreads(redis);
  const records = createTurnRecords(redis);

  /** Returns how many of them stay. */
  const eraseEntries = async (
    { conversation, by, turn }: Erasing,
    entries: ThreadEntry[],
  ): Promise<number> => {
    const left = await runScript(redis, eraseScript, {
      keys: {
        thread: keys.thread(conversation),
        inbox: keys.inbox(conversation),
        outbox: keys.outbox(conversation),
        attempts: keys.attempts(conversation),
        turnsOf: keys.turnsOf(conversation),
        turnWords: keys.turnWords,
        turnTimes: keys.turnTimes,
        turnsFailed: keys.turnsFailed,
        failures: keys.failures,
      },
      args: { prefix, by, current: turn, claimSeconds: claimSeconds(0) },
      rest: entries.map(({ id }) => id),
    });
    return Number(left);
  };
  /** Before the entries that lead to them: after a kill they could not be found. */
  const eraseBehind = async (erasing: Erasing, entries: ThreadEntry[]): Promise<number> => {
    let count = 0;
    for (const token of entries.flatMap(pageTokens)) count += (await pages.drop(token)) ? 1 : 0;
    const queue = turns.queueOf(await turns.homeOf(erasing.conversation));
    for (const id of new Set(entries.flatMap(turnOf)))
      if (id !== erasing.turn) await Promise.all([queue.remove(id), records.drop(id)]);
    return count;
  };
  const eraseInbox = async ({ conversation, until, by }: Erasing): Promise<void> => {
    const key = keys.inbox(conversation);
    for (const raw of await redis.lrangeBuffer(key, 0, -1)) {
      const { id, at } = Entry.safeParse(parseJson(raw.toString('utf8'))).data ?? {};
      const isLater = at !== undefined && Date.parse(at) > until;
      if (id !== by && !isLater) await redis.lrem(key, 0, raw);
    }
  };
  const eraseDead = async ({ conversation, until }: Erasing): Promise<void> => {
    for (const raw of await redis.lrange(keys.dead, 0, -1)) {
      const entry = Dead.safeParse(parseJson(raw)).data;
      if (entry?.conversation === conversation && Date.parse(entry.at) <= until)
        await redis.lrem(keys.dead, 0, raw);
    }
  };
  const eraseFields = async (key: string, isGone: (field: string) => boolean): Promise<void> => {
    const gone = (await redis.hkeys(key)).filter(isGone);
    if (gone.length > 0) await redis.hdel(key, ...gone);
  };

  return {
    countSaid: (conversation) => redis.zcard(keys.thread(conversation)),
    async said(erasing) {
      const { conversation, until } = erasing;
      const erased = { messages: 0, pages: 0, left: 0 };
      // Entries of one moment may stand on two pages of the thread: until a pass finds none.
      for (let gone = -1; gone !== 0; erased.messages += gone) {
        gone = 0;
        erased.left = 0;
        let before: number | undefined = until + 1;
        while (before !== undefined) {
          const part: Awaited<ReturnType<typeof threads.read>> = await threads.read(
            conversation,
            atOnce,
            before,
          );
          if (part.entries.length === 0) break;
          erased.pages += await eraseBehind(erasing, part.entries);
          const others = part.entries.filter(({ id }) => id !== erasing.by);
          const left = await eraseEntries(erasing, others);
          gone += others.length - left;
          erased.left += left;
          before = part.before;
        }
      }
      return erased;
    },
    async boxes(erasing) {
      const { conversation, by } = erasing;
      await eraseInbox(erasing);
      await eraseDead(erasing);
      const planned = Number((await redis.hget(keys.conversation(conversation), 'schedules')) ?? 0);
      const numbers = Array.from({ length: planned }, (_, index) => index + 1);
      await redis.del(
        keys.setAsideMessages(conversation),
        keys.setAsideReplies(conversation),
        keys.setAsideSchedules(conversation),
        keys.scheduleChoices(conversation),
        keys.schedulesPaused(conversation),
        ...numbers.map((number) => keys.scheduleParked(conversation, number)),
        keys.sessions(conversation),
        keys.sessionTitles(conversation),
        keys.parked(conversation),
        keys.restore(conversation),
      );
      // BullMQ tells observers why a job failed, which may quote the person.
      const home = await turns.homeOf(conversation);
      await turns.queueOf(home).trimEvents(0);
      await schedules.queueOf(home).trimEvents(0);
      await redis.srem(keys.parking, conversation);
      await redis.srem(keys.givenUp, conversation);
      await eraseFields(keys.attempts(conversation), (field) => field !== by && field !== 'run');
      await eraseFields(keys.background, (field) => field.startsWith(`${conversation} `));
      await eraseFields(keys.conversation(conversation), (field) => !stays.has(field));
    },
    async schedules(conversation) {
      const planned = await schedules.list(conversation);
      for (const { number } of planned) await schedules.cancel(conversation, number);
      const queue = schedules.queueOf(await turns.homeOf(conversation));
      const jobs = await readMended(redis, queue.name, () =>
        queue.getJobs(['completed', 'failed', 'waiting', 'delayed']),
      );
      for (const job of jobs)
        if (job.data.conversation === conversation) await queue.remove(job.id ?? '');
      return planned.length;
    },
    async allowAnew(addresses, from) {
      await runScript(redis, allowScript, {
        keys: { allowed: keys.allowed },
        args: { prefix, at: new Date(from).toISOString() },
        rest: addresses,
      });
    },
  };
}

const Entry = z.object({ id: z.string(), at: z.string() });

/** The turn that an entry belongs to: that of a message, until it is taken up, is named like it. */
function turnOf(entry: ThreadEntry): string[] {
  const turn = entry.kind === 'message' ? (entry.turn ?? entry.id) : entry.reply?.turn;
  return turn === undefined ? [] : [turn];
}

/** The tokens of the pages that a reply leads to. */
function pageTokens(entry: ThreadEntry): string[] {
  const text = entry.kind === 'reply' ? (entry.reply?.text ?? '') : '';
  return [...text.matchAll(/\/page\/([\w-]{48,50})/g)].map(([, token = '']) => token);
}
