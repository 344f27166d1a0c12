import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import type { Schedules } from '../../shared/store/schedules.ts';
import type { AgentTurn, ScheduleTools } from '../../worker/agent/agent.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { crash, startWorkerProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';

type Asking = {
  [Tool in keyof ScheduleTools]: [Tool, ...Parameters<ScheduleTools[Tool]>];
}[keyof ScheduleTools];

/**
 * An agent that calls the tool that the text names as JSON, and answers with what the tool said;
 * anything else is answered by `did <text>`.
 */
async function callTool(text: string, { tools }: AgentTurn): Promise<string> {
  if (!text.startsWith('["')) return `did ${text}`;
  const [name, input] = JSON.parse(text) as Asking;
  if (name === 'scheduleTurn') return await tools.scheduleTurn(input);
  return name === 'listSchedules' ? await tools.listSchedules() : await tools.cancelSchedule(input);
}

type Bench = Pipeline & {
  schedules: Schedules;
  /** Sends a text and returns the next reply. */
  ask(text: string, from?: string): Promise<string>;
  /** Has the agent call a tool, and returns what the tool said. */
  call(...asking: Asking): Promise<string>;
};

/** A pipeline whose worker runs an agent that calls tools. */
async function withSchedules(use: (bench: Bench) => Promise<void>): Promise<void> {
  await withPipeline({}, async (pipeline) => {
    const schedules = createSchedules(pipeline.redis);
    try {
      await pipeline.startWorker({ answer: callTool });
      const ask = async (text: string, from = phone): Promise<string> => {
        // Of each new repeating one the person is told besides.
        const answers = (): string[] =>
          pipeline
            .replies(from)
            .map((reply) => reply.text)
            .filter((words) => !words.endsWith('to end it.'));
        const before = answers().length;
        await pipeline.say(text, from);
        return await until(`an answer to ${text}`, () => answers()[before]);
      };
      await use({ ...pipeline, schedules, ask, call: (...asking) => ask(JSON.stringify(asking)) });
    } finally {
      await schedules.close();
    }
  });
}

/** A fence whose lock a test holds itself. */
async function holdFence({ redis }: Pipeline): Promise<{ lock: string; token: string }> {
  await redis.set('a lock', 'a token');
  return { lock: 'a lock', token: 'a token' };
}

test('what is planned for once comes once, as a message of its own', async () => {
  await withSchedules(async ({ call, replies, redis }) => {
    expect(await call('scheduleTurn', { prompt: 'water the plants', inMinutes: 0.02 })).toMatch(
      /^Scheduled as number 1: once, [^(]* UTC\.(?: Tell|$)/,
    );
    const answer = await until('the turn', () =>
      replies().find((reply) => reply.text.includes('water the plants')),
    );
    expect(answer.text).toMatch(/^did \[Scheduled: once, [^\]]*\]\nwater the plants$/);
    expect(await call('listSchedules')).toBe('Nothing is scheduled.');
    const [id] = await redis.keys(keys.message('schedule-15551230001-1-*'));
    expect(await redis.hget(id ?? '', 'state')).toBe('answered');
    expect(replies()).toHaveLength(3);
  });
});

test('the time zone is asked for once and remembered', async () => {
  await withSchedules(async ({ call }) => {
    expect(await call('scheduleTurn', { prompt: 'x', cron: '0 9 * * 1-5' })).toMatch(
      /^The person’s time zone is not known\. Ask the person/,
    );
    expect(
      await call('scheduleTurn', { prompt: 'x', cron: '0 9 * * 1-5', timezone: 'Asia/Tokyo' }),
    ).toMatch(
      /^Scheduled as number 1: every weekday at 9:00 \(Asia\/Tokyo\)\. It comes next on \w+ .*, 9:00\.$/,
    );
    expect(await call('scheduleTurn', { prompt: 'y', cron: '30 18 * * *' })).toMatch(
      /^Scheduled as number 2: every day at 18:30 \(Asia\/Tokyo\)/,
    );
    expect(await call('scheduleTurn', { prompt: 'y', cron: '30 18 * * *' })).toBe(
      'That is scheduled already, as number 2.',
    );
    expect(await call('listSchedules')).toMatch(
      /^1\. every weekday at 9:00: x \(next: .*\)\n2\. every day at 18:30: y \(next: .*\)$/,
    );
  });
});

test('the person lists and cancels; nobody sees the schedules of others', async () => {
  await withSchedules(async ({ ask, call, schedules }) => {
    expect(await ask('/schedules')).toMatch(/^Nothing is scheduled\./);
    await call('scheduleTurn', { prompt: 'first', cron: '0 9 * * *', timezone: 'UTC' });
    await call('scheduleTurn', { prompt: 'second', inMinutes: 60 });
    await call('scheduleTurn', { prompt: 'third', cron: '0 10 * * *' });
    expect(await ask('/schedules', otherPhone)).toMatch(/^Nothing is scheduled\./);
    expect(await ask('/schedules cancel 1', otherPhone)).toBe(
      'There is no schedule 1. Text “/schedules” for the list.',
    );
    expect(await ask('/Schedules')).toMatch(
      /^1\. every day at 9:00: first \(next: .*\)\n2\. once, .*: second\n3\. every day at 10:00: third .*\n\nText “\/schedules cancel 1” to cancel number 1\.$/,
    );
    expect(await ask('/schedules cancel 2')).toMatch(/^Cancelled: once, .*, “second”\.$/);
    expect(await ask('/schedules cancel 2')).toBe(
      'There is no schedule 2. Text “/schedules” for the list.',
    );
    expect(await ask('/schedules everything')).toMatch(/^Text “\/schedules” for the list/);
    expect(await call('cancelSchedule', { id: '1' })).toBe('Cancelled: every day at 9:00.');
    expect(await call('cancelSchedule', { id: 'first' })).toMatch(/^There is no schedule first\./);
    expect((await schedules.list(phone)).map(({ number }) => number)).toEqual([3]);
    expect(await schedules.queue.getDelayedCount()).toBe(1);
  });
});

test('a conversation has fifty schedules at most, also when they are asked for all at once', async () => {
  await withPipeline({}, async ({ say, replies, startWorker }) => {
    await startWorker({
      answer: async (_text, { tools }) => {
        const said = await Promise.all(
          Array.from({ length: 52 }, (_, index) =>
            tools.scheduleTurn({ prompt: `number ${index}`, inMinutes: 100 + index }),
          ),
        );
        return [said.filter((text) => text.startsWith('Scheduled')).length, said.at(-1)].join(' ');
      },
    });
    await say('many');
    expect((await until('the answer', () => replies()[0])).text).toBe(
      '50 There are 50 schedules already, which is the most. Cancel one first.',
    );
  });
});

test('a tick that comes late says so', async () => {
  await withSchedules(async (bench) => {
    const fence = await holdFence(bench);
    await bench.schedules.add(
      { conversation: phone, prompt: 'too late', timezone: 'UTC', at: Date.now() - 10 * 60_000 },
      fence,
    );
    const reply = await until('the turn', () => bench.replies()[0]);
    expect(reply.text).toMatch(
      /^did \[Scheduled: once, .* UTC\. This was due on .* UTC; the computer was asleep or away\. Tell the person that it is late\.\]\ntoo late$/,
    );
  });
});

test('a worker that has lost its turn plans nothing', async () => {
  await withSchedules(async ({ schedules }) => {
    await expect(
      schedules.add(
        { conversation: phone, prompt: 'x', timezone: 'UTC', at: Date.now() + 60_000 },
        { lock: 'no lock', token: 'x' },
      ),
    ).rejects.toThrow('another worker');
    expect(await schedules.list(phone)).toEqual([]);
  });
});

test('a schedule’s turn does not send what waits for the person to write', async () => {
  await withSchedules(async (bench) => {
    const { redis, replies, ask, twin } = bench;
    await ask('hello');
    await until('the chat is quiet', async () => (await redis.llen(keys.outbox(phone))) === 0);
    twin.chat.closeWindow(phone);
    const fence = await holdFence(bench);
    await bench.schedules.add(
      { conversation: phone, prompt: 'first', timezone: 'UTC', at: Date.now() },
      fence,
    );
    await until('it is parked', async () => (await redis.llen(keys.parked(phone))) === 1);
    await bench.schedules.add(
      { conversation: phone, prompt: 'second', timezone: 'UTC', at: Date.now() },
      fence,
    );
    await until('both are parked', async () => (await redis.llen(keys.parked(phone))) === 2);
    // Each run counts for its schedule.
    expect(Object.keys(await redis.hgetall(keys.scheduleParked(phone, 1))).toSorted()).toEqual([
      expect.stringMatching(/^schedule-15551230001-1-\d+$/),
      'since',
    ]);
    const attempts = replies().length;
    expect(await ask('I am back')).toMatch(/first$/);
    await until('all three', () => replies().length === attempts + 3);
    expect(
      replies()
        .slice(attempts)
        .map((reply) => reply.text.split(/[\n ]/).at(-1)),
    ).toEqual(['first', 'second', 'back']);
  });
});

test(
  'every tick comes once, whatever happens to the worker; what was missed comes once',
  { tags: 'long' },
  async () => {
    await withPipeline({}, async (pipeline) => {
      const { redis, replies } = pipeline;
      const schedules = createSchedules(redis);
      let worker = await startWorkerProcess(pipeline);
      try {
        // Nobody's answers wait: a schedule whose answers do is paused.
        await pipeline.say('hello');
        // Seconds are BullMQ's own; Claude is held to minutes.
        await schedules.add(
          { conversation: phone, prompt: 'tick', timezone: 'UTC', cron: '* * * * * *' },
          await holdFence(pipeline),
        );
        const ticks = async (): Promise<number[]> =>
          (await redis.keys(keys.message('schedule-*')))
            .map((key) => Number(key.split('-').at(-1)))
            .toSorted((a, b) => a - b);
        for (let round = 1; round <= 2; round += 1) {
          const before = (await ticks()).length;
          await until('two more ticks', async () => (await ticks()).length >= before + 2);
          await crash(worker);
          worker = await startWorkerProcess(pipeline);
        }
        await worker.stop();
        const stoppedAt = Date.now();
        const known = (await ticks()).length;
        await until('some ticks are missed', () => Date.now() > stoppedAt + 3500);
        await pipeline.startWorker({ environment: { WORKER_ID: 'vm' } });
        await until('ticks again', async () => (await ticks()).length >= known + 3);
        await schedules.cancel(phone, 1);
        // Of a schedule that comes so often the person is asked once.
        const answers = (): string[] =>
          replies()
            .map(({ text }) => text)
            .filter((text) => !/\/schedules keep|hello/.test(text));
        await until('all are answered', async () => answers().length >= (await ticks()).length);
        const late = (await ticks()).slice(known);
        // One for all that were missed, and then those that come in time.
        expect((late[1] ?? 0) - (late[0] ?? 0)).toBeGreaterThanOrEqual(3000);
        expect((await ticks()).every((tick) => tick % 1000 === 0)).toBe(true);
        await until(
          'nothing is under way',
          async () =>
            (await redis.llen(keys.inbox(phone))) === 0 &&
            (await redis.llen(keys.outbox(phone))) === 0,
        );
        expect(answers()).toHaveLength((await ticks()).length);
        expect(replies()).toHaveLength(answers().length + 2);
      } finally {
        await worker.stop();
        await schedules.close();
      }
    });
  },
);
