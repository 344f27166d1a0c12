import { expect, test } from 'vitest';
import { createConversations } from '../../shared/store/conversation.ts';
import { createFailedMessages } from '../../shared/store/boxes/failed-messages.ts';
import { createInbox } from '../../shared/store/boxes/inbox.ts';
import type { Inbox } from '../../shared/store/boxes/inbox.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Message } from '../../shared/store/message.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import type { Turns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { findCommand } from '../../worker/commands/find-command.ts';
import { phone } from '../support/pipeline.ts';
import { withRedis } from '../support/redis.ts';
import { newSid } from '../support/relay-bench.ts';

const fence = { lock: 'a lock', token: 'a token' };
const days = 20;
const message = (text: string): Message => ({
  id: newSid(),
  conversation: phone,
  at: new Date().toISOString(),
  text,
  media: [],
  human: true,
});

type Bench = {
  redis: Redis;
  inbox: Inbox;
  outbox: Outbox;
  turns: Turns;
  /** A turn gives these up. */
  giveUp(turn: string, ...texts: string[]): Promise<string[]>;
  /** What was given up in this turn gets older by so many days. */
  age(turn: string, days: number): Promise<void>;
  /** The person texts this; returns what they hear. */
  obey(text: string): Promise<unknown>;
  waiting(): Promise<string[]>;
};

async function withGivenUp(use: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    const [deliveries, turns] = [createDeliveries(redis), createTurns(redis)];
    const [inbox, outbox] = [createInbox(redis, days), createOutbox(redis, deliveries, days)];
    await redis.set(fence.lock, fence.token);
    const say = async (text: string): Promise<Message> => {
      const entry = message(text);
      await redis.rpush(keys.inbox(phone), JSON.stringify(entry));
      return entry;
    };
    try {
      await use({
        redis,
        inbox,
        outbox,
        turns,
        async giveUp(turn, ...texts) {
          const ids = [];
          for (const text of texts) ids.push((await say(text)).id);
          await outbox.put(
            [{ id: `${turn}.failed`, conversation: phone, turn, text: 'sentence' }],
            fence,
            { conversation: phone, ids, kept: ids, state: 'failed' },
          );
          return ids;
        },
        async age(turn, older) {
          const meta = JSON.parse(
            (await redis.hget(keys.conversation(phone), 'failedMeta')) ?? '',
          ) as Record<string, { at: string; turn: string }>;
          for (const entry of Object.values(meta))
            if (entry.turn === turn)
              entry.at = new Date(Date.parse(entry.at) - older * 24 * 3600_000).toISOString();
          await redis.hset(keys.conversation(phone), 'failedMeta', JSON.stringify(meta));
        },
        async obey(text) {
          const asked = await say(text);
          const found = findCommand(asked, true);
          return await found?.command.run(
            { stores: { inbox, conversations: createConversations(redis) } } as never,
            { message: asked, argument: found.argument, context: { fence } } as never,
          );
        },
        waiting: async () => (await inbox.read(phone)).map(({ text }) => text),
      });
    } finally {
      await Promise.all([deliveries.close(), turns.close()]);
    }
  });
}

test('retry brings back the last turn, names what was given up before it, and brings that back when it is asked for', async () => {
  await withGivenUp(async ({ redis, obey, giveUp, waiting }) => {
    expect(await obey('retry')).toBe('There is nothing to try again.');
    await redis.del(keys.inbox(phone));
    await giveUp('march', 'delete the old staging database');
    await giveUp('june', 'deploy to production', 'and tell me');
    await giveUp('today', 'the weather', 'in Rome');
    const heard = await obey('retry');
    expect(heard).toMatch(
      /^I try the last one again\. What I gave up before it stays as it is:\n1\. “deploy to production”, “and tell me” \(.* UTC\)\n2\. “delete the old staging database” \(.* UTC\)\nText “\/retry 1” to try number 1 again, too\.$/,
    );
    expect(await waiting()).toEqual(['the weather', 'in Rome']);
    expect(await obey('/retry 3')).toBe('There is no number 3 to try again.');
    await redis.del(keys.inbox(phone));
    expect(await obey('/retry 2')).toBe('I try this again: “delete the old staging database”.');
    expect(await waiting()).toEqual(['delete the old staging database']);
    await redis.del(keys.inbox(phone));
    // The last there is needs no word.
    expect(await obey('retry')).toBeUndefined();
    expect(await waiting()).toEqual(['deploy to production', 'and tell me']);
    expect(await redis.hmget(keys.conversation(phone), 'failed', 'failedMeta')).toEqual([
      null,
      null,
    ]);
  });
});

test('what was given up is forgotten after RETENTION_DAYS, and a hundred are the most', async () => {
  await withGivenUp(async ({ redis, inbox, outbox, giveUp, age, obey }) => {
    const failed = async (): Promise<number> =>
      JSON.parse((await redis.hget(keys.conversation(phone), 'failed')) ?? '[]').length as number;
    await giveUp('march', 'long ago');
    await giveUp('june', 'not so long ago');
    await age('march', days + 1);
    await age('june', days - 1);
    expect((await inbox.givenUp(phone)).map(({ turn }) => turn)).toEqual(['june']);
    // Any answer takes it out of Redis as well.
    expect(await failed()).toBe(2);
    await outbox.put([], fence, { conversation: phone, ids: [newSid()], state: 'answered' });
    expect(await failed()).toBe(1);
    await age('june', days);
    expect(await obey('/retry')).toBe('There is nothing to try again.');
    await giveUp('today', ...Array.from({ length: 105 }, (_, index) => `number ${index}`));
    expect(await failed()).toBe(100);
    expect((await inbox.givenUp(phone))[0]?.messages.at(-1)?.text).toBe('number 104');
  });
});

test('what an earlier version gave up is read, by the turn that its message names, and gets a lifetime', async () => {
  await withGivenUp(async ({ redis, inbox, turns, giveUp, obey, waiting }) => {
    const [first, second, third] = [message('first'), message('second'), message('third')];
    await redis.hset(
      keys.conversation(phone),
      'failed',
      JSON.stringify([first, second, third].map((entry) => JSON.stringify(entry))),
    );
    for (const { id } of [second, third]) await redis.hset(keys.message(id), 'turn', 'one turn');
    expect(
      (await inbox.givenUp(phone)).map(({ messages }) => messages.map(({ text }) => text)),
    ).toEqual([['second', 'third'], ['first']]);
    expect(await obey('retry')).toMatch(/^I try the last one again\..*\n1\. “first” /);
    expect(await waiting()).toEqual(['second', 'third']);
    await giveUp('today', 'fourth');
    const meta = JSON.parse((await redis.hget(keys.conversation(phone), 'failedMeta')) ?? '{}');
    expect(Date.now() - Date.parse(meta[first.id].at)).toBeLessThan(60_000);
    // An earlier version goes on with the list as it is.
    expect((await createFailedMessages(redis, turns).list(phone)).map(({ text }) => text)).toEqual([
      'first',
      'fourth',
    ]);
    expect(await createFailedMessages(redis, turns).retry(phone, [first.id])).toBe(1);
    expect((await inbox.givenUp(phone)).map(({ messages }) => messages.length)).toEqual([1]);
  });
});
