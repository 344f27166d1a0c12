import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createNextDeliveries } from '../../shared/store/boxes/next-delivery.ts';
import { beginEpoch, epochMemory } from '../../shared/store/redis/epoch.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { createSnapshots } from '../../shared/store/boxes/snapshot.ts';
import { createTurns } from '../../shared/store/queues.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { withRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const fence = { lock: keys.jobLock('turns', 'held'), token: 'mine' };

test('a store is what it was until Redis is another run or history of it, or its count goes back', async () => {
  await withRedis(async (redis) => {
    await redis.set(fence.lock, fence.token);
    expect(await beginEpoch(redis)).toBe('');
    expect(epochMemory(redis).seen).toBe(1);
    const read = createSnapshots(redis).read;
    const since = async (): Promise<string> => (await read(phone, fence)).since;
    expect([await since(), await since()]).toEqual(['', '']);
    expect(epochMemory(redis).seen).toBe(3);
    await redis.hset(keys.epoch, 'count', 1);
    const lost = await since();
    expect(Date.parse(lost)).toBeGreaterThan(Date.now() - 10_000);
    expect(await since()).toBe(lost);
    // What the process knows is the count from which it goes on.
    expect(Number(await redis.hget(keys.epoch, 'count'))).toBe(5);
    await redis.hset(keys.epoch, 'count', 'garbage');
    await until('a moment', () => new Date().toISOString() > lost);
    const unreadable = await since();
    expect(unreadable > lost).toBe(true);
    expect(Number(await redis.hget(keys.epoch, 'count'))).toBe(6);
    await redis.hset(keys.epoch, 'identity', 'another run');
    await until('another moment', () => new Date().toISOString() > unreadable);
    expect((await since()) > unreadable).toBe(true);
    // A note that says no moment, none at all, or one that no clock has reached.
    let latest = await since();
    for (const garbage of ['garbage', '0', '2099-01-01T00:00:00.000Z', undefined]) {
      await until('yet another moment', () => new Date().toISOString() > latest);
      if (garbage === undefined) await redis.hdel(keys.epoch, 'since');
      else await redis.hset(keys.epoch, 'since', garbage);
      const [next, count] = [await since(), Number(await redis.hget(keys.epoch, 'count'))];
      expect([next > latest, next <= new Date().toISOString(), await since()]).toEqual([
        true,
        true,
        next,
      ]);
      expect(count).toBe(epochMemory(redis).seen - 1);
      latest = next;
    }
    // What is no note, or one that is gone, is not that of a new store.
    await redis.set(keys.epoch, 'x', 'KEEPTTL');
    await until('yet another moment', () => new Date().toISOString() > latest);
    expect((await since()) > latest).toBe(true);
    await redis.del(keys.epoch);
    await redis.sadd(keys.conversations, phone);
    expect(await beginEpoch(redis)).not.toBe('');
    // A call that Redis only gets when it is back has the time at which it was made.
    const changeAt = async (made: string): Promise<string> => {
      await redis.hset(keys.epoch, 'identity', made);
      return await beginEpoch(redis, new Date(made));
    };
    const ahead = '2038-01-19T03:14:08.001Z';
    expect(await changeAt(ahead)).toBe(ahead);
    const [before] = await redis.time();
    const noted = await changeAt('2024-02-29T12:00:00.000Z');
    const [after] = await redis.time();
    expect(new Date(noted).toISOString()).toBe(noted);
    const second = Math.floor(Date.parse(noted) / 1000);
    expect([Number(before) <= second, second <= Number(after)]).toEqual([true, true]);
  });
});

test('a reply that is older than the store is looked up before it is sent, once; a parked one, too', async () => {
  await withRedis(async (redis) => {
    await redis.set(fence.lock, fence.token);
    const nextDeliveries = createNextDeliveries(redis, { intervalMs: 1, burst: 100 });
    const at = new Date(Date.now() - 60_000).toISOString();
    await redis.hset(keys.reply('r'), {
      id: 'r',
      conversation: phone,
      turn: 't',
      text: 'hello',
      at: new Date().toISOString(),
      saidAt: at,
      status: 'waiting',
    });
    await redis.rpush(keys.outbox(phone), 'r');
    await redis.hset(keys.epoch, 'identity', 'another run');
    expect(await nextDeliveries.next(phone, fence, Date.now())).toMatchObject({
      kind: 'look-up',
      reply: { attemptedAt: at, attempts: 0 },
    });
    await redis.hset(keys.reply('r'), 'status', 'waiting');
    expect(await nextDeliveries.next(phone, fence, Date.now())).toMatchObject({ kind: 'send' });
    // The store forgets what this attempt has led to: it may have been sent again until now.
    const tried = (await redis.hget(keys.reply('r'), 'attemptedAt')) ?? '';
    await until('another moment', () => new Date().toISOString() > tried);
    await redis.hset(keys.epoch, 'identity', 'yet another run');
    const found = await nextDeliveries.next(phone, fence, Date.now());
    const checked = found.kind === 'look-up' ? (found.reply.checked ?? '') : '';
    expect(checked > tried).toBe(true);
  });
});

test('after a lost tail nothing that was answered is answered again, and what was not is', async () => {
  await withPipeline({}, async ({ redis, say, replies, startWorker }) => {
    const texts = (): string[] => replies().map(({ text }) => text);
    const worker = await startWorker();
    await say('one');
    await until('the first answer', () => texts().includes('answer to one'));
    await worker.stop();
    const second = await say('two');
    await until('it is there', async () => (await redis.llen(keys.inbox(phone))) === 1);
    const copies = await Promise.all(
      (await redis.keys('*')).map(async (key): Promise<[string, Buffer]> => [
        key,
        (await redis.dumpBuffer(key)) ?? Buffer.alloc(0),
      ]),
    );
    const again = await startWorker();
    await until('the second answer', () => texts().includes('answer to two'));
    await until(
      'that it is settled',
      async () => (await redis.hget(keys.message(second), 'state')) === 'answered',
    );
    await again.stop();
    // The store is that of before the second answer, on a Redis that says it is another one.
    await redis.flushall();
    for (const [key, dump] of copies) await redis.restore(key, 0, dump);
    await redis.hset(keys.epoch, 'identity', 'the one before');
    await startWorker();
    await say('three');
    await until('the third answer', () => texts().includes('answer to three'));
    await until('an empty inbox', async () => (await redis.llen(keys.inbox(phone))) === 0);
    expect(texts()).toEqual(['answer to one', 'answer to two', 'answer to three']);
  });
});

test('a message that is older than the store waits while Twilio’s list cannot be read, and is not given up', async () => {
  await withPipeline({}, async ({ redis, twin, say, replies, startWorker }) => {
    twin.faults.set('list-fails');
    const old = await say('old');
    await until('it is there', async () => (await redis.llen(keys.inbox(phone))) === 1);
    await redis.hset(keys.epoch, 'identity', 'the one before');
    const delayed = `${prefix}:turns:delayed`;
    await startWorker();
    // As often as a defect gives a message up.
    for (let look = 1; look <= 3; look += 1) {
      await until('a pause', async () => {
        const [turn] = await redis.zrange(delayed, '0', '0');
        const data = turn && (await redis.hget(keys.job('turns', turn), 'data'));
        return data && (JSON.parse(data) as { waits?: number }).waits === look;
      });
      if (look === 3) twin.faults.clear();
      // The next message of the person ends the pause.
      await say(`word ${look}`);
    }
    await until('an empty inbox', async () => (await redis.llen(keys.inbox(phone))) === 0);
    await until('an empty outbox', async () => (await redis.llen(keys.outbox(phone))) === 0);
    expect(await redis.hget(keys.message(old), 'state')).toBe('answered');
    expect(replies().filter(({ text }) => text.startsWith('I could not finish'))).toEqual([]);
  });
});

/**
 * Has “old” answered, and then the store loses all of it but the session and is another one.
 * Returns the message's id.
 */
async function loseAnswered(
  { redis, say, replies }: Pipeline,
  worker: { stop(): Promise<void> },
): Promise<string> {
  const old = await say('old');
  await until('the first answer', () => replies().some(({ text }) => text === 'answer to old'));
  await until(
    'that it is settled',
    async () => (await redis.hget(keys.message(old), 'state')) === 'answered',
  );
  const session = await redis.hget(keys.conversation(phone), 'session');
  await worker.stop();
  await redis.flushall();
  await redis.hset(keys.conversation(phone), 'session', session ?? '');
  await redis.hset(keys.epoch, 'identity', 'the one before');
  return old;
}

test('what was answered before the store changed is looked up, too, when it comes in while a turn works', async () => {
  await withPipeline({}, async (pipeline) => {
    const { redis, say, replies, startWorker } = pipeline;
    const texts = (): string[] => replies().map(({ text }) => text);
    const go = Promise.withResolvers<void>();
    const answer = async (text: string): Promise<string> => {
      if (text === 'new') await go.promise;
      return `answer to ${text}`;
    };
    const worker = await startWorker({ answer });
    const old = await loseAnswered(pipeline, worker);
    await startWorker({ answer });
    await until(
      'the change is noted',
      async () => (await redis.hget(keys.epoch, 'since')) !== null,
    );
    // Not right after the change, when every answer is looked up.
    await redis.hset(keys.epoch, 'since', new Date(Date.now() - 20 * 60_000).toISOString());
    await say('new');
    await until('a turn at work', async () => (await redis.llen(`${prefix}:turns:active`)) === 1);
    const message = {
      id: old,
      conversation: phone,
      at: new Date(Date.now() - 25 * 60_000).toISOString(),
      text: 'old',
      media: [],
    };
    const turns = createTurns(redis);
    await createIntake(turns)(message);
    await turns.close();
    go.resolve();
    await until('an empty inbox', async () => (await redis.llen(keys.inbox(phone))) === 0);
    await until('an empty outbox', async () => (await redis.llen(keys.outbox(phone))) === 0);
    expect(texts()).toEqual(['answer to old', 'answer to new']);
  });
});

test('an answer is looked up when the store changes while its turn works', async () => {
  await withPipeline({}, async ({ redis, twin, environment, say, replies, startWorker }) => {
    const texts = (): string[] => replies().map(({ text }) => text);
    const go = Promise.withResolvers<void>();
    const asked: string[] = [];
    await startWorker({
      answer: async (text) => {
        asked.push(text);
        await go.promise;
        return `answer to ${text}`;
      },
    });
    await say('one');
    await until('a turn at work', () => asked.includes('one'));
    // What only the lost end of the store knew: the answer is sent.
    const { TWILIO_ACCOUNT_SID: sid, TWILIO_AUTH_TOKEN: authToken } = environment;
    const sent = await fetch(`${twin.url}/2010-04-01/Accounts/${sid}/Messages.json`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${sid}:${authToken}`)}` },
      body: new URLSearchParams({
        From: `whatsapp:${environment['TWILIO_WHATSAPP_NUMBER']}`,
        To: `whatsapp:${phone}`,
        Body: 'answer to one',
      }),
    });
    expect(sent.status).toBe(201);
    await redis.hset(keys.epoch, 'identity', 'the one before');
    await say('two');
    await until(
      'the change is noted',
      async () => (await redis.hget(keys.epoch, 'since')) !== null,
    );
    go.resolve();
    await until('an empty inbox', async () => (await redis.llen(keys.inbox(phone))) === 0);
    await until('an empty outbox', async () => (await redis.llen(keys.outbox(phone))) === 0);
    expect(texts().filter((text) => text === 'answer to one')).toHaveLength(1);
  });
});

test('a message that is older than its session is looked up in Twilio’s list, in a turn of its own, and is not answered again', async () => {
  await withPipeline({}, async (pipeline) => {
    const { redis, say, replies, startWorker } = pipeline;
    const go = Promise.withResolvers<void>();
    const worked: string[] = [];
    const worker = await startWorker();
    const old = await loseAnswered(pipeline, worker);
    await redis.hdel(keys.conversation(phone), 'session');
    // No second answer has the words of the first.
    await startWorker({
      answer: async (text) => {
        worked.push(text);
        await go.promise;
        return `${worked.length}th answer to ${text}`;
      },
    });
    await say('new');
    await until('a session of its own', () => worked.includes('new'));
    const at = new Date(Date.now() - 60_000).toISOString();
    const turns = createTurns(redis);
    await createIntake(turns)({ id: old, conversation: phone, at, text: 'old', media: [] });
    await turns.close();
    await say('newer');
    go.resolve();
    await until('an empty inbox', async () => (await redis.llen(keys.inbox(phone))) === 0);
    await until('an empty outbox', async () => (await redis.llen(keys.outbox(phone))) === 0);
    expect(worked).toEqual(['new', 'newer']);
    expect(replies().map(({ text }) => text)).toEqual([
      'answer to old',
      '1th answer to new',
      expect.stringContaining('I think I answered “old” already'),
      '2th answer to newer',
    ]);
  });
});

test('an answer that the transcript has already is looked up right after the store has changed, though its message looks new', async () => {
  await withPipeline({}, async (pipeline) => {
    const { redis, say, replies, startWorker } = pipeline;
    const texts = (): string[] => replies().map(({ text }) => text);
    const worker = await startWorker();
    const old = await loseAnswered(pipeline, worker);
    await startWorker();
    await until(
      'the change is noted',
      async () => (await redis.hget(keys.epoch, 'since')) !== null,
    );
    // A webhook's copy that comes late: the store does not know it, and takes it for a word of now.
    const turns = createTurns(redis);
    await createIntake(turns)({
      id: old,
      conversation: phone,
      at: new Date().toISOString(),
      text: 'old',
      media: [],
    });
    await turns.close();
    await say('new');
    await until('the answer to what is new', () => texts().includes('answer to new'));
    await until(
      'an empty inbox',
      async () =>
        (await redis.llen(keys.inbox(phone))) + (await redis.llen(keys.outbox(phone))) === 0,
    );
    expect(texts()).toEqual(['answer to old', 'answer to new']);
  });
});

test('a webhook that Twilio sends again after the store has lost its message is not answered again, though it looks new and has no session', async () => {
  await withPipeline({}, async (pipeline) => {
    const { redis, replies, startWorker } = pipeline;
    const worker = await startWorker();
    const old = await loseAnswered(pipeline, worker);
    await redis.hdel(keys.conversation(phone), 'session');
    const received = Date.now();
    await until('a later second', () => Date.now() > received + 1000);
    await startWorker({ answer: async (text) => `another answer to ${text}` });
    await until(
      'the change is noted',
      async () => (await redis.hget(keys.epoch, 'since')) !== null,
    );
    const turns = createTurns(redis);
    const at = new Date().toISOString();
    await createIntake(turns)({
      id: old,
      conversation: phone,
      at,
      text: 'old',
      media: [],
      human: true,
    });
    await turns.close();
    await until('an empty inbox', async () => (await redis.llen(keys.inbox(phone))) === 0);
    await until('an empty outbox', async () => (await redis.llen(keys.outbox(phone))) === 0);
    expect(replies().map(({ text }) => text)).toEqual([
      'answer to old',
      expect.stringContaining('I think I answered “old” already'),
    ]);
  });
});

test('a webhook that Twilio sends again is not answered again either when it comes in while a turn works', async () => {
  await withPipeline({}, async (pipeline) => {
    const { redis, say, replies, startWorker } = pipeline;
    const go = Promise.withResolvers<void>();
    const worked: string[] = [];
    const worker = await startWorker();
    const old = await loseAnswered(pipeline, worker);
    await redis.hdel(keys.conversation(phone), 'session');
    const received = Date.now();
    await until('a later second', () => Date.now() > received + 1000);
    await startWorker({
      answer: async (text) => {
        worked.push(text);
        await go.promise;
        return `${worked.length}th answer to ${text}`;
      },
    });
    await say('new');
    await until('a session of its own', () => worked.includes('new'));
    const turns = createTurns(redis);
    const at = new Date().toISOString();
    const copy = { id: old, conversation: phone, at, text: 'old', media: [], human: true };
    await createIntake(turns)(copy);
    await turns.close();
    await say('newer');
    go.resolve();
    await until('an empty inbox', async () => (await redis.llen(keys.inbox(phone))) === 0);
    await until('an empty outbox', async () => (await redis.llen(keys.outbox(phone))) === 0);
    expect(worked).toEqual(['new', 'newer']);
    expect(replies().map(({ text }) => text)).toEqual([
      'answer to old',
      '1th answer to new',
      expect.stringContaining('I think I answered “old” already'),
      '2th answer to newer',
    ]);
  });
});

test('what has ended its worker three times is asked of the transcript: an answer there is looked up, and what has none is given up', async () => {
  await withPipeline({}, async (pipeline) => {
    const { redis, replies, startWorker } = pipeline;
    const worker = await startWorker();
    const old = await loseAnswered(pipeline, worker);
    const killed = `SM${'4'.repeat(32)}`;
    const session = (await redis.hget(keys.conversation(phone), 'session')) ?? '';
    const transcript = path.join(pipeline.dataDir, 'transcripts', `${session}.jsonl`);
    await appendFile(transcript, `${JSON.stringify({ prompt: killed })}\n`);
    const turns = createTurns(redis);
    for (const id of [old, killed]) {
      const at = new Date(Date.now() - 60_000).toISOString();
      const text = id === old ? 'old' : 'kills';
      await createIntake(turns)({ id, conversation: phone, at, text, media: [] });
      await redis.hset(keys.attempts(phone), id, 3);
    }
    await turns.close();
    await startWorker();
    await until(
      'an empty inbox',
      async () =>
        (await redis.llen(keys.inbox(phone))) + (await redis.llen(keys.outbox(phone))) === 0,
    );
    expect(replies().map(({ text }) => text)).toEqual([
      'answer to old',
      expect.stringContaining('retry'),
    ]);
    const stateOf = (id: string): Promise<string | null> => redis.hget(keys.message(id), 'state');
    expect([await stateOf(old), await stateOf(killed)]).toEqual(['answered', 'failed']);
  });
});
