import { expect, test } from 'vitest';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import { newSid } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

/** What a hand edit, another version or a bad copy makes of a job that waits. */
const spoiled: [what: string, spoil: (redis: Redis, job: string) => Promise<unknown>][] = [
  ['data is no JSON', (redis, job) => redis.hset(job, 'data', 'no JSON')],
  ['data is no text', (redis, job) => redis.hset(job, 'data', Buffer.from([0xff, 0xfe]))],
  ['data is null', (redis, job) => redis.hset(job, 'data', 'null')],
  ['options are no JSON', (redis, job) => redis.hset(job, 'opts', '{')],
  ['options are null', (redis, job) => redis.hset(job, 'opts', 'null')],
  ['the progress is no JSON', (redis, job) => redis.hset(job, 'progress', 'half')],
  ['the parent is no JSON', (redis, job) => redis.hset(job, 'parent', 'x')],
  ['its runs are no number', (redis, job) => redis.hset(job, 'ats', 'often')],
  ['its stalls are no number', (redis, job) => redis.hset(job, 'stc', 'often')],
  ['it is a run of no schedule', (redis, job) => redis.hset(job, 'rjk', 'gone')],
  ['the job is gone', (redis, job) => redis.del(job)],
  ['the job is no hash', (redis, job) => redis.set(job, 'x')],
  [
    'all is spoiled',
    (redis, job) => redis.hset(job, { data: '', opts: '5', ats: '', deid: '', rjk: 'a:b:c:d:5' }),
  ],
];
const numberOf = (at: number): string => `+1555123${1000 + at}`;

test('whatever is left of a job, its turn is worked and its replies are sent, and nobody waits for it', async () => {
  const people = spoiled.map((_, at) => numberOf(at));
  const environment = { ALLOWED_SENDERS: [phone, ...people].join(',') };
  await withPipeline({ environment }, async (pipeline) => {
    const { redis } = pipeline;
    const turns = createTurns(redis);
    const deliveries = createDeliveries(redis);
    pipeline.atEnd(() => Promise.all([turns.close(), deliveries.close()]));
    await turns.queue.waitUntilReady();
    const accept = createIntake(turns);
    const outbox = createOutbox(redis, deliveries);
    const sids: string[] = [];
    const jobs: string[] = [];
    for (const [at, [, spoil]] of spoiled.entries()) {
      const [conversation, id] = [numberOf(at), newSid()];
      const now = new Date().toISOString();
      await accept({ id, conversation, at: now, text: 'hello', media: [], human: true });
      await outbox.put([{ id: `before-${at}`, conversation, turn: id, text: 'before' }]);
      for (const queue of ['turns', 'deliveries']) {
        const name = (await redis.get(keys.deduplication(queue, conversation))) ?? '';
        jobs.push(keys.job(queue, name));
        await spoil(redis, keys.job(queue, name));
      }
      sids.push(id);
    }
    await pipeline.say('and me?');
    await pipeline.startWorker({ lease: { renewMs: 200, holdMs: 30_000 } });
    await until('the answer to the last in the queue', () =>
      pipeline.replies().some(({ text }) => text === 'answer to and me?'),
    );
    const missing = async (): Promise<string[]> => {
      const open: string[] = [];
      for (const [at, sid] of sids.entries()) {
        const state = await redis.hget(keys.message(sid), 'state');
        const status = await redis.hget(keys.reply(`before-${at}`), 'status');
        if (state !== 'answered' || status === 'waiting' || status === 'posting')
          open.push(`${spoiled[at]?.[0]}: ${state}, ${status}`);
      }
      return open;
    };
    await until('the end of all', async () => (await missing()).length === 0).catch(
      async (error: unknown) => {
        throw new Error(`open: ${(await missing()).join('; ')}`, { cause: error });
      },
    );
    for (const queue of ['turns', 'deliveries'])
      await until(
        `no job in ${queue}`,
        async () =>
          (await redis.llen(keys.active(queue))) +
            (await redis.llen(keys.waitingJobs(queue))) +
            (await redis.zcard(keys.delayed(queue))) ===
          0,
      );
    // The two jobs that were no hash.
    expect(await redis.llen(keys.dead)).toBe(2);
    const types = await Promise.all(jobs.map((job) => redis.type(job)));
    expect(types.filter((type) => type === 'string')).toEqual([]);
  });
});

/** BullMQ's keys of a queue, beside its jobs. */
const places =
  'meta id wait paused active delayed prioritized marker completed failed stalled events'.split(
    ' ',
  );

test('a key of BullMQ’s that is of another type holds nothing up: it is moved aside, also where a worker sleeps', async () => {
  await withPipeline({}, async ({ redis, say, replies, startWorker }) => {
    const answered = async (text: string): Promise<unknown> =>
      await until(`the answer to ${text}`, () =>
        replies().some((reply) => reply.text === `answer to ${text}`),
      );
    const spoil = async (place: string): Promise<void> => {
      for (const queue of ['turns', 'deliveries']) {
        const key = keys.job(queue, place);
        const isHash = (await redis.type(key)) === 'hash';
        await redis.multi().del(key).exec();
        await (isHash ? redis.set(key, 'x') : redis.hset(key, 'x', 'x'));
      }
    };
    await spoil('events');
    await say('asleep');
    await startWorker();
    await answered('asleep');
    for (const place of places) {
      await spoil(place);
      await say(place);
      await answered(place);
    }
    // A list of schedules adds no job.
    await redis.multi().del(keys.job('schedules', 'repeat')).exec();
    await redis.set(keys.job('schedules', 'repeat'), 'x');
    const schedules = createSchedules(redis);
    expect(await schedules.list(phone)).toEqual([]);
    await schedules.close();
    const texts = replies().map(({ text }) => text);
    expect(texts).toEqual(['asleep', ...places].map((text) => `answer to ${text}`));
    expect(await redis.type(`${prefix}:unreadable:turns:meta`)).toBe('string');
    // A job's number is in the names of its replies: none is given out again.
    expect(Number(await redis.get(keys.job('turns', 'id')))).toBeGreaterThan(1e9);
    for (const odd of ['-0', '007']) {
      for (const queue of ['turns', 'deliveries']) await redis.set(keys.job(queue, 'id'), odd);
      await say(odd);
      await answered(odd);
    }
  });
});

test('a schedule that cannot be read spoils nobody’s list; what its other place has is put back, the rest is said once and set aside', async () => {
  await withPipeline({}, async (pipeline) => {
    const { redis } = pipeline;
    const schedules = createSchedules(redis);
    pipeline.atEnd(() => schedules.close());
    const fence = { lock: 'a lock', token: 'a token' };
    await redis.set(fence.lock, fence.token);
    const plan = async (
      conversation: string,
      prompt: string,
      when: { cron: string } | { at: number },
    ): Promise<string> => {
      const schedule = { conversation, prompt, timezone: 'UTC', ...when };
      const { number } = await schedules.add(schedule, fence);
      return `${conversation.slice(1)}-${number}`;
    };
    const cron = { cron: '0 5 1 1 *' };
    const nextOf = async (id: string): Promise<string> =>
      `repeat:${id}:${await redis.zscore(keys.job('schedules', 'repeat'), id)}`;
    const spoil = (id: string, field = 'data'): Promise<unknown> =>
      redis.hset(keys.job('schedules', id), field, '{no JSON');
    const hasty = await plan(phone, 'stretch', { at: Date.now() + 1000 });
    await spoil(hasty);
    await spoil(`repeat:${await plan(phone, 'only the template', cron)}`);
    await spoil(await nextOf(await plan(phone, 'only the next run', cron)));
    await spoil(await nextOf(await plan(phone, 'its options', cron)), 'opts');
    const lost = await plan(phone, 'both', cron);
    for (const id of [`repeat:${lost}`, await nextOf(lost)]) await spoil(id);
    await redis.hset(keys.job('schedules', `repeat:${lost}`), 'ic', 'often');
    await plan(otherPhone, 'water the plants', cron);

    expect((await schedules.list(otherPhone)).map(({ prompt }) => prompt)).toEqual([
      'water the plants',
    ]);
    expect((await schedules.list(phone)).map(({ prompt }) => prompt)).toEqual([
      'only the template',
      'only the next run',
      'its options',
    ]);
    await redis.hset(keys.job('schedules', hasty), 'opts', 'no JSON');
    await pipeline.startWorker({ lease: { renewMs: 200, holdMs: 30_000 } });
    // All are due, and planned again.
    for (const id of await redis.zrange(keys.delayed('schedules'), '0', '-1'))
      await redis.zadd(keys.delayed('schedules'), 0, id);
    await redis.zadd(keys.job('schedules', 'marker'), 0, '0');
    const texts = (from = phone): string[] => pipeline.replies(from).map(({ text }) => text);
    await until('all of them', () => texts().length >= 5 && texts(otherPhone).length >= 1);
    expect(texts().filter((text) => text.startsWith('Something you had scheduled'))).toHaveLength(
      2,
    );
    for (const prompt of ['only the template', 'only the next run', 'its options'])
      expect(texts().some((text) => text.endsWith(prompt))).toBe(true);
    expect(await redis.llen(keys.dead)).toBe(2);
    await until('no open run', async () => (await redis.llen(keys.active('schedules'))) === 0);
    // Also the lost one: the version that wrote it may come back.
    expect(await redis.zcard(keys.delayed('schedules'))).toBe(5);
  });
});
