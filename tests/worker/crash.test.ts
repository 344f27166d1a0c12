import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Worker } from 'bullmq';
import { describe, expect, test } from 'vitest';
import { keys, prefix } from '../../shared/keys.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { crash, startRelayProcess, startWorkerProcess } from '../support/processes.ts';
import { runProxy } from '../support/proxy.ts';
import { seenFile } from '../support/seen-file.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

const texts = (pipeline: Pipeline): string[] => pipeline.replies().map((reply) => reply.text);
const isHanging = ({ dataDir }: Pipeline, text: string): boolean => existsSync(seenFile(dataDir, text));
const isQuiet = async ({ redis }: Pipeline): Promise<boolean> =>
  (await redis.llen(keys.inbox(phone))) + (await redis.llen(keys.outbox(phone))) + (await redis.llen(keys.active('turns'))) === 0;

/** Waits until the texts have arrived and nothing is under way, so that a double would have been seen. */
async function expectTexts(pipeline: Pipeline, expected: string[]): Promise<void> {
  await until(expected.join(', '), async () => texts(pipeline).length >= expected.length && (await isQuiet(pipeline)));
  expect(texts(pipeline)).toEqual(expected);
}

describe('a worker that is killed', () => {
  test('in the middle of the work: the next boot goes on at once', async () => {
    await withPipeline({}, async (pipeline) => {
      const first = await startWorkerProcess(pipeline);
      await pipeline.say('hang on');
      await until('the work', () => isHanging(pipeline, 'hang on'));
      await crash(first);
      const startedAt = Date.now();
      const second = await startWorkerProcess(pipeline);
      await expectTexts(pipeline, ['answer to hang on']);
      // BullMQ alone would wait for its lock of 30 s to run out.
      expect(Date.now() - startedAt).toBeLessThan(scaled(10_000));
      await second.stop();
    });
  });

  test('after the last token, before the answer is stored: it is found in the transcript and sent once', async () => {
    await withPipeline({}, async (pipeline) => {
      const first = await startWorkerProcess(pipeline);
      await pipeline.say('die now');
      await first.exited;
      const second = await startWorkerProcess(pipeline);
      await expectTexts(pipeline, ['answer to die now']);
      await second.stop();
    });
  });

  test('between the POST and its note: it is found at Twilio and not sent again', async () => {
    await withPipeline({}, async (pipeline) => {
      pipeline.twin.faults.set('create-hang-after', { times: 1 });
      pipeline.twin.faults.set('callbacks-dropped');
      const first = await startWorkerProcess(pipeline);
      await pipeline.say('hello');
      await until('the message at Twilio', () => texts(pipeline).length === 1);
      await crash(first);
      const second = await startWorkerProcess(pipeline);
      await expectTexts(pipeline, ['answer to hello']);
      await second.stop();
    });
  });

  test('during a stop: nothing is lost', async () => {
    await withPipeline({}, async (pipeline) => {
      const first = await startWorkerProcess(pipeline);
      await pipeline.say('hang on');
      await until('the work', () => isHanging(pipeline, 'hang on'));
      first.process.kill('SIGTERM');
      await until('the stop', async () => (await readFile(first.logFile, 'utf8')).includes('stopping'));
      await crash(first);
      const second = await startWorkerProcess(pipeline);
      await expectTexts(pipeline, ['answer to hang on']);
      await second.stop();
    });
  });

  test('three times by the same message: one sentence, the next message is answered, and retry brings the first back', async () => {
    await withPipeline({}, async (pipeline) => {
      await pipeline.say('hang a');
      for (let kills = 0; kills < 3; kills += 1) {
        const worker = await startWorkerProcess(pipeline, { DATA_DIR: `${pipeline.dataDir}/${kills}` });
        await until('the work', () => existsSync(seenFile(`${pipeline.dataDir}/${kills}`, 'hang a')));
        await crash(worker);
      }
      const last = await startWorkerProcess(pipeline, { DATA_DIR: `${pipeline.dataDir}/2` });
      await until('the sentence', () => texts(pipeline).length === 1);
      expect(texts(pipeline)[0]).toContain('retry');
      await pipeline.say('hello');
      await until('the next answer', () => texts(pipeline).length === 2);
      await pipeline.say('retry');
      await expectTexts(pipeline, [texts(pipeline)[0] ?? '', 'answer to hello', 'answer to hang a']);
      await last.stop();
    });
  });
});

describe('a worker that is told to stop', () => {
  test('hands its turn back without counting an attempt and exits 0; the next one resumes the session', async () => {
    await withPipeline({}, async (pipeline) => {
      const first = await startWorkerProcess(pipeline);
      const sid = await pipeline.say('hang on');
      await until('the work', () => isHanging(pipeline, 'hang on'));
      const session = await until('the session', () => pipeline.redis.hget(keys.conversation(phone), 'session'));
      first.process.kill('SIGTERM');
      expect(await first.exited).toEqual({ code: 0, signal: null });
      expect(await pipeline.redis.hmget(keys.job('turns', sid), 'stc')).toEqual([null]);
      const second = await startWorkerProcess(pipeline);
      await expectTexts(pipeline, ['answer to hang on']);
      expect(await pipeline.redis.hget(keys.conversation(phone), 'session')).toBe(session);
      await second.stop();
    });
  });

  test('exits at once on a second signal', async () => {
    await withPipeline({}, async (pipeline) => {
      const worker = await startWorkerProcess(pipeline, { STOP_SECONDS: '60' });
      await pipeline.say('hang on');
      await until('the work', () => isHanging(pipeline, 'hang on'));
      worker.process.kill('SIGTERM');
      await until('the stop', async () => (await readFile(worker.logFile, 'utf8')).includes('stopping'));
      worker.process.kill('SIGTERM');
      expect((await worker.exited).code).toBe(130);
    });
  });
});

describe('several workers', () => {
  test('a newer boot of the same worker fences the old one off: what the old one still does changes nothing', async () => {
    await withPipeline({}, async (pipeline) => {
      const old = await startWorkerProcess(pipeline);
      await pipeline.say('slow one');
      await until('the work', () => isHanging(pipeline, 'slow one'));
      old.process.kill('SIGSTOP');
      const fresh = await startWorkerProcess(pipeline);
      await expectTexts(pipeline, ['answer to slow one']);
      old.process.kill('SIGCONT');
      await old.exited;
      await pipeline.say('hello');
      await expectTexts(pipeline, ['answer to slow one', 'answer to hello']);
      await fresh.stop();
    });
  });

  test("another worker's turn is taken up when its lease has run out", async () => {
    await withPipeline({}, async (pipeline) => {
      const lost = await startWorkerProcess(pipeline, { WORKER_ID: 'a' });
      await pipeline.say('hang on');
      await until('the work', () => isHanging(pipeline, 'hang on'));
      const other = await startWorkerProcess(pipeline, { WORKER_ID: 'b' });
      await crash(lost);
      await expectTexts(pipeline, ['answer to hang on']);
      await other.stop();
    });
  });

  test('two workers share the work, each conversation in order', async () => {
    await withPipeline({}, async (pipeline) => {
      const workers = await Promise.all(['a', 'b'].map((id) => startWorkerProcess(pipeline, { WORKER_ID: id })));
      const said = Array.from({ length: 12 }, (_, index) => `number ${index}`);
      for (const text of said) await pipeline.say(text);
      await expectTexts(pipeline, said.map((text) => `answer to ${text}`));
      await Promise.all(workers.map((worker) => worker.stop()));
    });
  });
});

test('a job that Redis gave to the worker in a reply that never arrived is worked all the same', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.say('hello');
    const connection = pipeline.redis.duplicate({ maxRetriesPerRequest: null });
    // The next boot has this number.
    await pipeline.redis.set(keys.boots('vm'), 9_999_999_999);
    const unheard = new Worker('turns', undefined, { connection, prefix, name: 'vm#10000000000', autorun: false });
    await unheard.getNextJob('a token that nobody knows');
    expect(await pipeline.redis.llen(keys.active('turns'))).toBe(1);
    await pipeline.startWorker({ environment: { WORKER_ID: 'vm' } });
    await expectTexts(pipeline, ['answer to hello']);
    await unheard.close();
    connection.disconnect();
  });
});

test('a relay that is killed between storing and answering: Twilio tries again and the message is answered once', async () => {
  await withPipeline({ relay: false }, async (pipeline) => {
    const proxy = await runProxy(pipeline.redisServer.port);
    const first = await startRelayProcess(pipeline, { REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
    await pipeline.say('warm-up');
    proxy.hold();
    const saying = pipeline.say('hello');
    await until('the message in Redis', async () => (await pipeline.redis.llen(keys.inbox(phone))) === 2);
    await crash(first);
    const second = await startRelayProcess(pipeline);
    await pipeline.startWorker();
    await saying;
    await expectTexts(pipeline, ['answer to warm-up', 'answer to hello']);
    await second.stop();
    await proxy.stop();
  });
});
