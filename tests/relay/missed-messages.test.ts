import { expect, test } from 'vitest';
import { createClaims } from '../../relay/dedup.ts';
import { createAliases } from '../../relay/people/aliases.ts';
import { createBackfill, backfillTimes, pauseFor } from '../../relay/backfill.ts';
import type { Backfill, BackfillTimes } from '../../relay/backfill.ts';
import { createJudgeParties } from '../../shared/twilio/parties.ts';
import { createPeople } from '../../relay/people/people.ts';
import { createReceive } from '../../relay/http/reception.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import { createLedger } from '../../shared/store/boxes/ledger.ts';
import type { Ledger } from '../../shared/store/boxes/ledger.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { SendFailure } from '../../shared/delivery/messenger.ts';
import type { Remembered } from '../../shared/delivery/messenger.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createTwilioMessenger } from '../../shared/twilio/messenger.ts';
import { runTwin } from '../../simulator/twilio/twin.ts';
import type { Twin } from '../../simulator/twilio/twin.ts';
import { withRedis } from '../support/redis.ts';
import { otherPhone, phone, stranger } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const account = {
  accountSid: `AC${'1'.repeat(32)}`,
  authToken: 'test-auth-token',
  number: '+15550100000',
};

type Bench = {
  redis: Redis;
  twin: Twin;
  ledger: Ledger;
  outbox: Outbox;
  /** A repair that has not begun; it is stopped at the end. */
  repair(times?: Partial<BackfillTimes>): Backfill;
  /** Someone writes, and no webhook arrives. */
  miss(text: string, from?: string): Promise<string>;
  texts(from?: string): Promise<string[]>;
  /** How often Twilio’s list was asked, and the messages that “typing…” was shown for. */
  lists(): number;
  /** How many rounds are over. */
  ended(): number;
  accepted: string[];
  /**
   * What stands before each look at the list: waits, or throws. `media` stands for the files of
   * each message.
   */
  gate: { pass: () => Promise<void>; media?: Remembered['media'] };
  /** How far the repair’s clock goes before this machine’s (ms). */
  clock: { ahead: number };
};

/** The repair alone, between a real Redis and a Twilio twin whose webhooks reach nobody. */
async function withRepair(use: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    const log = createLog('test', 'silent');
    const twin = await runTwin({
      ...account,
      phones: [phone, otherPhone, stranger],
      webhookUrl: 'http://127.0.0.1:9/webhook#rc=0',
      pace: { sentMs: 1, deliveredMs: 1, readMs: 0 },
    });
    const [turns, deliveries] = [createTurns(redis), createDeliveries(redis)];
    const running: { stop(): Promise<void> }[] = [];
    let [lists, ended] = [0, 0];
    const [gate, clock]: [Bench['gate'], Bench['clock']] = [
      { pass: async () => undefined },
      { ahead: 0 },
    ];
    const messenger = createTwilioMessenger({ ...account, apiUrl: twin.url }, log);
    const people = createPeople([phone, otherPhone], createAliases(redis));
    const [ledger, outbox, accepted] = [
      createLedger(redis),
      createOutbox(redis, deliveries),
      [] as string[],
    ];
    try {
      await use({
        redis,
        twin,
        ledger,
        outbox,
        accepted,
        gate,
        clock,
        repair: (times = {}) => {
          const repair = createBackfill({
            messenger: {
              ...messenger,
              // The last look of a round.
              async *undelivered(since) {
                yield* messenger.undelivered(since);
                ended += 1;
              },
              async *received(since) {
                lists += 1;
                await gate.pass();
                const change = (messages: Remembered[]) =>
                  messages.map((message) => ({ ...message, media: gate.media ?? message.media }));
                for await (const { messages, again } of messenger.received(since))
                  yield { messages: change(messages), again: async () => change(await again()) };
              },
            },
            incoming: {
              claims: createClaims(redis, 30),
              judgeParties: createJudgeParties(account.accountSid, account.number),
              people,
              receive: createReceive(
                createIntake(turns),
                people,
                async () => undefined,
                () => undefined,
              ),
              noteStatus: async ({ reply, conversation, sid, code }) =>
                void (await ledger.note(reply, conversation, sid, 'failed', 'give-up', code)),
            },
            keeper: { onAccepted: ({ id }) => void accepted.push(id), look: () => undefined },
            accountSid: account.accountSid,
            stores: { redis, turns, deliveries, ledger, homes: createHomeRegistry(redis) },
            times: { ...backfillTimes, ...times },
            now: () => Date.now() + clock.ahead,
            log,
          });
          return {
            ...repair,
            start() {
              const started = repair.start();
              running.push(started);
              return started;
            },
          };
        },
        miss: async (text, from = phone) => (await twin.chat.receive(from, { text })).sid,
        texts: async (from = phone) =>
          (await redis.lrange(keys.inbox(from), 0, -1)).map((raw) => JSON.parse(raw).text),
        lists: () => lists,
        ended: () => ended,
      });
    } finally {
      for (const { stop } of running) await stop();
      await Promise.all([turns.close(), deliveries.close(), twin.stop()]);
    }
  });
}

const commandsOf = async (redis: Redis): Promise<number> =>
  Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]);

test('more than a thousand missed messages are all taken in, in order, and looking again costs one trip for each page', async () => {
  await withRepair(async ({ twin, redis, repair, miss, texts, accepted, lists, clock }) => {
    const expected = Array.from({ length: 600 }, (_, index) => `number ${index}`);
    for (const text of expected) await Promise.all([miss(text), miss(text, otherPhone)]);
    const repairing = repair({ youngMs: 60_000 });
    repairing.start();
    await until(
      'all of them',
      async () =>
        (await redis.llen(keys.inbox(phone))) + (await redis.llen(keys.inbox(otherPhone))) ===
          1200 && accepted.length > 0,
    );
    expect(await texts()).toEqual(expected);
    expect(await texts(otherPhone)).toEqual(expected);
    // “typing…” and the wake are for people, not for messages.
    expect(accepted).toHaveLength(2);
    const before = await commandsOf(redis);
    clock.ahead = 3600_000;
    repairing.redisIsBack();
    await until('a second look', () => lists() === 2);
    await until('its end', async () =>
      (await redis.info('commandstats')).includes('cmdstat_sscan:calls=2'),
    );
    // With the scripts’ own EXISTS of each message, which are one trip for each page.
    expect((await commandsOf(redis)) - before).toBeLessThan(1200 + 60);
    expect(twin.messages().length).toBe(1200);
  });
});

test('a message of a stranger leaves nothing in Redis, and no page of theirs is read twice', async () => {
  await withRepair(async ({ redis, repair, miss, texts }) => {
    const theirs = await miss('let me in', stranger);
    await miss('mine');
    repair().start();
    await until('mine', async () => (await texts()).length === 1);
    expect(
      await redis.exists(keys.message(theirs), keys.inbox(stranger), keys.conversation(stranger)),
    ).toBe(0);
  });
});

test('what was refused since there was too much at once is known, and never taken in later', async () => {
  await withRepair(async ({ redis, repair, miss, texts }) => {
    const id = await miss('one too many');
    const message = {
      id,
      conversation: phone,
      at: new Date().toISOString(),
      text: 'one too many',
      media: [],
    };
    await createClaims(redis, 30).refuse(message);
    await miss('sent again');
    repair().start();
    await until('the other', async () => (await texts()).length > 0);
    expect(await texts()).toEqual(['sent again']);
    expect(await redis.hget(keys.message(id), 'state')).toBe('refused');
    expect(await redis.ttl(keys.message(id))).toBeGreaterThan(29 * 24 * 3600);
    // One that was taken in before stays so.
    await createClaims(redis, 30).refuse({
      ...message,
      id:
        (await redis.lrange(keys.inbox(phone), 0, 0)).map((raw) => String(JSON.parse(raw).id))[0] ??
        '',
    });
    expect((await redis.keys(keys.message('*'))).length).toBe(2);
    expect(
      await Promise.all(
        (await redis.keys(keys.message('*'))).map((key) => redis.hget(key, 'state')),
      ).then((states) => states.toSorted()),
    ).toEqual(['refused', 'waiting']);
  });
});

test('when Redis is back what was missed is taken in, the young a little later, with one look at a time', async () => {
  await withRepair(async ({ repair, miss, texts, lists, gate, clock }) => {
    clock.ahead = -5000;
    const repairing = repair({ youngMs: 2000 });
    repairing.start();
    await until('the first look', () => lists() === 1);
    clock.ahead = 0;
    await miss('young');
    const gap = Promise.withResolvers<void>();
    gate.pass = () => gap.promise;
    repairing.redisIsBack();
    await until('the second look', () => lists() === 2);
    for (let time = 0; time < 3; time += 1) repairing.redisIsBack();
    gap.resolve();
    await until('the message', async () => (await texts()).length === 1);
    expect(lists()).toBe(3);
    expect(await texts()).toEqual(['young']);
  });
});

test('what is young is looked for as soon as it is old enough, and seldom however much of it there is', () => {
  const times = { youngMs: 60_000, everyMs: 3600_000 };
  expect([57_000, 8000, 3, -5, Infinity].map((due) => pauseFor(due, times))).toEqual([
    57_000, 8000, 5000, 5000, 3600_000,
  ]);
});

test('a page with a young message and an older one gives the older one alone', async () => {
  await withRepair(async ({ twin, repair, miss, texts, lists, accepted, clock }) => {
    clock.ahead = -3600_000;
    const repairing = repair({ youngMs: 60_000 });
    repairing.start();
    const old = await until('the first look', () => lists() === 1).then(() => miss('old'));
    const second = Date.parse(twin.messages()[0]?.date_created ?? '');
    await until('the next second', () => Date.now() >= second + 1000);
    await miss('young');
    clock.ahead = second + 60_001 - Date.now();
    repairing.redisIsBack();
    await until('one', () => accepted.length > 0);
    expect([accepted, await texts()]).toEqual([[old], ['old']]);
    clock.ahead += 120_000;
    repairing.redisIsBack();
    await until('the young one', async () => (await texts()).length === 2);
  });
});

test('a message that cannot be stored does not block the others, nor do files that Twilio no longer has', async () => {
  await withRepair(async ({ redis, repair, miss, texts, gate }) => {
    await miss('broken', otherPhone);
    await miss('whole');
    let asked = 0;
    const gone = new SendFailure('give-up', 'gone', 20_404);
    gate.media = () => Promise.reject((asked += 1) === 1 ? new Error('refused') : gone);
    repair().start();
    await until('the other', async () => (await texts()).length === 1);
    // The list tells whole seconds: the end of its second, so that it overtakes nothing that came
    // by webhook in it.
    expect(JSON.parse((await redis.lindex(keys.inbox(phone), 0)) ?? '')).toMatchObject({
      text: 'whole',
      media: [],
      at: expect.stringMatching(/\.999Z$/),
    });
  });
});

test('a look that failed is repeated, and so is one that could not take everything in', async () => {
  await withRepair(async ({ redis, repair, miss, texts, gate, lists, clock }) => {
    await miss('kept');
    // Older than what a round looks at whose predecessor was complete.
    clock.ahead = 2 * 3600_000;
    gate.pass = async () => {
      if (lists() === 1) throw new Error('Twilio is away');
      if (lists() === 2) await redis.config('SET', 'maxmemory', '1');
      if (lists() === 3) await redis.config('SET', 'maxmemory', '0');
    };
    repair({ youngMs: 50 }).start();
    await until('the message', async () => (await texts()).length === 1);
    expect(lists()).toBeGreaterThanOrEqual(3);
  });
});

test('a message that is claimed and has no turn gets one', async () => {
  await withRepair(async ({ redis, repair, miss, texts }) => {
    await miss('stranded');
    const repairing = repair({ youngMs: 20 });
    repairing.start();
    await until('the message', async () => (await texts()).length === 1);
    const turnOf = async (): Promise<string | null> =>
      await redis.get(keys.deduplication('turns', phone));
    const turn = await until('its turn', turnOf);
    await redis.del(
      keys.job('turns', turn),
      keys.deduplication('turns', phone),
      keys.waitingJobs('turns'),
    );
    repairing.somethingWasRefused();
    await until('another turn', turnOf);
    expect(await texts()).toEqual(['stranded']);
  });
});

test('a reply that failed late is heard of, however many went out after it', async () => {
  await withRepair(async ({ redis, twin, repair, ledger, outbox }) => {
    const messenger = createTwilioMessenger(
      { ...account, apiUrl: twin.url },
      createLog('test', 'silent'),
    );
    await twin.chat.receive(phone, { text: 'hello' });
    const send = async (text: string): Promise<string> =>
      (await messenger.send({ to: phone, text, statusCallback: 'http://127.0.0.1:9/' })).sid;
    await outbox.put([{ id: 'r1', conversation: phone, turn: 'turn', text: 'first' }]);
    const first = await until('the reply', () => ledger.find('r1'));
    const attempt = (await ledger.begin(undefined, first)) ?? 0;
    twin.faults.set('late-failure', { times: 1, code: 63_021 });
    await ledger.accepted(first, await send('first'), attempt);
    for (let index = 0; index < 30; index += 1)
      await Promise.all(Array.from({ length: 10 }, () => send('more')));
    await until('it has failed', () =>
      twin.messages().some(({ status }) => status === 'failed' || status === 'undelivered'),
    );
    expect(await redis.hget(keys.reply('r1'), 'status')).toBe('queued');
    repair().start();
    await until(
      'the ledger knows',
      async () => (await redis.hget(keys.reply('r1'), 'status')) === 'failed',
    );
  });
});

test('a clock that is set back or forward delays no round, and no message is left out', async () => {
  await withRepair(async ({ repair, miss, texts, lists, ended, clock, gate }) => {
    clock.ahead = 3 * 3600_000;
    const backfill = repair({ youngMs: 50 });
    backfill.start();
    await until('the first round', () => ended() === 1);
    clock.ahead = 0;
    const missed = Promise.withResolvers<void>();
    gate.pass = () => missed.promise;
    backfill.somethingWasRefused();
    await until('the second round', () => lists() === 2);
    await miss('missed');
    missed.resolve();
    await until('the message', async () => (await texts()).includes('missed'));
    // The next round is due in an hour.
    await until('its round is over', () => ended() === lists());
    const before = lists();
    clock.ahead = 3 * 3600_000;
    backfill.somethingWasRefused();
    await until('another round', () => lists() > before);
    expect(await texts()).toEqual(['missed']);
  });
});
