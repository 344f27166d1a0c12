import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Worker } from 'bullmq';
import { expect, test } from 'vitest';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { crash, startRelayProcess, startWorkerProcess } from '../support/processes.ts';
import { runProxy } from '../support/proxy.ts';
import { seenFile } from '../support/seen-file.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

const texts = (pipeline: Pipeline): string[] => pipeline.replies().map((reply) => reply.text);
const isHanging = ({ dataDir }: Pipeline, text: string): boolean =>
  existsSync(seenFile(dataDir, text));
const isQuiet = async ({ redis }: Pipeline): Promise<boolean> =>
  (await redis.llen(keys.inbox(phone))) +
    (await redis.llen(keys.outbox(phone))) +
    (await redis.llen(keys.active('turns'))) ===
  0;

/**
 * Waits until the texts have arrived and nothing is under way, so that a double would have been
 * seen.
 */
async function expectTexts(pipeline: Pipeline, expected: string[]): Promise<void> {
  await until(
    expected.join(', '),
    async () => texts(pipeline).length >= expected.length && (await isQuiet(pipeline)),
  );
  expect(texts(pipeline)).toEqual(expected);
}

/**
 * Every way in which a process ends and the next goes on, one after the other: the process that
 * goes on in one story is the one that ends in the next. The answers so far are in `expected`.
 */
test(
  'killed at any moment, or told to stop: the next worker goes on, and all is answered once',
  { tags: 'long' },
  async () => {
    await withPipeline({}, async (pipeline) => {
      const expected: string[] = [];
      let worker = await startWorkerProcess(pipeline);
      const next = async (...answers: string[]): Promise<void> => {
        worker = await startWorkerProcess(pipeline);
        expected.push(...answers);
        await expectTexts(pipeline, expected);
      };
      const begin = async (text: string): Promise<string> => {
        const sid = await pipeline.say(text);
        await until('the work', () => isHanging(pipeline, text));
        return sid;
      };

      // In the middle of the work: at once, where BullMQ alone would wait for its lock of 30 s to
      // run out.
      await begin('hang on');
      await crash(worker);
      const startedAt = Date.now();
      await next('answer to hang on');
      expect(Date.now() - startedAt).toBeLessThan(scaled(10_000));

      // After the last token, before the answer is stored: it is found in the transcript and sent
      // once.
      await pipeline.say('die now');
      await worker.exited;
      await next('answer to die now');

      // During a stop.
      await begin('hang during the stop');
      worker.process.kill('SIGTERM');
      await until('the stop', async () =>
        (await readFile(worker.logFile, 'utf8')).includes('stopping'),
      );
      await crash(worker);
      await next('answer to hang during the stop');

      // Told to stop: it hands its turn back without counting an attempt and exits 0; the next one
      // resumes the session.
      const sid = await begin('hang until the stop');
      const session = await until('the session', () =>
        pipeline.redis.hget(keys.conversation(phone), 'session'),
      );
      worker.process.kill('SIGTERM');
      expect(await worker.exited).toEqual({ code: 0, signal: null });
      expect(await pipeline.redis.hmget(keys.job('turns', sid), 'stc')).toEqual([null]);
      await next('answer to hang until the stop');
      expect(await pipeline.redis.hget(keys.conversation(phone), 'session')).toBe(session);

      // A newer boot of the same worker fences the old one off: what the old one still does changes
      // nothing.
      const old = worker;
      await begin('slow one');
      old.process.kill('SIGSTOP');
      await next('answer to slow one');
      old.process.kill('SIGCONT');
      await old.exited;
      await pipeline.say('hello');
      expected.push('answer to hello');
      await expectTexts(pipeline, expected);

      // Between the POST and its note: it is found at Twilio and not sent again.
      pipeline.twin.faults.set('create-hang-after', { times: 1 });
      pipeline.twin.faults.set('callbacks-dropped');
      await pipeline.say('and now');
      await until('the message at Twilio', () => texts(pipeline).length === expected.length + 1);
      await crash(worker);
      await next('answer to and now');
      await worker.stop();
    });
  },
);

test('killed three times by a message: one sentence, and retry; a second signal ends it at once', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.say('hang a');
    for (let kills = 0; kills < 3; kills += 1) {
      const worker = await startWorkerProcess(pipeline, {
        DATA_DIR: `${pipeline.dataDir}/${kills}`,
      });
      await until('the work', () => existsSync(seenFile(`${pipeline.dataDir}/${kills}`, 'hang a')));
      await crash(worker);
    }
    const last = await startWorkerProcess(pipeline, {
      DATA_DIR: `${pipeline.dataDir}/2`,
      STOP_SECONDS: '60',
    });
    await until('the sentence', () => texts(pipeline).length === 1);
    expect(texts(pipeline)[0]).toContain('retry');
    await pipeline.say('hello');
    await until('the next answer', () => texts(pipeline).length === 2);
    await pipeline.say('retry');
    await expectTexts(pipeline, [texts(pipeline)[0] ?? '', 'answer to hello', 'answer to hang a']);

    await pipeline.say('hang on');
    await until('the work', () => existsSync(seenFile(`${pipeline.dataDir}/2`, 'hang on')));
    last.process.kill('SIGTERM');
    await until('the stop', async () =>
      (await readFile(last.logFile, 'utf8')).includes('stopping'),
    );
    last.process.kill('SIGTERM');
    expect((await last.exited).code).toBe(130);
  });
});

test("two workers share the work in order, and one takes up the other's turn when its lease has run out", async () => {
  await withPipeline({}, async (pipeline) => {
    const startOther = (): ReturnType<Pipeline['startWorker']> =>
      pipeline.startWorker({ environment: { WORKER_ID: 'b' } });
    const [lost, other] = await Promise.all([
      startWorkerProcess(pipeline, { WORKER_ID: 'a' }),
      startOther(),
    ]);
    const said = Array.from({ length: 12 }, (_, index) => `number ${index}`);
    for (const text of said) await pipeline.say(text);
    const expected = said.map((text) => `answer to ${text}`);
    await expectTexts(pipeline, expected);
    await other.stop();

    await pipeline.say('hang on');
    await until('the work', () => isHanging(pipeline, 'hang on'));
    await startOther();
    await crash(lost);
    await expectTexts(pipeline, [...expected, 'answer to hang on']);
  });
});

test('a job that Redis gave to the worker in a reply that never arrived is worked all the same', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.say('hello');
    const connection = pipeline.redis.duplicate({ maxRetriesPerRequest: null });
    // The next boot has this number.
    await pipeline.redis.set(keys.boots('vm'), 9_999_999_999);
    const unheard = new Worker('turns', undefined, {
      connection,
      prefix,
      name: 'vm#10000000000',
      autorun: false,
    });
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
    const first = await startRelayProcess(pipeline, {
      REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
    });
    await pipeline.say('warm-up');
    proxy.hold();
    const saying = pipeline.say('hello');
    await until(
      'the message in Redis',
      async () => (await pipeline.redis.llen(keys.inbox(phone))) === 2,
    );
    await crash(first);
    const second = await startRelayProcess(pipeline);
    await pipeline.startWorker();
    await saying;
    await expectTexts(pipeline, ['answer to warm-up', 'answer to hello']);
    await second.stop();
    await proxy.stop();
  });
});
