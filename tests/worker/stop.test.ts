import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const texts = (pipeline: Pipeline): string[] => pipeline.replies().map((reply) => reply.text);
const hang = async (text: string): Promise<string> =>
  text.startsWith('hang') ? await new Promise<string>(() => undefined) : `answer to ${text}`;

test.each(['/stop', 'Stop', 'stop.'])(
  '%s ends what is running at once; the conversation is free and nothing is asked again',
  async (stop) => {
    await withPipeline({}, async (pipeline) => {
      await pipeline.startWorker({ answer: hang });
      const sid = await pipeline.say('hang on');
      await until(
        'the work',
        async () => (await pipeline.redis.hget(keys.message(sid), 'state')) === 'working',
      );
      await pipeline.say(stop);
      await until('the stop', () => texts(pipeline).length === 1);
      expect(texts(pipeline)[0]).toMatch(/^Stopped\./);
      expect(await pipeline.redis.hget(keys.message(sid), 'state')).toBe('answered');
      await pipeline.say('hello');
      await until('the next answer', () => texts(pipeline).length === 2);
      expect(texts(pipeline)[1]).toBe('answer to hello');
      expect(await pipeline.redis.llen(keys.inbox(phone))).toBe(0);
    });
  },
);

test('a stop with nothing running says so', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.startWorker();
    await pipeline.say('stop');
    await until('the answer', () => texts(pipeline).length === 1);
    expect(texts(pipeline)).toEqual(['Nothing is running.']);
  });
});

test('a stop takes back what was said before it and has not begun, and nothing that was said after it', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.say('delete everything');
    await pipeline.say('stop');
    await pipeline.say('hello');
    await pipeline.startWorker();
    await until('both answers', () => texts(pipeline).length === 2);
    expect(texts(pipeline)).toEqual(['Stopped before I began.', 'answer to hello']);
  });
});

test('what comes in while a turn is put off for a usage limit is heard: a command is obeyed, and a stop takes the message back', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.startWorker({
      answer: async (text) => {
        if (text === 'limited')
          throw new AgentFailure('usage-limit', 'limit reached', new Date(Date.now() + 3_600_000));
        return `answer to ${text}`;
      },
    });
    await pipeline.say('limited');
    await until('the sentence about the limit', () => texts(pipeline).length === 1);
    expect(texts(pipeline)[0]).toContain('usage limit');
    await until(
      'a turn that is put off',
      async () => (await pipeline.redis.zcard(keys.delayed('turns'))) === 1,
    );
    await pipeline.say('/schedules');
    await until('the list', () =>
      texts(pipeline).some((text) => text.startsWith('Nothing is scheduled')),
    );
    await until(
      'a turn that is put off again',
      async () => (await pipeline.redis.zcard(keys.delayed('turns'))) === 1,
    );
    await pipeline.say('stop');
    await until('the stop', () => texts(pipeline).some((text) => text.startsWith('Stopped')));
    expect(await pipeline.redis.llen(keys.inbox(phone))).toBe(0);
  });
});

test('a stop is heard while a voice message is fetched and written down, and what else came meanwhile is looked at', async () => {
  await withPipeline({}, async (pipeline) => {
    let aborted = 0;
    const transcribe = async (_sound: unknown, signal: AbortSignal): Promise<string> =>
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted += 1;
          reject(signal.reason);
        });
      });
    await pipeline.startWorker({ transcribe });
    const sound = Buffer.from(
      'OggS\0\u0002\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\u0001\u0013OpusHead\u0001\u0001',
    );
    const { sid } = await pipeline.twin.chat.receive(phone, {
      media: { name: 'voice.ogg', type: 'audio/ogg', base64: sound.toString('base64') },
    });
    await until(
      'the work',
      async () => (await pipeline.redis.hget(keys.message(sid), 'state')) === 'working',
    );
    await pipeline.say('and this');
    await pipeline.say('stop');
    await until('the stop', () => texts(pipeline).length === 1);
    expect(texts(pipeline)[0]).toMatch(/^Stopped\..*“and this”/);
    expect(aborted).toBeLessThanOrEqual(1);
    await until('an empty inbox', async () => (await pipeline.redis.llen(keys.inbox(phone))) === 0);
  });
});

test('what comes in while the first messages are read is worked in the same turn', async () => {
  await withPipeline({}, async (pipeline) => {
    const written = Promise.withResolvers<string>();
    await pipeline.startWorker({ transcribe: () => written.promise });
    const sound = Buffer.from(
      'OggS\0\u0002\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\u0001\u0013OpusHead\u0001\u0001',
    );
    const { sid } = await pipeline.twin.chat.receive(phone, {
      media: { name: 'voice.ogg', type: 'audio/ogg', base64: sound.toString('base64') },
    });
    await until(
      'the work',
      async () => (await pipeline.redis.hget(keys.message(sid), 'state')) === 'working',
    );
    await pipeline.say('and this');
    written.resolve('said');
    await until('both answers', () => texts(pipeline).length === 2);
    expect(texts(pipeline)[1]).toBe('answer to and this');
    expect(await pipeline.redis.llen(keys.inbox(phone))).toBe(0);
  });
});
