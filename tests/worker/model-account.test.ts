import { request as httpRequest } from 'node:http';
import type { RequestListener, ServerResponse } from 'node:http';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { noTokens } from '../../shared/runtime/model-prices.ts';
import { createModelRequests } from '../../shared/store/money/model-requests.ts';
import type { OpenRequest } from '../../shared/store/money/model-requests.ts';
import { createSpend, monthOf } from '../../shared/store/money/spend.ts';
import {
  ann,
  aRequest,
  bob,
  day,
  keyOf,
  noUse,
  streamOf,
  withProxy,
} from '../support/proxy-bench.ts';
import type { ProxyBench } from '../support/proxy-bench.ts';
import { withRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const usage = {
  input_tokens: 1000,
  output_tokens: 1,
  cache_read_input_tokens: 2000,
  cache_creation_input_tokens: 300,
  cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 100 },
};
const tokens = { input: 1000, output: 50, cacheRead: 2000, cacheWrite5m: 200, cacheWrite1h: 100 };
const whole = streamOf(usage, ['hello'], {
  output_tokens: 50,
  server_tool_use: { web_search_requests: 2 },
});
/**
 * By the table of opus 5.5: 4 and 20 dollars a million, the cache 0.2 for reading, 5 and 8 for
 * writing, and a cent a search.
 */
const costUsd = (1000 * 4 + 50 * 20 + 2000 * 0.2 + 200 * 5 + 100 * 8 + 2 * 10_000) / 1e6;

/** A service whose answers the test writes itself. */
function createService(): {
  listener: RequestListener;
  responses: ServerResponse[];
  at(index: number): Promise<ServerResponse>;
} {
  const responses: ServerResponse[] = [];
  return {
    responses,
    listener: (request, response) =>
      void request.resume().on('end', () => responses.push(response)),
    at: (index) => until(`request ${index}`, () => responses[index]),
  };
}

const answering =
  (body: string | Buffer, headers: Record<string, string> = {}, status = 200): RequestListener =>
  (request, response) =>
    void request
      .resume()
      .on('end', () =>
        response.writeHead(status, { 'content-type': 'text/event-stream', ...headers }).end(body),
      );

/** What is open, as it is noted. */
const notes = async (
  { requestsInRedis }: ProxyBench,
  redis: Parameters<Parameters<typeof withRedis>[0]>[0],
): Promise<Record<string, unknown>[]> => {
  expect(await requestsInRedis.countOpen()).toBe(await redis.hlen(keys.modelOpen));
  return (await redis.hvals(keys.modelOpen)).map((note) => JSON.parse(note));
};

test('a request is noted before it goes out, what it read is booked at its beginning, and what it wrote at its end', async () => {
  await withRedis(async (redis) => {
    const service = createService();
    await withProxy(redis, service.listener, async (bench) => {
      const [session, other] = [bench.session(ann, 't1'), bench.session(bob)];
      const asked = bench.ask(session);
      const response = await service.at(0);
      expect(await notes(bench, redis)).toMatchObject([
        { owner: 'w#2', conversation: ann, turn: 't1', model: 'claude-opus-5-5', day },
      ]);
      expect((await bench.spend.use(day)).get(ann)).toBeUndefined();
      const cut = whole.indexOf('event: message_delta');
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(whole.slice(0, cut));
      await until(
        'the beginning to be booked',
        async () => (await bench.spend.use(day)).get(ann)?.input === 1000,
      );
      expect((await bench.spend.use(day)).get(ann)).toMatchObject({
        ...tokens,
        output: 1,
        requests: 0,
      });
      response.end(whole.slice(cut));
      expect((await asked).body).toBe(whole);
      const booked = { ...noUse, ...tokens, webSearches: 2, requests: 1, costUsd };
      expect(await bench.used()).toEqual(booked);
      expect(await bench.spend.turn('t1')).toEqual(booked);
      expect(session.used()).toEqual({
        costUsd: expect.closeTo(costUsd, 9),
        inputTokens: 3300,
        outputTokens: 50,
      });
      const second = bench.ask(other);
      (await service.at(1)).writeHead(200, { 'content-type': 'text/event-stream' }).end(whole);
      await second;
      expect(await bench.used(bob)).toEqual(booked);
      expect(await bench.spend.use(day.slice(0, 7))).toEqual(await bench.spend.use(day));
      // The sums that were there before hold the same money.
      expect((await bench.spend.read(day)).today.get(bob)).toEqual({
        costUsd,
        inputTokens: 3300,
        outputTokens: 50,
        answers: 0,
      });
    });
  });
});

test.each([
  [
    'whole, as JSON',
    answering(
      JSON.stringify({
        model: 'claude-opus-5-5',
        usage: { ...usage, output_tokens: 50, server_tool_use: { web_search_requests: 2 } },
      }),
      { 'content-type': 'application/json' },
    ),
  ],
  ['by gzip', answering(gzipSync(whole), { 'content-encoding': 'gzip' })],
  ['by Brotli', answering(brotliCompressSync(whole), { 'content-encoding': 'br' })],
  ['by zstd', answering(zstdCompressSync(whole), { 'content-encoding': 'zstd' })],
])('an answer is counted that comes %s', async (_name, listener) => {
  await withRedis(async (redis) => {
    await withProxy(redis, listener, async (bench) => {
      await bench.ask(bench.session());
      expect(await bench.used()).toEqual({
        ...noUse,
        ...tokens,
        webSearches: 2,
        requests: 1,
        costUsd,
      });
    });
  });
});

test('what is refused, and counting tokens, costs nothing; an answer of which nothing can be read is not settled', async () => {
  await withRedis(async (redis) => {
    for (const status of [400, 401, 429, 500, 529]) {
      await withProxy(redis, answering('{"type":"error"}', {}, status), async (bench) => {
        expect((await bench.ask(bench.session())).status).toBe(status);
        expect(await bench.used()).toEqual(noUse);
      });
    }
    await withProxy(redis, answering('{"input_tokens":5}'), async (bench) => {
      await bench.ask(bench.session(), { path: '/v1/messages/count_tokens' });
      expect(await bench.used()).toEqual(noUse);
      await bench.ask(bench.session());
      expect(await bench.used()).toMatchObject({
        unsettled: 1,
        costUsd: 0,
        requests: 0,
        unsettledUsd: expect.closeTo((Math.ceil(aRequest.length / 4) * 4) / 1e6, 6),
      });
    });
  });
});

test('a stream that is cut, by either side, counts by what has passed; one that was left before it began is not settled', async () => {
  await withRedis(async (redis) => {
    const service = createService();
    await withProxy(redis, service.listener, async (bench) => {
      const session = bench.session();
      const cutThere = bench.ask(session);
      (await service.at(0))
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write(streamOf(usage, ['x'.repeat(400), 'y'.repeat(41)], undefined), () =>
          service.responses[0]?.destroy(),
        );
      await cutThere;
      expect(await bench.used()).toMatchObject({
        ...tokens,
        output: 111,
        requests: 1,
        unsettled: 0,
      });

      const hangUp = (when: 'data' | 'request'): void => {
        const outgoing = httpRequest(
          {
            host: '127.0.0.1',
            port: bench.port,
            path: '/v1/messages',
            method: 'POST',
            headers: { 'x-api-key': keyOf(session) },
          },
          (response) => response.once('data', () => outgoing.destroy()),
        );
        outgoing.on('error', () => undefined).end(aRequest);
        if (when === 'request') void service.at(2).then(() => outgoing.destroy());
      };
      hangUp('data');
      (await service.at(1))
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write(streamOf(usage, ['z'.repeat(40)], undefined));
      await until('the second to be booked', async () => (await bench.used()).requests === 2);
      expect(await bench.used()).toMatchObject({ input: 2000, output: 121, unsettled: 0 });
      hangUp('request');
      await until('the third to be given up', async () => (await bench.used()).unsettled === 1);
      expect(await bench.used()).toMatchObject({ input: 2000, output: 121, requests: 2 });
    });
  });
});

test('forty requests against a budget of half a dollar: what goes beyond it is refused, one after the other or all at once', async () => {
  const dear = streamOf({ input_tokens: 10, output_tokens: 1 }, [], { output_tokens: 5000 });
  const each = (10 * 4 + 5000 * 20) / 1e6;
  for (const atOnce of [false, true]) {
    for (const limits of [
      { turn: undefined, day: 500_000 },
      { turn: 500_000, day: undefined },
    ]) {
      await withRedis(async (redis) => {
        await withProxy(
          redis,
          answering(dear),
          async (bench) => {
            const session = bench.session(ann, 't1');
            const [statuses, refusals]: [number[], string[]] = [[], []];
            const ask = async (): Promise<void> => {
              const { status, body } = await bench.ask(session);
              statuses.push(status);
              refusals.push(...(status === 200 ? [] : [JSON.parse(body).error.type]));
            };
            if (atOnce) await Promise.all(Array.from({ length: 30 }, ask));
            else for (let index = 0; index < 40; index += 1) await ask();
            expect(statuses.filter((status) => status === 200)).toHaveLength(Math.ceil(0.5 / each));
            expect([...new Set(statuses), ...new Set(refusals)]).toEqual([
              200,
              402,
              'budget_error',
            ]);
            const { costUsd: spent } = await bench.used();
            expect(spent).toBeLessThan(0.5 + each);
            expect(bench.requests).toHaveLength(5);
            // Somebody else's day is another, and so is another turn.
            expect((await bench.ask(bench.session(bob, 't2'))).status).toBe(200);
            expect((await bench.ask(bench.session(ann, 't3'))).status).toBe(
              limits.day === undefined ? 200 : 402,
            );
            // What was granted on another day is no part of this one, and what this task was
            // granted is no part of the day.
            await redis.hset(keys.conversation(ann), 'granted', '2026-01-01 1');
            if (limits.turn === undefined) await bench.spend.grantTurn('t1', 1);
            expect((await bench.ask(session)).status).toBe(402);
            if (limits.day === undefined) await bench.spend.grantTurn('t1', 1);
            else await redis.hset(keys.conversation(ann), 'granted', `${day} 1`);
            expect((await bench.ask(session)).status).toBe(200);
          },
          { limits },
        );
      });
    }
  }
});

test('nothing goes out unnoted: while Redis stands still the answer is 529, and a note that comes late is taken back', async () => {
  await withRedis(async (redis) => {
    await withProxy(
      redis,
      answering(whole),
      async (bench) => {
        const session = bench.session();
        const blocker = redis.duplicate();
        await blocker.client('PAUSE', 700, 'ALL');
        const { status, body } = await bench.ask(session);
        expect([status, JSON.parse(body).error.type]).toEqual([529, 'overloaded_error']);
        expect(bench.requests).toHaveLength(0);
        await until('no note to be left', async () => (await redis.hlen(keys.modelOpen)) === 0);
        expect((await bench.ask(session)).status).toBe(200);
        expect(await bench.used()).toMatchObject({ requests: 1, unsettled: 0 });
        blocker.disconnect();
      },
      { times: { noteMs: 100, waitMs: 1000 } },
    );
  });
});

test('a session has at most 32 requests under way', async () => {
  await withRedis(async (redis) => {
    const service = createService();
    await withProxy(redis, service.listener, async (bench) => {
      const session = bench.session();
      const asked = Array.from({ length: 32 }, () => bench.ask(session));
      await service.at(31);
      expect((await bench.ask(session)).status).toBe(529);
      for (const response of service.responses)
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end(whole);
      await Promise.all(asked);
      expect(await bench.used()).toMatchObject({ requests: 32, input: 32_000 });
    });
  });
});

test('a request to the model takes three Redis commands', async () => {
  await withRedis(async (redis) => {
    await withProxy(redis, answering(whole), async (bench) => {
      const session = bench.session(ann, 't1');
      await bench.ask(session);
      await bench.used();
      const count = async (): Promise<number> =>
        Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
      const before = await count();
      await bench.ask(session);
      await session.settled();
      expect((await count()) - before).toBe(3);
    });
  });
});

test('what a dead boot has left open is counted as not settled, once; what a living worker has open is left alone', async () => {
  await withRedis(async (redis) => {
    const requests = createModelRequests(redis, 'east');
    const now = Date.now();
    const hour = 3600_000;
    const open = async (id: string, owner: string, at: number, turn = ''): Promise<OpenRequest> => {
      const request = {
        id,
        owner,
        conversation: ann,
        turn,
        model: 'a.model-v1:0',
        day,
        at,
        most: 9000,
        likely: 500,
      };
      expect(await requests.open(request, { turn: undefined, day: undefined })).toBe('open');
      return request;
    };
    const begun = await open('begun', 'w#1', now, 't1');
    await requests.book(begun, { tokens: { ...noTokens, input: 3 }, cost: 120 });
    await open('unheard', 'w#1', now);
    await open('gone', 'other#4', now - 2 * hour);
    for (const [id, owner, at] of [
      ['mine', 'w#2', now],
      ['young', 'other#4', now],
      ['leased', 'third#7', now - 2 * hour],
    ] as const)
      await open(id, owner, at);
    await redis.set(keys.lease('third'), '7');
    expect(await requests.closeOrphans('w#2', now)).toBe(3);
    expect(await requests.closeOrphans('w#2', now)).toBe(0);
    expect((await redis.hkeys(keys.modelOpen)).toSorted()).toEqual(['leased', 'mine', 'young']);
    const spend = createSpend(redis);
    expect((await spend.use(day)).get(ann)).toMatchObject({
      input: 3,
      costUsd: 0.00012,
      unsettled: 3,
      unsettledUsd: 0.00138,
      requests: 0,
    });
    expect(await spend.turn('t1')).toMatchObject({ input: 3, unsettled: 1, unsettledUsd: 0.00038 });
    // A booking that comes after all changes nothing more, nor does one that is repeated.
    await requests.close(begun, { tokens: { ...noTokens, input: 3, output: 9 }, cost: 900 }, true);
    const mine = { ...begun, id: 'mine' };
    for (let times = 0; times < 3; times += 1)
      await requests.book(mine, { tokens: { ...noTokens, output: 9 }, cost: 900 });
    for (let times = 0; times < 3; times += 1)
      await requests.close(mine, { tokens: { ...noTokens, output: 10 }, cost: 1000 }, true);
    expect((await spend.use(day)).get(ann)).toMatchObject({
      input: 3,
      output: 10,
      costUsd: 0.00112,
      unsettled: 3,
      requests: 1,
    });
    // The same by home and by model, whose name may have a colon.
    const month = monthOf(day);
    const same = { input: 3, output: 10, costUsd: 0.00112, requests: 1 };
    expect(Object.fromEntries(await spend.homes(month))).toMatchObject({ east: same });
    expect(Object.fromEntries(await spend.models(month))).toMatchObject({ 'a.model-v1:0': same });
    // What is not settled counts against the budget all the same.
    expect((await spend.budgetUse('t1', ann, day)).dayUsd).toBeCloseTo(0.0025, 9);
    expect(await requests.open({ ...begun, id: 'next' }, { turn: undefined, day: 2500 })).toBe(
      'day',
    );
  });
});
