import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { phone } from '../support/pipeline.ts';
import { messageForm, withRelay } from '../support/relay-bench.ts';
import type { RelayBench } from '../support/relay-bench.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

/** Posts a new message; returns the status and how long it took (ms). */
async function timed({
  post,
}: RelayBench): Promise<{ status: number; ms: number; again: string | null }> {
  const start = performance.now();
  const response = await post('/webhook', messageForm({ Body: 'in trouble' }));
  return {
    status: response.status,
    ms: performance.now() - start,
    again: response.headers.get('retry-after'),
  };
}

/** Fails unless three messages at once, and one after them, get 503 within 2 s. */
async function expectRefusals(bench: RelayBench): Promise<void> {
  const answers = [
    ...(await Promise.all([timed(bench), timed(bench), timed(bench)])),
    await timed(bench),
  ];
  for (const { status, ms, again } of answers) {
    expect(status).toBe(503);
    expect(ms).toBeLessThan(scaled(2000));
    expect(again).toBe('1');
  }
}

/** Waits until messages are taken again, and checks that the whole of it is there. */
async function expectRecovery(bench: RelayBench): Promise<void> {
  await until(
    'a message is taken again',
    async () => (await bench.post('/webhook', messageForm({ Body: 'recovered' }))).status === 200,
    5000,
  );
  const inbox = (await bench.redis.lrange(keys.inbox(phone), 0, -1)).map(
    (raw) => JSON.parse(raw).text,
  );
  expect(inbox.at(-1)).toBe('recovered');
  await bench.startWorker();
  await until('its answer', () =>
    bench.replies().some((reply) => reply.text.includes('recovered')),
  );
}

const statusOf = async ({ relayUrl }: RelayBench, path: string): Promise<number> =>
  (await fetch(relayUrl + path, { signal: AbortSignal.timeout(scaled(10_000)) })).status;

test('with Redis stopped messages get 503, and are taken again once it is back', async () => {
  await withRelay({}, async (bench) => {
    expect((await timed(bench)).status).toBe(200);
    expect(await statusOf(bench, '/ready')).toBe(200);
    await bench.redisServer.stop();
    await expectRefusals(bench);
    expect(await statusOf(bench, '/ready')).toBe(503);
    expect(await statusOf(bench, '/health')).toBe(200);
    expect(await statusOf(bench, `/media/${'a'.repeat(32)}`)).toBe(503);
    await bench.restartRedis();
    await expectRecovery(bench);
    expect(await statusOf(bench, '/ready')).toBe(200);
  });
});

test(
  'with Redis frozen messages get 503, and are taken again once it is awake',
  { tags: 'long' },
  async () => {
    await withRelay({}, async (bench) => {
      expect((await timed(bench)).status).toBe(200);
      process.kill(bench.redisServer.pid, 'SIGSTOP');
      try {
        await Promise.all([
          expectRefusals(bench),
          statusOf(bench, '/ready').then((status) => expect(status).toBe(503)),
          statusOf(bench, '/health').then((status) => expect(status).toBe(200)),
          statusOf(bench, `/media/${'a'.repeat(32)}`).then((status) => expect(status).toBe(503)),
        ]);
      } finally {
        process.kill(bench.redisServer.pid, 'SIGCONT');
      }
      await expectRecovery(bench);
    });
  },
);

test('what a frozen Redis took late after all is a duplicate when Twilio repeats it', async () => {
  await withRelay({}, async (bench) => {
    const form = messageForm({ Body: 'late' });
    await timed(bench);
    process.kill(bench.redisServer.pid, 'SIGSTOP');
    try {
      expect((await bench.post('/webhook', form)).status).toBe(503);
    } finally {
      process.kill(bench.redisServer.pid, 'SIGCONT');
    }
    await until(
      'the repeated message is taken',
      async () => (await bench.post('/webhook', form)).status === 200,
    );
    const texts = (await bench.redis.lrange(keys.inbox(phone), 0, -1)).map(
      (raw) => JSON.parse(raw).text,
    );
    expect(texts.filter((text) => text === 'late')).toHaveLength(1);
  });
});

test.each([
  ['without its replicas', ['min-replicas-to-write', '1'], ['min-replicas-to-write', '0']],
  ['full', ['maxmemory', '1mb'], ['maxmemory', '0']],
] as const)(
  'with Redis %s messages get 503 and leave nothing, and are taken again afterwards',
  async (_state, [name, trouble], [, normal]) => {
    await withRelay({}, async (bench) => {
      await bench.redis.config('SET', name, trouble);
      await expectRefusals(bench);
      expect(await bench.redis.keys('*:message:*')).toEqual([]);
      expect(await bench.redis.llen(keys.inbox(phone))).toBe(0);
      await bench.redis.config('SET', name, normal);
      await expectRecovery(bench);
    });
  },
);

test('with Redis turned into a read-only replica messages get 503, and are taken again when it is a primary', async () => {
  await withRelay({}, async (bench) => {
    await bench.redis.replicaof('127.0.0.1', '1');
    await expectRefusals(bench);
    expect(await bench.redis.keys('*:message:*')).toEqual([]);
    await bench.redis.replicaof('NO', 'ONE');
    await expectRecovery(bench);
  });
});
