import { expect, test } from 'vitest';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { signIn } from '../support/admin-client.ts';
import { password, phone } from '../support/pipeline.ts';
import { withRelay } from '../support/relay-bench.ts';
import { settled } from '../support/settled.ts';
import { until } from '../support/until.ts';

const failing = new AgentFailure('no-credit', 'Your credit balance is too low');

test('with ADMIN_WRITE the messages of a failed turn are tried again, once however often it is asked', async () => {
  await withRelay({ ADMIN_WRITE: '1' }, async (bench) => {
    const { say, startWorker, replies, redis } = bench;
    let broken = true;
    await startWorker({
      answer: async (text) => {
        if (broken) throw failing;
        return `answer to ${text}`;
      },
    });
    const sid = await say('first');
    await until('the sentence', () => replies().length === 1);
    await settled(bench);
    broken = false;
    const admin = await signIn(bench);
    expect((await admin.get('/admin')).text).toContain(`action="/admin/turns/${sid}/retry"`);
    const page = await admin.get(`/admin/turns/${sid}`);
    expect(page.text).toContain('Try 1 message again');
    expect(page.text).toContain('no-credit');
    const token = await admin.token(`/admin/turns/${sid}`);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => admin.post(`/admin/turns/${sid}/retry`, { token })),
    );
    expect(answers.map(({ status }) => status)).toEqual([303, 303, 303, 303, 303]);
    expect(
      answers
        .map(({ location }) => location)
        .filter((location) => location === `/admin/turns/${sid}?done=retried-1`),
    ).toHaveLength(1);
    await until('the answer', () => replies().some(({ text }) => text === 'answer to first'));
    await settled(bench);
    expect(replies().filter(({ text }) => text === 'answer to first')).toHaveLength(1);
    expect((await admin.post(`/admin/turns/${sid}/retry`, { token })).location).toBe(
      `/admin/turns/${sid}?done=retried-0`,
    );
    expect((await admin.get(`/admin/turns/${sid}?done=retried-0`)).text).toContain(
      'There was nothing left to try again.',
    );
    expect(await redis.hget(keys.conversation(phone), 'failed')).toBeNull();
  });
});

test('a retry while another turn of the conversation runs waits for it, and nothing is lost or doubled', async () => {
  await withRelay({ ADMIN_WRITE: '1' }, async (bench) => {
    const { say, startWorker, replies, redis } = bench;
    const gate = Promise.withResolvers<void>();
    let most = 0;
    let running = 0;
    let tries = 0;
    await startWorker({
      answer: async (text) => {
        if (text === 'first' && tries++ === 0) throw failing;
        running += 1;
        most = Math.max(most, running);
        if (text === 'long') await gate.promise;
        running -= 1;
        return `answer to ${text}`;
      },
    });
    const sid = await say('first');
    await until('the sentence', () => replies().length === 1);
    await settled(bench);
    await say('long');
    await until('the second turn runs', () => running === 1);
    const admin = await signIn(bench);
    const { location } = await admin.post(`/admin/turns/${sid}/retry`, {
      token: await admin.token(),
    });
    expect(location).toContain('retried-1');
    expect(
      (await redis.lrange(keys.inbox(phone), 0, -1)).map((raw) => JSON.parse(raw).text),
    ).toEqual(['first', 'long']);
    await say('last');
    gate.resolve();
    await until('all answers', () =>
      ['first', 'long', 'last'].every((text) =>
        replies().some((reply) => reply.text === `answer to ${text}`),
      ),
    );
    await settled(bench);
    expect(
      replies()
        .filter(({ text }) => text.startsWith('answer to'))
        .map(({ text }) => text)
        .toSorted(),
    ).toEqual(['answer to first', 'answer to last', 'answer to long']);
    expect(most).toBe(1);
  });
});

test('with ADMIN_WRITE finished jobs are cleared away, young ones are not', async () => {
  await withRelay({ ADMIN_WRITE: '1' }, async (bench) => {
    const { say, startWorker, replies, redis } = bench;
    await startWorker({
      answer: async (text) => {
        if (text === 'fail') throw failing;
        return 'done';
      },
    });
    const sid = await say('young');
    await until('the answer', () => replies().length === 1);
    await say('fail');
    await until('the sentence', () => replies().length === 2);
    await settled(bench);
    const admin = await signIn(bench);
    const token = await admin.token();
    expect((await admin.post('/admin/clean/completed', { token })).location).toBe(
      '/admin?done=removed-0',
    );
    expect(await redis.exists(keys.job('turns', sid))).toBe(1);
    await redis.zadd(`${prefix}:turns:completed`, Date.now() - 8 * 24 * 3600_000, sid);
    await redis.hset(keys.job('turns', sid), 'finishedOn', String(Date.now() - 8 * 24 * 3600_000));
    expect((await admin.post('/admin/clean/completed', { token })).location).toBe(
      '/admin?done=removed-1',
    );
    expect(await redis.exists(keys.job('turns', sid))).toBe(0);
    await redis.zadd(keys.failures, 1, 'some-reply');
    expect((await admin.post('/admin/clean/failed', { token })).location).toBe(
      '/admin?done=removed-1',
    );
    expect((await admin.get('/admin?done=removed-1')).text).toContain('1 job removed.');
    expect([
      await redis.zcard(`${prefix}:turns:failed`),
      await redis.exists(keys.failures),
    ]).toEqual([0, 0]);
    // What was given up is in no job, and can still be tried again.
    expect(await redis.hget(keys.conversation(phone), 'failed')).toContain('fail');
    expect((await admin.post('/admin/clean/everything', { token })).status).toBe(404);
  });
});

test('nothing is changed without ADMIN_WRITE, without the token of our form, from another site or port, or without a session', async () => {
  const actions = [
    '/admin/clean/failed',
    '/admin/clean/completed',
    `/admin/turns/SM${'1'.repeat(32)}/retry`,
  ];
  await withRelay({}, async (bench) => {
    const admin = await signIn(bench);
    for (const action of actions)
      expect(
        (await admin.post(action, { token: await admin.token() })).status,
        `without leave ${action}`,
      ).toBe(403);
  });
  await withRelay({ ADMIN_WRITE: '1' }, async (bench) => {
    const admin = await signIn(bench);
    const token = await admin.token();
    const elsewhere = await signIn(bench);
    for (const action of actions) {
      for (const wrong of [
        {},
        { token: '' },
        { token: 'x' },
        { token: await elsewhere.token() },
        { token: `${token}x` },
      ])
        expect((await admin.post(action, wrong as Record<string, string>)).status).toBe(403);
      for (const origin of ['https://evil.example', 'http://127.0.0.1:1', 'null'])
        expect(
          (await admin.post(action, { token }, { Origin: origin })).status,
          `from ${origin}`,
        ).toBe(403);
      for (const site of ['cross-site', 'same-site'])
        expect(
          (await admin.post(action, { token }, { 'Sec-Fetch-Site': site })).status,
          `of ${site}`,
        ).toBe(403);
      expect((await admin.post(action, { token }, { Cookie: '' })).location).toMatch(
        /^\/admin\/sign-in/,
      );
    }
    const basic = {
      Cookie: '',
      Authorization: `Basic ${Buffer.from(`x:${password}`).toString('base64')}`,
    };
    expect((await admin.post('/admin/clean/failed', { token }, basic)).status).toBe(403);
    expect((await admin.post('/admin/clean/failed', { token })).status).toBe(303);
  });
});

test('what Bull Board could do itself stays off with ADMIN_WRITE, too', async () => {
  await withRelay({ ADMIN_WRITE: '1' }, async (bench) => {
    const { say, startWorker, replies, relayUrl, redis } = bench;
    await startWorker({ answer: () => Promise.reject(failing) });
    const sid = await say('fail');
    await until('the sentence', () => replies().length === 1);
    await settled(bench);
    const admin = await signIn(bench);
    const before = (await redis.keys(`${prefix}:turns:*`)).toSorted();
    for (const [method, path] of [
      ['PUT', `/turns/${sid}/retry/failed`],
      ['PUT', `/turns/${sid}/retry`],
      ['PUT', `/turns/${sid}/promote`],
      ['PUT', `/turns/${sid}/clean`],
      ['PUT', '/turns/retry/failed'],
      ['PUT', '/turns/promote'],
      ['POST', '/turns/add'],
      ['PUT', '/turns/pause'],
      ['PATCH', `/turns/${sid}/update-data`],
    ] as const) {
      const response = await fetch(`${relayUrl}/admin/queues/api/queues${path}`, {
        method,
        headers: { Cookie: admin.cookie, Origin: relayUrl, 'Content-Type': 'application/json' },
        ...(method === 'POST' ? { body: '{"name":"turns","data":{}}' } : {}),
      });
      expect(response.status, `${method} ${path}`).toBeGreaterThanOrEqual(400);
    }
    expect((await redis.keys(`${prefix}:turns:*`)).toSorted()).toEqual(before);
    expect(await redis.zrange(`${prefix}:turns:failed`, 0, '-1')).toEqual([sid]);
  });
});

test('a sign-out ends the session for good, also for whoever has copied its cookie', async () => {
  await withRelay({}, async (bench) => {
    const [admin, other] = [await signIn(bench), await signIn(bench)];
    expect((await admin.post('/admin/sign-out', { token: 'x' })).location).toBe('/admin/sign-in');
    expect((await admin.get('/admin')).status).toBe(200);
    expect((await admin.post('/admin/sign-out', { token: await admin.token() })).location).toBe(
      '/admin/sign-in',
    );
    expect((await admin.get('/admin')).status).toBe(303);
    expect((await other.get('/admin')).status).toBe(200);
  });
});

test('a sign-in leads to the page that was asked for, and to no other site', async () => {
  await withRelay({}, async ({ relayUrl }) => {
    const asked = await fetch(`${relayUrl}/admin/turns/1`, {
      redirect: 'manual',
      headers: { Accept: 'text/html' },
    });
    expect(asked.headers.get('location')).toBe('/admin/sign-in?to=%2Fadmin%2Fturns%2F1');
    const leadsTo = async (to: string): Promise<string | null> =>
      (
        await fetch(`${relayUrl}/admin/sign-in?${new URLSearchParams({ to }).toString()}`, {
          method: 'POST',
          body: new URLSearchParams({ password }),
          redirect: 'manual',
        })
      ).headers.get('location');
    expect(await leadsTo('/admin/turns/1')).toBe('/admin/turns/1');
    for (const to of [
      'https://evil.example',
      '//evil.example',
      '/admin/sign-in',
      '/metrics',
      'javascript:alert(1)',
      '/admin\\..\\x',
      '/admin@evil.example',
      '',
    ])
      expect(await leadsTo(to), `to ${to}`).toBe('/admin');
  });
});
