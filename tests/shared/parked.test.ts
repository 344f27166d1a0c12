import { expect, test } from 'vitest';
import { createAllowed } from '../../shared/store/allowed.ts';
import { createConversations } from '../../shared/store/conversation.ts';
import { createDeadLetters } from '../../shared/store/boxes/dead-letters.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLedger } from '../../shared/store/boxes/ledger.ts';
import type { Ledger } from '../../shared/store/boxes/ledger.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import type { Outbox, Settlement } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import type { Turns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createScheduleRuns } from '../../shared/store/schedule-runs.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import type { Schedules } from '../../shared/store/schedules.ts';
import { scheduleCommands } from '../../worker/commands/schedule-commands.ts';
import { createTickProcessor } from '../../worker/schedules/processor.ts';
import { closingWindowWords, watchWindow, windowMs } from '../../worker/turn/window.ts';
import { phone } from '../support/pipeline.ts';
import { withRedis } from '../support/redis.ts';
import { newSid } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

type Bench = {
  redis: Redis;
  ledger: Ledger;
  outbox: Outbox;
  turns: Turns;
  schedules: Schedules;
  /** Puts a reply and has Twilio take it; returns the Twilio message. */
  send(id: string, settlement?: Partial<Settlement>): Promise<string>;
  /** Twilio says that the window was closed. */
  close(id: string, sid: string): Promise<string>;
  /** The person writes at this time (ms since 1970). */
  write(at: number): Promise<void>;
  texts(): Promise<string[]>;
};

const days = 20;
const lifetime = days * 24 * 3600;
const fence = { lock: 'a lock', token: 'a token' };

async function withBench(use: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    const [turns, deliveries, schedules] = [
      createTurns(redis),
      createDeliveries(redis),
      createSchedules(redis),
    ];
    const [ledger, outbox, accept] = [
      createLedger(redis, () => new Date(), days),
      createOutbox(redis, deliveries, days),
      createIntake(turns, days),
    ];
    await redis.set(fence.lock, fence.token);
    try {
      await use({
        redis,
        ledger,
        outbox,
        turns,
        schedules,
        async send(id, settlement) {
          await outbox.put(
            [{ id, conversation: phone, turn: 'turn', text: `text of ${id}` }],
            undefined,
            settlement && { conversation: phone, ids: [], state: 'answered', ...settlement },
          );
          const reply = await until('the reply', () => ledger.find(id));
          const sid = newSid();
          await ledger.accepted(reply, sid, (await ledger.begin(undefined, reply)) ?? 0);
          return sid;
        },
        close: (id, sid) => ledger.note(id, phone, sid, 'failed', 'park', 63_016),
        write: async (at) =>
          void (await accept(
            {
              id: newSid(),
              conversation: phone,
              at: new Date(at).toISOString(),
              text: 'x',
              media: [],
              human: true,
            },
            { address: phone, conversation: phone, proven: [], rivals: [] },
          )),
        texts: async () =>
          Promise.all(
            (await redis.lrange(keys.outbox(phone), 0, -1)).map(
              async (id) => (await redis.hget(keys.reply(id), 'text')) ?? '',
            ),
          ),
      });
    } finally {
      await Promise.all([turns.close(), deliveries.close(), schedules.close()]);
    }
  });
}

test('the time of the person’s last word decides what a closed window does to a reply', async () => {
  await withBench(async ({ redis, ledger, send, close, write, texts }) => {
    await write(Date.now() - 60_000);
    const [first, second] = [await send('r1'), await send('r2')];
    expect(await close('r1', first)).toBe('parked');
    await write(Date.now() + 1000);
    // A message that comes late is not the last word.
    await write(Date.now() - 3600_000);
    expect(await close('r2', second)).toBe('again');
    expect(await texts()).toEqual(['text of r2']);
    expect(await redis.lrange(keys.parked(phone), 0, -1)).toEqual(['r1']);
    // Told again: whoever died in between puts it out again.
    expect(await close('r2', second)).toBe('again');
    // Refused at once, the same holds.
    const reply = await until('the reply', () => ledger.find('r2'));
    expect(
      await ledger.failed(reply, (await ledger.begin(undefined, reply)) ?? 0, 'park', 63_016),
    ).toBe('again');
    // What a schedule brings is nobody’s word.
    expect(await redis.hget(keys.conversation(phone), 'wroteAt')).toMatch(/Z$/);
  });
});

test('what a schedule brings opens no window', async () => {
  await withBench(async ({ redis, turns, send, close }) => {
    const sid = await send('r1');
    await createIntake(turns)({
      id: `schedule-15551230001-1-${Date.now()}`,
      conversation: phone,
      at: new Date(Date.now() + 1000).toISOString(),
      text: 'x',
      media: [],
      human: false,
    });
    expect(await redis.hexists(keys.conversation(phone), 'wroteAt')).toBe(0);
    expect(await close('r1', sid)).toBe('parked');
  });
});

test('what is to be sent does not expire; what is parked or settled does, from then on', async () => {
  await withBench(async ({ redis, ledger, outbox, send, close }) => {
    const life = (id: string): Promise<number> => redis.ttl(keys.reply(id));
    const isWhole = async (id: string): Promise<boolean> =>
      Math.abs((await life(id)) - lifetime) < 60;
    await outbox.put([{ id: 'aside', conversation: phone, turn: 'turn', text: 'x', aside: true }]);
    expect(await life('aside')).toBe(-1);
    await outbox.withdraw(fence, phone);
    expect(await isWhole('aside')).toBe(true);
    const sid = await send('r1');
    expect(await isWhole('r1')).toBe(true);
    await redis.expire(keys.reply('r1'), 100);
    await close('r1', sid);
    expect(await isWhole('r1')).toBe(true);
    await redis.expire(keys.reply('r1'), 100);
    expect(await ledger.unpark(phone)).toBe(1);
    expect(await life('r1')).toBe(-1);
    // A callback that comes before Twilio’s answer settles it as well.
    await ledger.begin(undefined, await until('the reply', () => ledger.find('r1')));
    expect(await ledger.note('r1', phone, newSid(), 'sent', 'give-up', undefined)).toBe('noted');
    expect(await isWhole('r1')).toBe(true);
    const late = await send('r2');
    expect(await ledger.note('r2', phone, late, 'failed', 'later', 63_017)).toBe('again');
    expect(await life('r2')).toBe(-1);
    const reply = await until('the reply', () => ledger.find('r2'));
    expect(
      await ledger.failed(reply, (await ledger.begin(undefined, reply)) ?? 0, 'give-up', 21_211),
    ).toBe('failed');
    expect(await isWhole('r2')).toBe(true);
  });
});

test.each([
  [
    1,
    'One answer from a while ago was too old to keep, so I do not have it any more. Please ask me again if you still need it.',
  ],
  [
    2,
    '2 answers from a while ago were too old to keep, so I do not have them any more. Please ask me again if you still need them.',
  ],
])('of %i parked answers that were too old the person is told, once', async (count, sentence) => {
  await withBench(async ({ redis, ledger, send, close, texts }) => {
    for (const id of ['r1', 'r2', 'r3']) await close(id, await send(id));
    await redis.del(...['r1', 'r2'].slice(0, count).map(keys.reply));
    expect(await ledger.unpark(phone)).toBe(3 - count + 1);
    expect(await texts()).toEqual([
      ...['r1', 'r2', 'r3'].slice(count).map((id) => `text of ${id}`),
      sentence,
    ]);
    expect(await ledger.unpark(phone)).toBe(0);
    expect(await redis.llen(keys.outbox(phone))).toBe(3 - count + 1);
  });
});

test('a schedule whose last seven answers wait for the person is paused, says so, and starts again when told', async () => {
  await withBench(async ({ redis, outbox, turns, schedules, send, close, write, texts }) => {
    const schedule = await schedules.add(
      { conversation: phone, prompt: 'look at the deploy log', timezone: 'UTC', cron: '0 9 * * *' },
      fence,
    );
    const runs = createScheduleRuns(redis);
    const run = async (tick: number): Promise<void> => {
      for (const part of ['a', 'b'])
        await close(
          `${tick}${part}`,
          await send(`${tick}${part}`, { ids: [`schedule-15551230001-1-${tick}`] }),
        );
    };
    const log = createLog('test', 'silent');
    const processTick = createTickProcessor(
      {
        allowed: createAllowed(redis),
        schedules,
        runs,
        outbox,
        dead: createDeadLetters(redis),
      },
      {
        accept: createIntake(turns),
        onSetAside: async () => undefined,
        limits: { minutesApart: 15, runsPerDay: 97 },
        log,
        now: Date.now,
      },
    );
    const tick = async (due: number): Promise<{ turn: string }> =>
      await processTick({ id: `repeat:15551230001-1:${due}`, data: schedule } as never);
    await write(Date.now() - 3 * windowMs);
    for (let index = 1; index <= 6; index += 1) await run(index);
    // An answer to something else, and one that is parked again, count nothing.
    await close('other', await send('other', { ids: [newSid()] }));
    expect(await runs.parked(phone, 1)).toBe(6);
    expect((await tick(1_700_000_000_000)).turn).not.toBe('');
    await write(Date.now() - 2 * windowMs);
    expect(await runs.parked(phone, 1)).toBe(0);
    for (let index = 11; index <= 17; index += 1) await run(index);
    expect(await runs.parked(phone, 1)).toBe(7);

    expect(await tick(1_700_000_060_000)).toEqual({ turn: '' });
    expect(await tick(1_700_000_060_000)).toEqual({ turn: '' });
    expect((await texts()).filter((text) => text.startsWith('I paused'))).toEqual([
      'I paused number 1 of your schedules, every day at 9:00, “look at the deploy log”: its last 7 answers all waited for you to write. Text “/schedules resume 1” to start it again, or “/schedules cancel 1” to end it.',
    ]);
    expect(await schedules.queue.getJobSchedulersCount()).toBe(0);
    expect(await schedules.queue.getDelayedCount()).toBe(0);
    const [list, act] = scheduleCommands;
    const obey = async (argument: string): Promise<unknown> =>
      await (argument === '' ? list : act)?.run(
        { stores: { schedules } } as never,
        { message: { conversation: phone }, argument } as never,
      );
    expect(await obey('')).toBe(
      '1. every day at 9:00: look at the deploy log (paused)\n\nText “/schedules cancel 1” to cancel number 1. Text “/schedules resume 1” to start number 1 again.',
    );
    expect(await obey('resume 2')).toBe('There is no schedule 2. Text “/schedules” for the list.');
    expect(await obey('resume 1')).toBe('It runs again: every day at 9:00.');
    expect(await runs.parked(phone, 1)).toBe(0);
    expect(await schedules.queue.getJobSchedulersCount()).toBe(1);
    expect(await schedules.list(phone)).toMatchObject([{ number: 1, next: expect.any(Number) }]);
    expect((await tick(1_700_000_120_000)).turn).not.toBe('');
    await schedules.pause(schedule);
    expect(await obey('cancel 1')).toBe('Cancelled: every day at 9:00, “look at the deploy log”.');
    expect(await schedules.list(phone)).toEqual([]);
  });
});

test('the person hears before the window closes that work may outlast it, once for each closing, and never afterwards', async () => {
  await withBench(async ({ redis, outbox, write, texts }) => {
    const wroteAt = Date.now();
    const conversations = createConversations(redis);
    const look = async (now: number, hasTemplate = false): Promise<{ stop(): void }> => {
      const known = await conversations.read(phone);
      const started = Date.now();
      return watchWindow(
        {
          conversations,
          outbox,
          hasTemplate,
          now: () => now + Date.now() - started,
        },
        { conversation: phone, turn: 'turn', fence, log: createLog('test', 'silent') } as never,
        known,
      );
    };
    const words = [closingWindowWords(wroteAt + windowMs, undefined, false)];
    expect(words[0]).toMatch(
      /^WhatsApp lets me write to you until .* UTC, a day after your last message, and it may close before I am done\. Then the answer waits here until you write anything\.$/,
    );
    await look(wroteAt);
    await write(wroteAt);
    const [late, early] = [await look(wroteAt + windowMs), await look(wroteAt)];
    // An hour before it closes, also in the middle of the work.
    const long = await look(wroteAt + windowMs - 3600_000 - 200);
    expect(await texts()).toEqual([]);
    await until('the sentence', async () => (await texts()).length > 0);
    const again = await look(wroteAt + windowMs - 600_000, true);
    for (const { stop } of [late, early, long, again]) stop();
    await until('all is quiet', async () => (await redis.ping()) === 'PONG');
    expect(await texts()).toEqual(words);
  });
});
