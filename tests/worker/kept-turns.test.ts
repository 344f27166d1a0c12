import { DelayedError, UnrecoverableError, WaitingError } from 'bullmq';
import type { Job } from 'bullmq';
import { describe, expect, test } from 'vitest';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { keepTurns } from '../../worker/process/kept-turns.ts';
import type { Processor } from '../../worker/process/queue-worker.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const texts = (pipeline: Pipeline): string[] => pipeline.replies().map((reply) => reply.text);

describe('a turn that Redis refuses a step, since it is full', () => {
  test('is put off and goes on under its name: what was said on the way comes once, and the answer', async () => {
    await withPipeline({}, async (pipeline) => {
      const { redis } = pipeline;
      const runs: string[] = [];
      await pipeline.startWorker({
        answer: async (text, turn, tool) => {
          if (!text.startsWith('work')) return `answer to ${text}`;
          runs.push(turn.id);
          await turn.tools.sendMessage({ text: 'a note', callId: 'call' });
          if (runs.length > 1) return 'the answer';
          await until('the note', () => texts(pipeline).length === 1);
          await until(
            'its delivery',
            async () => (await redis.llen(keys.active('deliveries'))) === 0,
          );
          await redis.config('SET', 'maxmemory', '1mb');
          // The step that is to be noted in the turn's log is the first that Redis refuses.
          tool('send_message');
          return 'an answer that nobody gets';
        },
      });
      const sid = await pipeline.say('work');
      await until(
        'its end',
        async () => runs.length === 1 && (await redis.llen(keys.active('turns'))) === 0,
      );
      const putOff = await redis.zscore(keys.delayed('turns'), sid);
      await redis.config('SET', 'maxmemory', '0');
      // It brings the turn forward.
      await pipeline.say('and this');
      await until('both answers', () => texts(pipeline).includes('answer to and this'));
      expect(texts(pipeline).filter((text) => text === 'a note')).toEqual(['a note']);
      expect(texts(pipeline)).toHaveLength(3);
      expect(new Set(runs)).toEqual(new Set([sid]));
      expect([putOff, await redis.zcard(`${prefix}:turns:failed`)]).toEqual([
        expect.any(String),
        0,
      ]);
      await until('an empty inbox', async () => (await redis.llen(keys.inbox(phone))) === 0);
    });
  });
});

describe('a turn that ends by an error', () => {
  const log = createLog('test', 'silent');
  const jobOf = (moveToDelayed: Job['moveToDelayed']): Job =>
    ({ id: 'turn', moveToDelayed }) as unknown as Job;
  /** Returns what it throws. */
  const end = async (error: Error, job: Job): Promise<unknown> => {
    const process: Processor = async () => {
      throw error;
    };
    try {
      return await keepTurns(process, () => 5000, log)(job, 'token', new AbortController().signal);
    } catch (thrown) {
      return thrown;
    }
  };

  test('is put off for the time that it is told', async () => {
    const due: number[] = [];
    const job = jobOf(async (at) => void due.push(at - Date.now()));
    expect(await end(new Error('OOM'), job)).toBeInstanceOf(DelayedError);
    expect(due).toEqual([expect.closeTo(5000, -3)]);
  });

  test('and cannot be put off is left to the lease instead of being marked as failed', async () => {
    expect(
      await end(
        new Error('a defect'),
        jobOf(() => Promise.reject(new Error('OOM'))),
      ),
    ).toBeInstanceOf(WaitingError);
  });

  test('which says what becomes of it is left alone', async () => {
    const job = jobOf(() => Promise.reject(new Error('not to be called')));
    for (const error of [
      new DelayedError(),
      new WaitingError(),
      new UnrecoverableError('given up'),
      new FencedError('lost'),
    ]) {
      expect(await end(error, job)).toBe(error);
    }
  });
});
