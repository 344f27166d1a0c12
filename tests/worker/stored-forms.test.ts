import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { Schedule, createSchedules } from '../../shared/store/schedules.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { readStored, restoreStored } from '../support/stored.ts';
import type { Stored } from '../support/stored.ts';
import { until } from '../support/until.ts';

/**
 * What version 0.1.0 left in Redis when its worker was killed in the middle of a turn: a message at
 * work and four that wait, of each form, another person's message and question on its way, a parked
 * reply, a message that was given up, and a schedule.
 */
const earlier = readStored('stored-by-0.1.0.json');
const texts = (pipeline: Pipeline, from = phone): string[] =>
  pipeline.replies(from).map((reply) => reply.text);
const waitingAnswers = ['answer to hang on', 'answer to plain', 'answer to Yes'];

/** Works what is stored off, and returns what both people were told. */
async function workOff(pipeline: Pipeline): Promise<{ mine: string[]; theirs: string[] }> {
  const { redis } = pipeline;
  // Both have written lately, as far as WhatsApp goes.
  for (const from of [phone, otherPhone]) await pipeline.say('good morning', from);
  await pipeline.startWorker({ environment: { WORKER_ID: 'vm' } });
  await until(
    'everything is worked off',
    async () => {
      const boxes = await Promise.all(
        [phone, otherPhone].flatMap((from) => [
          redis.llen(keys.inbox(from)),
          redis.llen(keys.outbox(from)),
          redis.llen(keys.parked(from)),
        ]),
      );
      return (
        boxes.every((length) => length === 0) &&
        [phone, otherPhone].every((from) =>
          texts(pipeline, from).includes('answer to good morning'),
        )
      );
    },
    40_000,
  );
  return { mine: texts(pipeline), theirs: texts(pipeline, otherPhone) };
}

test('what the version before has stored is worked off: attempts at work, messages of each form, parked replies, schedules, what was given up', async () => {
  await withPipeline({}, async (pipeline) => {
    await restoreStored(pipeline.redis, earlier);
    const { mine, theirs } = await workOff(pipeline);
    for (const answer of [...waitingAnswers, 'this was parked'])
      expect(mine.filter((text) => text === answer)).toEqual([answer]);
    expect(mine.some((text) => text.includes('scheduled text'))).toBe(true);
    expect(theirs).toContain('answer to of the other');
    expect(theirs.some((text) => text.startsWith('Which?'))).toBe(true);
    await pipeline.say('retry');
    await until('what was given up', () => texts(pipeline).includes('answer to give this up'));
    const schedules = createSchedules(pipeline.redis);
    expect(await schedules.list(otherPhone)).toMatchObject([
      { prompt: 'look at the log', cron: '0 9 * * 1-5' },
    ]);
    await schedules.close();
    expect(await pipeline.redis.exists(keys.dead)).toBe(0);
  });
});

test('attempts that the version before has counted in the job count on: the fourth is none', async () => {
  await withPipeline({}, async (pipeline) => {
    const job =
      Object.keys(earlier).find(
        (key) =>
          earlier[key]?.type === 'hash' &&
          'data' in earlier[key].value &&
          earlier[key].value['data']?.includes('hang on'),
      ) ?? '';
    const entry = earlier[job];
    if (entry?.type !== 'hash') throw new Error('no job has the message');
    const data = JSON.parse(entry.value['data'] ?? '');
    const tried = JSON.stringify({
      ...data,
      messages: data.messages.map((message: object) => ({ ...message, attempts: 3 })),
    });
    await restoreStored(pipeline.redis, {
      ...earlier,
      [job]: { ...entry, value: { ...entry.value, data: tried } },
    });
    const { mine } = await workOff(pipeline);
    expect(mine.filter((text) => text.includes('retry'))).toHaveLength(1);
    expect(mine).not.toContain('answer to hang on');
    expect(mine).toContain('answer to plain');
  });
});

/**
 * The same as a later version might have left it: with fields that are not known yet in everything,
 * and with kinds of entries that are not known.
 */
function asLater(stored: Stored): Stored {
  const grown = (json: string): string =>
    JSON.stringify({ ...JSON.parse(json), later: { of: 'a version to come' } });
  return Object.fromEntries(
    Object.entries(stored).map(([key, entry]) => {
      if (entry.type === 'list' && key.includes(':inbox:'))
        return [
          key,
          {
            ...entry,
            value: [
              ...entry.value.map(grown),
              JSON.stringify({ kind: 'reaction', id: 'reaction-1', emoji: '👍' }),
            ],
          },
        ];
      if (entry.type === 'hash' && 'data' in entry.value)
        return [
          key,
          { ...entry, value: { ...entry.value, data: grown(entry.value['data'] ?? '{}') } },
        ];
      if (entry.type === 'hash' && 'failed' in entry.value)
        return [
          key,
          {
            ...entry,
            value: {
              ...entry.value,
              later: 'x',
              failed: JSON.stringify(JSON.parse(entry.value['failed'] ?? '[]').map(grown)),
            },
          },
        ];
      if (entry.type === 'hash' && /:(reply|message|conversation):/.test(key))
        return [key, { ...entry, value: { ...entry.value, later: 'x' } }];
      return [key, entry];
    }),
  );
}

test('after going back from a later version its fields are kept and do no harm, and its kinds of entries are on the dead list', async () => {
  await withPipeline({}, async (pipeline) => {
    const { redis } = pipeline;
    await restoreStored(redis, asLater(earlier));
    await redis.lpush(keys.outbox(otherPhone), 'later.1');
    await redis.hset(keys.reply('later.1'), {
      id: 'later.1',
      conversation: otherPhone,
      turn: 'x',
      text: 'hi',
      at: '2026-11-29T10:00:00.000Z',
      status: 'translating',
    });
    const { mine, theirs } = await workOff(pipeline);
    for (const answer of waitingAnswers)
      expect(mine.filter((text) => text === answer)).toEqual([answer]);
    expect(mine.filter((text) => text.startsWith('I could not read'))).toHaveLength(1);
    expect(theirs.filter((text) => text.startsWith('One of my answers is stored'))).toHaveLength(1);
    expect(theirs).toContain('answer to of the other');
    const dead = (await redis.lrange(keys.dead, 0, -1)).map((line) => JSON.parse(line).from);
    expect(dead.toSorted()).toEqual(['inbox', 'inbox', 'outbox']);
    expect(await redis.hget(keys.conversation(phone), 'later')).toBe('x');
    expect((await redis.hget(keys.conversation(phone), 'failed')) ?? '').toContain(
      'a version to come',
    );
  });
});

test('a schedule of a later version is told of once and stays planned', async () => {
  await withPipeline({}, async (pipeline) => {
    const schedules = createSchedules(pipeline.redis);
    await pipeline.say('good morning');
    const later = { conversation: phone, number: 7, kind: 'when-it-rains', timezone: 'UTC' };
    await schedules.queue.upsertJobScheduler(
      'later',
      { every: 500 },
      { name: 'schedule', data: JSON.parse(JSON.stringify(later)) },
    );
    await schedules.queue.add('schedule', JSON.parse('{"of":"nobody"}'), {});
    // BullMQ's own record of it has a zone that this version does not know.
    const repeat = { pattern: '0 9 * * *', tz: 'Mars/Olympus' };
    const name = 'later-zone';
    await schedules.queue.upsertJobScheduler(name, repeat, {
      name: 'schedule',
      data: { conversation: otherPhone, number: 8, prompt: 'look', timezone: repeat.tz },
    });
    const [due = ''] = (await schedules.queue.getDelayed()).flatMap((job) =>
      job.repeatJobKey === name ? (job.id ?? []) : [],
    );
    await schedules.queue.getJob(due).then((job) => job?.promote());
    await pipeline.say('good morning', otherPhone);
    await pipeline.startWorker();
    await until('the word of the other', () =>
      texts(pipeline, otherPhone).some((text) => text.includes('I cannot read what it was')),
    );
    expect((await schedules.queue.getJobScheduler(name))?.next).toBeGreaterThan(Date.now());
    await schedules.queue.removeJobScheduler(name);
    await until('three times', async () => (await pipeline.redis.llen(keys.dead)) >= 4);
    await until('the sentence', () =>
      texts(pipeline).some((text) => text.includes('I cannot read what it was')),
    );
    expect(
      texts(pipeline).filter((text) => text.includes('I cannot read what it was')),
    ).toHaveLength(1);
    expect(await schedules.queue.getJobSchedulersCount()).toBe(1);
    expect(await pipeline.redis.keys('*:undefined')).toEqual([]);
    await schedules.close();
  });
});

test('a schedule that cannot be planned here cannot be read', () => {
  const known = { conversation: phone, number: 1, prompt: 'look', timezone: 'Europe/Berlin' };
  for (const fits of [{ cron: '0 9 * * 1-5' }, { at: 1_800_000_000_000 }])
    expect(Schedule.safeParse({ ...known, ...fits }).success).toBe(true);
  for (const odd of [{ timezone: 'Mars/Olympus' }, { cron: 'when it rains' }, { at: 1.5 }])
    expect(Schedule.safeParse({ ...known, ...odd }).success).toBe(false);
});
