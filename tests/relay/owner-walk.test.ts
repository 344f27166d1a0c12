import { expect, test } from 'vitest';
import { durationWords } from '../../relay/admin/frame/format-measures.ts';
import { createMeters, vmNoteMs } from '../../shared/store/money/meters.ts';
import { dayOf } from '../../shared/store/money/spend.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Child } from '../../simulator/child-process.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { signIn } from '../support/admin-client.ts';
import type { AdminClient } from '../support/admin-client.ts';
import { scaled } from '../support/machine-speed.ts';
import { comparePages, compareTurn, valuesOf } from '../support/owner-pages.ts';
import type { Known } from '../support/owner-pages.ts';
import { otherPhone, phone, stranger, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { crash, startRelayProcess, startWorkerProcess } from '../support/processes.ts';
import { createRandom } from '../support/random.ts';
import { withRelay } from '../support/relay-bench.ts';
import { settled } from '../support/settled.ts';
import { until } from '../support/until.ts';

test('every number and state on the pages is that of the store, over varied turns with faults', async () => {
  await withRelay({}, async (bench) => {
    const { say, startWorker, redis, twin } = bench;
    const [random, seed] = [createRandom(7), 7];
    await startWorker({
      answer: async (text, { id }) => {
        await redis.hincrby(keys.spendTurn(id), 'usd', random.below(400) * 10_000);
        if (text.startsWith('fail')) throw new AgentFailure('refused', 'not today');
        return text.startsWith('long') ? `${'words '.repeat(700)}` : `answer to ${text}`;
      },
    });
    twin.faults.set('create-429', { probability: 0.1, seed });
    twin.faults.set('create-reset-after', { probability: 0.05, seed });
    twin.faults.set('callbacks-shuffled', { probability: 0.3, seed });
    twin.faults.set('webhook-duplicate', { probability: 0.2, seed, copies: 2 });
    for (let index = 0; index < 12; index += 1) {
      const kind = random.pick(['plain', 'fail', 'long', '/status', '/cost']);
      const text = kind.startsWith('/') ? kind : `${kind} ${index}`;
      await say(text, random.below(3) === 0 ? otherPhone : phone);
      // Now and then the next one is steered into the same turn.
      if (random.below(4) > 0) await settled(bench);
    }
    await allSettled(bench, [phone, otherPhone]);
    const admin = await signIn(bench);
    const { turns } = await comparePages(admin, redis, [phone, otherPhone]);
    expect(turns.size).toBeGreaterThan(4);
    for (const id of turns.keys()) await compareTurn(admin, redis, id);
    expectTimes(bench, await timesOf(bench));
  });
});

test('what the send rate has held back is on the turn’s page, as long as Twilio’s side has waited for it', async () => {
  await withRelay({}, async (bench) => {
    const { say, startWorker, replies, redis, twin } = bench;
    // Two messages, which are put at once.
    await startWorker({
      answer: async () => 'words '.repeat(400),
      sendRate: { intervalMs: scaled(2000), burst: 1 },
    });
    const turn = await say('one');
    await until('both', () => replies().length === 2);
    await allSettled(bench, [phone]);
    const attempts = twin.memory.attempts.map(({ at }) => Date.parse(at));
    const ids = await redis.lrange(keys.turnReplies(turn), 0, -1);
    const stored = await Promise.all(ids.map((id) => redis.hgetall(keys.reply(id))));
    const [first, second] = stored.map(({ pacedMs }) => Number(pacedMs ?? 0));
    expect([ids.length, attempts.length, first]).toEqual([2, 2, 0]);
    expect(second).toBeGreaterThan(0);
    expect(second).toBeLessThanOrEqual((attempts[1] ?? 0) - Date.parse(stored[1]?.['at'] ?? ''));
    const admin = await signIn(bench);
    await compareTurn(admin, redis, turn);
    const page = (await admin.get(`/admin/turns/${turn}`)).text;
    const words = durationWords(second ?? 0);
    expect(valuesOf(page).get('Held back by the send rate')).toBe(words);
    expect(page.match(/held back by the send rate/g)).toHaveLength(1);
    expectTimes(bench, await timesOf(bench));
  });
});

/** Waits until nothing is under way for these people, and each reply has its end. */
async function allSettled({ redis, twin }: Pipeline, phones: string[]): Promise<void> {
  const isOnItsWay = (person: string): boolean =>
    twin.chat
      .messages(person)
      .some(({ direction, status }) => direction === 'outbound' && /^(queued|sent)$/.test(status));
  await until(
    'everything is over',
    async () => {
      const boxes = phones.flatMap((person) => [keys.inbox(person), keys.outbox(person)]);
      const sizes = await Promise.all(
        [...boxes, keys.active('turns')].map((key) => redis.llen(key)),
      );
      return sizes.every((size) => size === 0) && !phones.some(isOnItsWay);
    },
    180_000,
  );
}

/** The times of what was said, by Twilio's ids (ms since 1970). */
type Times = {
  accepted: Map<string, number>;
  posted: Map<string, number>;
  delivered: Map<string, number>;
};

async function timesOf({ redis }: Pipeline): Promise<Times> {
  const times: Times = { accepted: new Map(), posted: new Map(), delivered: new Map() };
  for (const key of await redis.keys(keys.message('SM*')))
    times.accepted.set(
      key.slice(keys.message('').length),
      Date.parse((await redis.hget(key, 'at')) ?? ''),
    );
  for (const key of await redis.keys(keys.reply('*'))) {
    const { sid, postedAt, deliveredAt } = await redis.hgetall(key);
    if (sid && postedAt) times.posted.set(sid, Date.parse(postedAt));
    if (sid && deliveredAt) times.delivered.set(sid, Date.parse(deliveredAt));
  }
  return times;
}

/** Each time lies between what Twilio's side saw begin and what it saw end. */
function expectTimes({ twin }: Pipeline, times: Times): void {
  const { webhooks, attempts, callbacks } = twin.memory;
  let compared = 0;
  for (const { params, status, at } of webhooks) {
    const accepted = times.accepted.get(params['MessageSid'] ?? '');
    if (status !== 200 || accepted === undefined) continue;
    expect(accepted, 'accepted before the answer').toBeLessThanOrEqual(Date.parse(at));
    compared += 1;
  }
  for (const { sid = '', at } of attempts) {
    const [posted, delivered] = [times.posted.get(sid), times.delivered.get(sid)];
    if (posted === undefined) continue;
    expect(posted, 'sent after the request').toBeGreaterThanOrEqual(Date.parse(at));
    // The callback may be faster than the answer to the request.
    expect(delivered ?? posted, 'delivered after it').toBeGreaterThanOrEqual(Date.parse(at));
    compared += 1;
  }
  const ends = callbacks.filter(
    ({ params, status }) => status === 200 && params['MessageStatus'] === 'delivered',
  );
  for (const { params, at } of ends) {
    const delivered = times.delivered.get(params['MessageSid'] ?? '');
    if (delivered === undefined) continue;
    expect(delivered, 'delivered before the callback’s answer').toBeLessThanOrEqual(Date.parse(at));
    compared += 1;
  }
  expect(compared).toBeGreaterThan(times.accepted.size);
}

/** The system as processes that are killed and started again. */
async function withProcesses(use: (bench: Pipeline & Restarts) => Promise<void>): Promise<void> {
  const environment = { SENDER_LIMIT_PER_MINUTE: '5000', ALLOWED_SENDERS: people.join(',') };
  await withPipeline({ relay: false, environment }, async (pipeline) => {
    let relay = await startRelayProcess(pipeline);
    const lives: Life[] = [];
    const begin = async (): Promise<Child> => {
      const life: Life = { spawnedAt: Date.now(), readyAt: 0, endedAt: undefined };
      lives.push(life);
      const child = await startWorkerProcess(pipeline);
      life.readyAt = Date.now();
      return child;
    };
    let worker = await begin();
    const end = async (by: (child: Child) => Promise<void>): Promise<void> => {
      await by(worker);
      const life = lives.at(-1);
      if (life) life.endedAt = Date.now();
    };
    await use({
      ...pipeline,
      lives,
      async killRelay(change) {
        await crash(relay);
        relay = await startRelayProcess(pipeline, change);
      },
      async killWorker() {
        await end(crash);
        worker = await begin();
      },
      async withoutWorker(meanwhile) {
        await end(crash);
        await meanwhile();
        worker = await begin();
      },
      stopWorker: () => end((child) => child.stop()),
    });
  });
}

/** A worker's process: when it was begun, was ready, and had ended (ms since 1970). */
type Life = { spawnedAt: number; readyAt: number; endedAt: number | undefined };

type Restarts = {
  lives: readonly Life[];
  stopWorker(): Promise<void>;
  /** Kills the relay and starts it again, with these variables. */
  killRelay(change?: Record<string, string>): Promise<void>;
  killWorker(): Promise<void>;
  withoutWorker(meanwhile: () => Promise<void>): Promise<void>;
};

const people = [phone, otherPhone, stranger];

/** Compares until the pages were read while nothing changed. */
async function compareNow(admin: AdminClient, { redis }: Pipeline): Promise<Known> {
  let last: unknown;
  for (let round = 0; round < 20; round += 1) {
    try {
      return await comparePages(admin, redis, people);
    } catch (error) {
      last = error;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
  throw last;
}

const seen = ({ turns }: Known): Set<string> =>
  new Set([...turns.values()].map(({ state }) => state));

test(
  'every number and state on every page is that of the store, over two hundred turns with kills and faults',
  { tags: 'long', timeout: 1_800_000 },
  async () => {
    await withProcesses(async (bench) => {
      const { say, redis, twin } = bench;
      const [random, seed] = [createRandom(11), 11];
      const admin = await signIn(bench);
      const states = new Set<string>();
      const look = async (): Promise<void> => {
        for (const state of seen(await compareNow(admin, bench))) states.add(state);
      };
      twin.faults.set('create-429', { probability: 0.05, seed });
      twin.faults.set('create-reset-after', { probability: 0.03, seed });
      twin.faults.set('create-500-before', { probability: 0.03, seed });
      twin.faults.set('callbacks-shuffled', { probability: 0.2, seed });
      twin.faults.set('webhook-duplicate', { probability: 0.2, seed, copies: 2 });
      const kinds = [
        'plain',
        'plain',
        'fail',
        'long',
        'slow',
        '/status',
        '/cost',
        '/help',
      ] as const;
      for (let index = 0; index < 190; index += 1) {
        const kind = random.pick(kinds);
        const person = random.pick([phone, phone, otherPhone, stranger]);
        await say(kind.startsWith('/') ? kind : `${kind} ${index}`, person);
        if (index % 19 === 7) await bench.killWorker();
        if (index % 31 === 11) await bench.killRelay();
        if (random.below(3) === 0) await allSettled(bench, people);
        if (index % 47 === 46) {
          await allSettled(bench, people);
          await look();
        }
      }
      await allSettled(bench, people);
      // A question, a turn that works, one that waits behind it, and what was planned for later.
      await say('plan the morning', otherPhone);
      await allSettled(bench, people);
      await say('ask me');
      await until('the question', async () =>
        (await redis.hget(keys.conversation(phone), 'questions'))?.includes('"open"'),
      );
      await say('hang on', otherPhone);
      await say('hang aside', stranger);
      await until('all work', async () => (await redis.llen(keys.active('turns'))) >= 3);
      await look();
      expect([...states]).toEqual(expect.arrayContaining(['waiting for you', 'working']));
      await say('Red');
      await until('its answer', () =>
        twin.chat.messages(phone).some(({ text }) => text === 'You chose Red for ask me'),
      );
      // Killed in the middle of the work: it waits until a worker takes it up again.
      await bench.withoutWorker(async () => {
        await say('nobody is awake', stranger);
        await until('their locks are over', async () => {
          const jobs = await redis.lrange(keys.active('turns'), 0, -1);
          const locks = jobs.map((job) => redis.exists(keys.jobLock('turns', job)));
          return (await Promise.all(locks)).every((lock) => lock === 0);
        });
        await look();
        // A person is removed while their message waits.
        await bench.killRelay({ ALLOWED_SENDERS: `${phone},${otherPhone}` });
        await until(
          'it is set aside',
          async () => (await redis.exists(keys.setAsideMessages(stranger))) === 1,
        );
        await look();
        await bench.killRelay();
      });
      await allSettled(bench, people);
      // An answer that WhatsApp's closed window keeps back.
      twin.faults.set('late-failure', {
        code: 63_016,
        times: 1,
        when: ({ Body }) => Body?.includes('park this') ?? false,
      });
      await say('park this');
      await until('it is parked', async () => (await redis.llen(keys.parked(phone))) === 1);
      await look();
      await until(
        'the planned turn',
        () => twin.chat.messages(otherPhone).some(({ text }) => text.includes('look at plan')),
        240_000,
      );
      await allSettled(bench, people);
      const known = await compareNow(admin, bench);
      expect(known.turns.size).toBeGreaterThan(100);
      expect([...states].toSorted()).toEqual([
        'answered',
        'failed',
        'parked',
        'set aside',
        'waiting',
        'waiting for you',
        'working',
      ]);
      for (const id of known.turns.keys()) await compareTurn(admin, redis, id);
      expectTimes(bench, await timesOf(bench));
      await bench.stopWorker();
      await expectMeters(bench);
    });
  },
);

/**
 * The meters are what Twilio's side has, and the clocks of the processes; what a kill has left open
 * is not settled.
 */
async function expectMeters({ redis, twin, lives }: Pipeline & Restarts): Promise<void> {
  const { month } = await createMeters(redis).read(dayOf(Date.now()));
  const { received, ...sent } = month.messages;
  const inbound = twin.messages().filter(({ direction }) => direction === 'inbound').length;
  const taken = { text: 0, file: 0, buttons: 0, template: 0 };
  for (const { params, sid } of twin.memory.attempts) {
    if (sid === undefined) continue;
    if (params['ContentSid'] !== undefined) taken.buttons += 1;
    else taken[params['MediaUrl'] === undefined ? 'text' : 'file'] += 1;
  }
  expect(received).toBe(inbound);
  let open = 0;
  for (const kind of ['text', 'file', 'buttons', 'template'] as const) {
    expect(sent[kind], `of ${kind}`).toBeLessThanOrEqual(taken[kind]);
    open += taken[kind] - sent[kind];
  }
  expect(open).toBeLessThanOrEqual(month.unsettled.messages);
  const [, ...homes] = [...month.vmMs.values()];
  expect(homes).toEqual([]);
  const [settledMs = 0] = [...month.vmMs.values()];
  const ofLives = (from: 'spawnedAt' | 'readyAt'): number =>
    lives.reduce((sum, life) => sum + (life.endedAt ?? Date.now()) - life[from], 0);
  expect(settledMs).toBeLessThanOrEqual(ofLives('spawnedAt'));
  expect(settledMs + month.unsettled.vmMs).toBeGreaterThanOrEqual(ofLives('readyAt'));
  expect(month.unsettled.vmMs).toBeLessThanOrEqual(lives.length * vmNoteMs);
}
