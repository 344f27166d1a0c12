import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import type { Schedules } from '../../shared/store/schedules.ts';
import type { ScheduleRequest } from '../../worker/schedules/request.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const userId = 'US.13491208655302741918';
type Bench = Pipeline & {
  schedules: Schedules;
  texts: (from?: string) => string[];
  add: (cron: string, conversation?: string) => Promise<unknown>;
};

/**
 * A worker whose agent schedules what it is told as JSON, answers nothing of what came of it, and
 * answers each tick.
 */
async function withLimits(
  environment: Record<string, string>,
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  await withPipeline(
    { environment: { ALLOWED_SENDERS: `${phone},${userId}` } },
    async (pipeline) => {
      const schedules = createSchedules(pipeline.redis);
      try {
        await pipeline.startWorker({
          environment,
          answer: async (text, { tools }) =>
            text.startsWith('{')
              ? `tool: ${await tools.scheduleTurn(JSON.parse(text) as ScheduleRequest)}`
              : `did ${text.split('\n').at(-1)}`,
        });
        await pipeline.redis.set('a lock', 'a token');
        await use({
          ...pipeline,
          schedules,
          texts: (from = phone) => pipeline.replies(from).map(({ text }) => text),
          add: (cron, conversation = phone) =>
            schedules.add(
              { conversation, prompt: 'tick', timezone: 'UTC', cron },
              { lock: 'a lock', token: 'a token' },
            ),
        });
      } finally {
        await schedules.close();
      }
    },
  );
}

test('a repeating schedule that comes too often is refused, a single time may be soon, and each new repeating one is told to the person once, whatever Claude says', async () => {
  await withLimits({ SCHEDULE_RUNS_PER_DAY: '97' }, async ({ say, texts, schedules, redis }) => {
    const ask = async (request: ScheduleRequest, from = phone): Promise<string> => {
      const before = texts(from).filter((text) => text.startsWith('tool:')).length;
      await say(JSON.stringify(request), from);
      return await until(
        'the answer',
        () => texts(from).filter((text) => text.startsWith('tool:'))[before],
      );
    };
    expect(await ask({ prompt: 'too often', cron: '0,1 * * * *', timezone: 'UTC' })).toMatch(
      /at least 15 minutes apart/,
    );
    expect(await ask({ prompt: 'too often once a year', cron: '* * 1 1 *' })).toMatch(
      /at least 15 minutes apart/,
    );
    expect(await ask({ prompt: 'soon', inMinutes: 5 })).toMatch(
      /^tool: Scheduled as number 1: once/,
    );
    expect(texts().filter((text) => !text.startsWith('tool:'))).toEqual([]);

    expect(await ask({ prompt: 'look at the deploy log', cron: '*/15 * * * *' })).toMatch(
      /^tool: Scheduled as number 2/,
    );
    const told =
      'Scheduled as number 2: every 15 minutes (UTC), “look at the deploy log”. When you have not written for a day by then, the answer waits here until you write anything. Text “/schedules cancel 2” to end it.';
    expect(texts().at(-2)).toBe(told);
    expect(await ask({ prompt: 'look at the deploy log', cron: '*/15 * * * *' })).toMatch(
      /^tool: That is scheduled already/,
    );
    expect(texts().filter((text) => text === told)).toHaveLength(1);
    expect(await ask({ prompt: 'a second', cron: '0 9,10 * * *' })).toMatch(
      /up to 98 times a day, and 97 are the most/,
    );
    expect((await schedules.list(phone)).map(({ number }) => number)).toEqual([1, 2]);

    // A person without a number plans, lists and cancels as well.
    expect(await ask({ prompt: 'mine', cron: '0 9 * * *', timezone: 'UTC' }, userId)).toMatch(
      /^tool: Scheduled as number 1: every day at 9:00/,
    );
    await say('/schedules cancel 1', userId);
    await until('the end of it', () =>
      texts(userId).some((text) => text.startsWith('Cancelled: every day')),
    );
    expect(await schedules.list(userId)).toEqual([]);
    expect(await redis.exists(keys.scheduleChoices(userId))).toBe(0);
  });
});

test(
  'a schedule that was made when more was allowed goes on, is asked about once, rests when the day’s runs are used up, and runs freely once it is kept',
  { tags: 'long' },
  async () => {
    await withLimits(
      { SCHEDULE_RUNS_PER_DAY: '3' },
      async ({ add, say, texts, schedules, redis, replies }) => {
        await say('hello');
        await until('the chat is open', () => texts().includes('did hello'));
        await add('* * * * * *');
        const ticks = (): number => texts().filter((text) => text === 'did tick').length;
        const question = await until('the question', () =>
          replies().find(({ text }) => text.includes('/schedules keep 1')),
        );
        expect(question.text).toMatch(
          /^Number 1 of your schedules, “tick”, comes every second\. New ones come every 15 minutes at most\. .*“\/schedules cancel 1” to end it\. Until then it goes on, with at most 3 runs a day\.$/,
        );
        expect(question.buttons.map(({ title }) => title)).toEqual(['Keep', 'Cancel']);
        await until('the day is full', () =>
          texts().some((text) => text.startsWith('Your schedules have run 3 times today')),
        );
        await until('three runs', () => ticks() === 3);
        expect(await redis.hgetall(keys.scheduleChoices(phone))).toEqual({ 1: 'asked' });

        await say('/schedules keep 1');
        await until('it runs on', () => ticks() > 4);
        await until('its answer', () => texts().includes('Kept as it is: every second.'));
        expect(texts().filter((text) => text.includes('/schedules keep 1'))).toHaveLength(1);
        expect(texts().filter((text) => text.startsWith('Your schedules have run'))).toHaveLength(
          1,
        );
        await say('/schedules cancel 1');
        await until('its end', () => texts().some((text) => text.startsWith('Cancelled:')));
        expect(await schedules.list(phone)).toEqual([]);
        expect(await redis.exists(keys.scheduleChoices(phone))).toBe(0);
        await say('/schedules keep 1');
        await until('there is none', () =>
          texts().includes('There is no schedule 1. Text “/schedules” for the list.'),
        );
      },
    );
  },
);

test('single times have runs of their own, so that a busy schedule takes none from a reminder', async () => {
  await withLimits({ SCHEDULE_RUNS_PER_DAY: '2' }, async ({ add, say, schedules, texts }) => {
    await say('hello');
    await until('the chat is open', () => texts().includes('did hello'));
    await add('* * * * * *');
    await until('the day is full', () =>
      texts().some((text) => text.startsWith('Your schedules have run 2 times today')),
    );
    await schedules.add(
      { conversation: phone, prompt: 'water the plants', timezone: 'UTC', at: Date.now() },
      { lock: 'a lock', token: 'a token' },
    );
    await until('the reminder', () => texts().includes('did water the plants'));
    expect(texts().filter((text) => text === 'did tick')).toHaveLength(2);
  });
});
