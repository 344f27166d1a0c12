import { expect, test } from 'vitest';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import type { Message } from '../../shared/store/message.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { beginWorkerProcess } from '../support/processes.ts';
import { newSid } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

const texts = (pipeline: Pipeline, from = phone): string[] =>
  pipeline.replies(from).map((reply) => reply.text);
const message = (change: Partial<Message> = {}): Message => ({
  id: newSid(),
  conversation: phone,
  at: new Date().toISOString(),
  text: 'hello',
  media: [],
  ...change,
});
const attemptsOf = ({ redis }: Pipeline, from = phone): Promise<Record<string, string>> =>
  redis.hgetall(keys.attempts(from));

// Two that wait for seconds do it together.
test.concurrent(
  'a message that freezes the worker is given up after three times, in a sentence; what comes behind it and the other person are answered',
  async () => {
    await withPipeline({}, async (pipeline) => {
      const guarded = { GUARD_TICK_MS: '100' };
      await pipeline.say('freeze it');
      for (let time = 1; time <= 3; time += 1) {
        if (time === 3) await pipeline.say('hello', otherPhone);
        // It is frozen and ended, maybe before it is ready.
        const worker = await beginWorkerProcess(pipeline, guarded);
        expect(await worker.exited).toEqual({ code: null, signal: 'SIGKILL' });
        expect(Object.values(await attemptsOf(pipeline))).toContain(String(time));
        expect(texts(pipeline)).toEqual([]);
      }
      const begun: string[] = [];
      const answer = async (text: string): Promise<string> => (
        begun.push(text),
        `answer to ${text}`
      );
      await pipeline.startWorker({ environment: { WORKER_ID: 'vm' }, answer });
      await pipeline.say('and now?');
      await until(
        'the sentence and both answers',
        () => texts(pipeline).length === 2 && texts(pipeline, otherPhone).length === 1,
      );
      expect(texts(pipeline)[0]).toContain('retry');
      expect(texts(pipeline)[1]).toBe('answer to and now?');
      expect(texts(pipeline, otherPhone)).toEqual(['answer to hello']);
      expect(begun).not.toContain('freeze it');
      await until(
        'no attempts left',
        async () =>
          (await pipeline.redis.exists(keys.attempts(phone), keys.attempts(otherPhone))) === 0,
      );
    });
  },
);

test.concurrent(
  'entries that this version cannot read, also of a turn that it cannot read, are left out with a sentence; everything behind them is answered, and the VM sleeps',
  async () => {
    await withPipeline({}, async (pipeline) => {
      const { redis } = pipeline;
      const half = message({ text: 'half an emoji \ud83d' });
      const entries = [
        JSON.stringify({ ...message(), id: 'email-17' }),
        '{"id":"SM',
        'null',
        Buffer.from([0xff, 0xfe]),
        JSON.stringify({ ...message(), kind: 'reaction' }),
        JSON.stringify(half),
      ];
      await redis.rpush(keys.inbox(phone), ...entries);
      await redis.sadd(keys.conversations, phone);
      for (const text of ['hello', '/new', 'again']) await pipeline.say(text);
      const [turn = ''] = await redis.lrange(keys.waitingJobs('turns'), 0, -1);
      await redis.hset(keys.job('turns', turn), 'data', '{"of":"another version"}');
      const asleep = Promise.withResolvers<void>();
      await pipeline.startWorker({
        environment: { IDLE_MINUTES: '0.02' },
        onAsleep: asleep.resolve,
        answer: async (text) => `answer to ${text.toWellFormed()}`,
      });
      await asleep.promise;
      const said = texts(pipeline).filter((text) => !text.startsWith('I do that as soon as'));
      expect(said.filter((text) => !/fresh/i.test(text))).toEqual([
        'I could not read 5 of your messages, so I left them out. Please send them again.',
        'answer to half an emoji \ufffd',
        'answer to hello',
        'answer to again',
      ]);
      // What a command says overtakes answers that wait.
      expect(said.filter((text) => /fresh/i.test(text))).toHaveLength(1);
      expect(await redis.llen(keys.dead)).toBe(5);
      expect(await redis.zcard(`${prefix}:turns:failed`)).toBe(0);
    });
  },
);

test('an entry that cannot be read and comes while Claude works is left out at once, and a stop behind it is heard', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.startWorker({
      answer: async (text) =>
        text === 'hang' ? await new Promise<string>(() => undefined) : `answer to ${text}`,
    });
    const sid = await pipeline.say('hang');
    await until(
      'the work',
      async () => (await pipeline.redis.hget(keys.message(sid), 'state')) === 'working',
    );
    await pipeline.redis.rpush(keys.inbox(phone), 'no JSON');
    await pipeline.say('stop');
    await until('the stop', () => texts(pipeline).some((text) => text.startsWith('Stopped.')));
    await until('an empty inbox', async () => (await pipeline.redis.llen(keys.inbox(phone))) === 0);
    await until('the sentence', () =>
      texts(pipeline).some((text) => text.startsWith('I could not read one of your messages')),
    );
    expect(await pipeline.redis.llen(keys.dead)).toBe(1);
  });
});

test('what fails before anything is taken up counts as well: after three times one sentence, and the next message is answered', async () => {
  await withPipeline({}, async (pipeline) => {
    const quoted = newSid();
    // Where the reply's name should be is something else: to look the quote up fails each time.
    await pipeline.redis.hset(keys.sent(quoted), 'not', 'a string');
    const poison = message({ text: 'about that', quoted });
    await pipeline.redis.rpush(keys.inbox(phone), JSON.stringify(poison));
    await pipeline.redis.sadd(keys.conversations, phone);
    await pipeline.startWorker();
    await until('the sentence', () => texts(pipeline).length === 1);
    expect(texts(pipeline)[0]).toContain('something went wrong on my side');
    expect(
      JSON.parse((await pipeline.redis.hget(keys.conversation(phone), 'failed')) ?? ''),
    ).toEqual([JSON.stringify(poison)]);
    expect(await pipeline.redis.exists(keys.attempts(phone))).toBe(0);
    await pipeline.say('hello');
    await until('the answer', () => texts(pipeline).includes('answer to hello'));
  });
});

test('a command that fails is told so at once; what Claude works on goes on', async () => {
  await withPipeline({}, async (pipeline) => {
    const gate = Promise.withResolvers<void>();
    let begun = 0;
    await pipeline.startWorker({
      answer: async (text) => {
        begun += 1;
        await gate.promise;
        return `answer to ${text}`;
      },
    });
    await pipeline.say('work');
    await until('the work', () => begun === 1);
    // What it would report cannot be read.
    await pipeline.redis.set(keys.schedulesPaused(phone), 'no hash');
    await pipeline.say('/schedules');
    await until('the sentence', () =>
      texts(pipeline).some((text) => text.includes('something went wrong on my side')),
    );
    gate.resolve();
    await until('the answer', () => texts(pipeline).includes('answer to work'));
    expect(begun).toBe(1);
  });
});

test('three deploys during one turn are no attempts, nor is waiting for a usage limit, and the message is answered', async () => {
  await withPipeline({}, async (pipeline) => {
    let isLimited = true;
    const sid = await pipeline.say('long work');
    for (let deploy = 0; deploy < 3; deploy += 1) {
      let begun = false;
      const worker = await pipeline.startWorker({
        environment: { STOP_SECONDS: '3.1' },
        answer: async () => {
          begun = true;
          return await new Promise<string>(() => undefined);
        },
      });
      await until('the work', () => begun);
      expect(await attemptsOf(pipeline)).toMatchObject({ [sid]: '1' });
      await worker.stop();
      expect(await attemptsOf(pipeline)).not.toHaveProperty(sid);
      expect(
        JSON.parse((await pipeline.redis.hget(keys.job('turns', sid), 'data')) ?? '').messages,
      ).toMatchObject([{ id: sid, attempts: 0 }]);
    }
    await pipeline.startWorker({
      answer: async (text) => {
        if (isLimited)
          throw new AgentFailure('usage-limit', 'limit reached', new Date(Date.now() + 1500));
        return `answer to ${text}`;
      },
    });
    await until(
      'the limit',
      async () =>
        texts(pipeline).length === 1 && (await pipeline.redis.zcard(keys.delayed('turns'))) === 1,
    );
    expect(await attemptsOf(pipeline)).not.toHaveProperty(sid);
    isLimited = false;
    await until('the answer', () => texts(pipeline).includes('answer to long work'));
  });
});

test(
  'a message that waits for a slot while others crash their worker loses no attempt, nor does one that was handed over later',
  { tags: 'long' },
  async () => {
    await withPipeline({}, async (pipeline) => {
      await pipeline.startWorker({
        // At the end nothing is worth waiting for.
        environment: { STOP_SECONDS: '1' },
        concurrency: { turns: 1, deliveries: 50 },
        answer: async () => await new Promise<string>(() => undefined),
      });
      const worked = await pipeline.say('hang');
      await until(
        'the work',
        async () => (await pipeline.redis.hget(keys.message(worked), 'state')) === 'working',
      );
      const waits = await pipeline.say('hello', otherPhone);
      await until('its position in the queue', () => texts(pipeline, otherPhone).length === 1);
      expect(await attemptsOf(pipeline, otherPhone)).not.toHaveProperty(waits);
      expect(await attemptsOf(pipeline)).toMatchObject({ [worked]: '1' });
      const later = await pipeline.say('one more thing');
      await until('the later one', async () => (await attemptsOf(pipeline))[later] === '1');
    });
  },
);
