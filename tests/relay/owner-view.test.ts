import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { expect, test } from 'vitest';
import { createLive } from '../../relay/admin/live.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { SetupError } from '../../shared/runtime/errors.ts';
import { withStartProblems } from '../../worker/process/start-problem.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { signIn } from '../support/admin-client.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { withRelay } from '../support/relay-bench.ts';
import { settled } from '../support/settled.ts';
import { until } from '../support/until.ts';

/** The rows of a list of turns: the state that each shows, by the id that it leads to. */
function rowsOf(text: string): Map<string, string> {
  const list = /aria-label="Turns found">([^]*?)<\/section>/.exec(text)?.[1] ?? '';
  return new Map(
    list
      .split('<li>')
      .slice(1)
      .map((row) => [
        /\/admin\/turns\/([\w.-]+)/.exec(row)?.[1] ?? '',
        /<span class="tag[^>]*>([^<]*)/.exec(row)?.[1] ?? '',
      ]),
  );
}

const names: Record<string, string> = {
  working: 'Working',
  waiting: 'Waiting',
  failed: 'Failed',
  'set aside': 'Set aside',
  answered: 'Answered',
};

/** What each turn's row must show, by what the store says of its messages at this moment. */
async function expectedRows(redis: Redis): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  for (const key of await redis.keys(keys.message('*'))) {
    const { turn, state = '' } = await redis.hgetall(key);
    const id = turn ?? key.slice(keys.message('').length);
    const held = await redis.exists(keys.jobLock('turns', id));
    const shown = state === 'working' && held === 0 ? 'waiting' : state;
    const parked = await redis.lrange(keys.parked(phone), 0, -1);
    const turns = await Promise.all(parked.map((reply) => redis.hget(keys.reply(reply), 'turn')));
    rows.set(id, turns.includes(id) ? 'Parked' : (names[shown] ?? shown));
  }
  return rows;
}

test('each turn on the pages has the state of its messages, and search, filters and addresses lead to it', async () => {
  await withRelay({ ADMIN_WRITE: '1' }, async (bench) => {
    const { say, startWorker, replies, redis } = bench;
    const gate = Promise.withResolvers<void>();
    const worker = await startWorker({
      answer: async (text) => {
        if (text.includes('fail')) throw new AgentFailure('no-credit', 'Your credit is <low>');
        if (text === 'hold') await gate.promise;
        return `answer to ${text}`;
      },
    });
    const admin = await signIn(bench);
    const list = async (query = ''): Promise<Map<string, string>> =>
      rowsOf((await admin.get(`/admin/turns${query}`)).text);
    const answered = await say('Über die Zebras <b>');
    await until('the answer', () => replies().length === 1);
    const failed = await say('please fail');
    await until('the sentence', () => replies().length === 2);
    const command = await say('/status');
    await until('the status', () => replies().length === 3);
    await settled(bench);
    const other = await say('of another', otherPhone);
    await until('the other answer', () => replies(otherPhone).length === 1);
    const held = await say('hold');
    await until(
      'the turn works',
      async () => (await redis.hget(keys.message(held), 'state')) === 'working',
    );
    const steered = await say('and this');
    await until('it is in', async () => (await redis.exists(keys.said(steered))) === 1);
    expect(await list()).toEqual(await expectedRows(redis));
    expect((await list()).get(held)).toBe('Working');
    gate.resolve();
    await until('the answers', () => replies().length === 5);
    await settled(bench);
    await worker.stop();

    const waiting = await say('nobody is awake');
    const parkedReply = (await redis.lrange(keys.turnReplies(answered), 0, 0))[0] ?? '';
    await redis.rpush(keys.parked(phone), parkedReply);
    await redis.sadd(keys.parking, phone);
    // Its worker is gone: nobody works on it.
    await redis.hset(keys.message(other), 'state', 'working');
    expect((await list()).get(other)).toBe('Waiting');
    await redis.hset(keys.message(other), 'state', 'answered');
    const rows = await list();
    expect(rows).toEqual(await expectedRows(redis));
    expect([answered, failed, command, other, held, waiting].map((id) => rows.get(id))).toEqual([
      'Parked',
      'Failed',
      'Answered',
      'Answered',
      'Answered',
      'Waiting',
    ]);

    const found = async (query: string): Promise<string[]> => [...(await list(query)).keys()];
    expect(await found('?q=ÜBER+die')).toEqual([answered]);
    expect(await found('?q=PLEASE')).toEqual([failed]);
    expect(await found('?q=1230002')).toEqual([other]);
    expect(await found('?q=zebra%25')).toEqual([]);
    expect(await found('?state=failed')).toEqual([failed]);
    expect((await admin.get('/admin/turns')).text).toContain('Your credit is &lt;low&gt;');
    expect(await found('?state=parked')).toEqual([answered]);
    expect(await found('?state=waiting')).toEqual([waiting]);
    expect(await found(`?person=${encodeURIComponent(otherPhone)}`)).toEqual([other]);
    const day = new Date().toISOString().slice(0, 10);
    expect(await found(`?day=${day}&state=answered`)).toEqual(
      expect.arrayContaining([other, held, command]),
    );
    expect(await found('?day=2020-01-01')).toEqual([]);
    // What makes no sense asks for nothing.
    for (const query of ['state=x&day=y&person=z&after=%00', 'day=2026-02-31&home=east', 'q[]=a'])
      expect(await list(`?${query}`), `with ${query}`).toEqual(rows);
    expect(await found(`?day=${day}&state=waiting`)).toEqual([waiting]);
    expect((await admin.get('/admin/turns/%E0%A4%A')).status).toBe(404);
    const unknown = (await admin.get('/admin/turns?person=%2B15559990000')).text;
    expect(unknown).toContain('<option value="+15559990000" selected>');

    // A steered message and a message of Twilio's lead to their turn.
    const [steeredTurn = ''] = await redis.hmget(keys.message(steered), 'turn');
    const sent = await redis.hget(keys.reply(parkedReply), 'sid');
    for (const [id, turn] of [
      [steered, steeredTurn],
      [sent, answered],
      [failed, failed],
    ])
      expect((await admin.get(`/admin/turns?q=${id}`)).headers.get('location')).toBe(
        `/admin/turns/${turn}`,
      );
    const page = (await admin.get(`/admin/turns/${failed}`)).text;
    expect(page).toContain('no-credit: Your credit is &lt;low&gt;');
    expect(page).toContain('Failed');
    expect((await admin.get(`/admin/turns/${waiting}`)).text).toContain('nobody is awake');

    // The times are those of the person, as the store has them.
    const { postedAt = '', deliveredAt = '' } = await redis.hgetall(keys.reply(parkedReply));
    expect(Date.parse(deliveredAt)).toBeGreaterThanOrEqual(Date.parse(postedAt));
    const story = (await admin.get(`/admin/turns/${answered}`)).text;
    for (const name of ['Accepted', 'First word', 'Answer sent', 'Delivered'])
      expect(story).toContain(`<dt>${name}</dt>`);

    // Retried with a note, the message belongs to the turn that takes it up.
    await startWorker({ answer: async (text) => `again: ${text}` });
    const token = await admin.token();
    await admin.post(`/admin/turns/${failed}/retry`, { token, note: 'with "care"' });
    await until('the answer with the note', () =>
      replies().some(({ text }) => text.includes('A note for this second try: with "care"')),
    );
    await settled(bench);
    expect(await redis.hget(keys.message(failed), 'turn')).not.toBe(failed);
    expect(await list()).toEqual(await expectedRows(redis));
    expect(await found('?state=failed')).toEqual([]);
    expect((await admin.get(`/admin/turns/${failed}`)).status).toBeLessThan(400);
  });
});

test('what fails for the owner leads to what needs a look, where it is tried again with a note; nobody else gets the address', async () => {
  const failing = async (text: string): Promise<string> => {
    if (text.includes('fail')) throw new AgentFailure('no-credit', 'Your credit is low');
    return `answer to ${text}`;
  };
  await withRelay({ ADMIN_WRITE: '1' }, async (bench) => {
    const { say, startWorker, replies, redis, relayUrl } = bench;
    await until('it is known', async () => (await redis.exists(keys.dashboard)) === 1);
    const worker = await startWorker({ answer: failing });
    await say('please fail');
    await say('fail, too', otherPhone);
    await until('both sentences', () => replies().length + replies(otherPhone).length === 2);
    await settled(bench);
    const [[mine], [theirs]] = [replies(), replies(otherPhone)];
    expect(mine?.text).toMatch(
      new RegExp(`text “retry”.\nWhy, and what I tried: ${relayUrl}/admin/look$`),
    );
    expect(theirs?.text).toMatch(/text “retry”.$/);
    const page = await fetch(`${relayUrl}/admin/look`, {
      redirect: 'manual',
      headers: { Accept: 'text/html' },
    });
    expect([page.status, page.headers.get('location')]).toEqual([
      303,
      '/admin/sign-in?to=%2Fadmin%2Flook',
    ]);
    const admin = await signIn(bench);
    const { text } = await admin.get('/admin/look');
    expect(text).toContain('Your credit is low');
    expect(text).toContain('1 message given up after 1 attempt');
    const action = /action="([^"]+)"[^]*?name="note"/.exec(text)?.[1] ?? '';
    expect(action).toContain('/retry');
    await worker.stop();
    await startWorker();
    await admin.post(action, { token: await admin.token(), note: 'gently' });
    await until('the answer with the note', () =>
      [...replies(), ...replies(otherPhone)].some(({ text }) => text.includes('gently')),
    );
  });
  await withRelay({ ADMIN_PASSWORD: '' }, async ({ say, startWorker, replies }) => {
    await startWorker({ answer: failing });
    await say('please fail');
    await until('the sentence', () => replies().length === 1);
    expect(replies()[0]?.text).toMatch(/text “retry”.$/);
  });
});

test('a conversation stands as it was said, by both sides, with what became of each part', async () => {
  await withRelay({}, async (bench) => {
    const { say, startWorker, replies, redis } = bench;
    await startWorker({
      answer: async (text) => `answer to ${text} \u202Eevil ${'x'.repeat(300)}`,
    });
    await say('<i>first</i>');
    await until('the answer', () => replies().length === 1);
    await say('/help');
    await until('the help', () => replies().length > 1);
    await settled(bench);
    const admin = await signIn(bench);
    const path = `/admin/people/${encodeURIComponent(phone)}`;
    const { text } = await admin.get(path);
    const shown = [...text.matchAll(/<li(?: class="me")? id="([^"]+)"/g)].map(([, id]) => id);
    expect(shown).toEqual(await redis.zrange(keys.thread(phone), 0, '-1'));
    expect(text).toContain('&lt;i&gt;first&lt;/i&gt;');
    for (const id of shown) {
      const [status, state] = [
        await redis.hget(keys.reply(id ?? ''), 'status'),
        await redis.hget(keys.message(id ?? ''), 'state'),
      ];
      const part = text.split(`id="${id}"`)[1]?.split('</li>')[0] ?? '';
      // A message that is answered has no mark.
      expect(status ? part.includes(`>${status}</span>`) : state === 'answered').toBe(true);
    }
    expect((await admin.get('/admin/people')).text).toContain(path);
    for (const other of ['+1', 'x', '%E0%A4%A', encodeURIComponent('+15559990000')])
      expect((await admin.get(`/admin/people/${other}`)).status, `of ${other}`).toBe(404);
  });
});

test('a worker that cannot start says why on the dashboard, until one runs', async () => {
  await withRelay({}, async (bench) => {
    const { redis, redisServer, log } = bench;
    const admin = await signIn(bench);
    const look = async (): Promise<string> => (await admin.get('/admin/look')).text;
    const failing = (error: Error): Promise<never> =>
      withStartProblems(redisServer.url, log, async () => {
        throw error;
      });
    await expect(failing(new Error('a defect'))).rejects.toThrow('a defect');
    expect(await look()).toContain('Nothing needs you');
    const problem = 'ANSWER_MINUTES: must be a number of minutes';
    await expect(failing(new SetupError(problem))).rejects.toThrow(problem);
    expect(await look()).toContain(`The worker could not start. ${problem}`);
    await redis.set(keys.heartbeat, 'vm', 'EX', 60);
    expect(await look()).not.toContain(problem);
    await redis.del(keys.heartbeat);
    await redis.hset(keys.vm, 'state', 'asleep', 'since', Date.now() + 1000);
    expect(await look()).not.toContain(problem);
    await redis.set(keys.waking, Date.now() - 300_000, 'EX', 60);
    expect(await look()).toContain('no worker has come up on it');
  });
});

test('an open page is sent again when it has changed, and its stream ends with the relay', async () => {
  await withRelay({}, async (bench) => {
    const admin = await signIn(bench);
    const open = async (page: string): Promise<Response> =>
      await fetch(`${bench.relayUrl}/admin/live?page=${encodeURIComponent(page)}`, {
        headers: { Cookie: admin.cookie },
      });
    for (const page of ['/metrics', '//evil.example', '/admin/nothing', '/adminx'])
      expect((await open(page)).status, `of ${page}`).toBe(204);
    const stream = await open('/admin');
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    await bench.say('a new word');
    let heard = '';
    for await (const part of stream.body ?? []) {
      heard += Buffer.from(part).toString('utf8');
      if (heard.includes('a new word')) break;
    }
    expect(heard).toContain('data: {"content":');
    const head = await fetch(`${bench.relayUrl}/admin/live?page=/admin`, {
      method: 'HEAD',
      headers: { Cookie: admin.cookie },
    });
    expect(head.status).toBe(204);
    // A sign-out elsewhere ends what is open, before anything new is shown.
    const left = await open('/admin');
    await admin.post('/admin/sign-out', { token: await admin.token() });
    await bench.say('after the sign-out');
    const rest = await left.text();
    expect(rest).toMatch(/data: \{"gone":true\}\n\n$/);
    expect(rest).not.toContain('after the sign-out');
  });
});

test('a page that is closed before it was written gives its place back', async () => {
  const written = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  let [asked, left] = [0, 0];
  const app = express();
  app.use((request, response, next) => {
    response.once('close', () => {
      left += request.aborted ? 1 : 0;
      if (left === 20) closed.resolve();
    });
    next();
  });
  const write = async (): Promise<{ content: string; footer: string }> => {
    asked += 1;
    await written.promise;
    return { content: '', footer: '' };
  };
  const isSignedIn = async (): Promise<boolean> => true;
  const ending = new AbortController();
  app.get('/admin/live', createLive({ write, isSignedIn, closing: ending.signal }));
  const server = app.listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/admin/live?page=/admin`;
    const hangUp = new AbortController();
    const first = Array.from({ length: 20 }, () => fetch(url, { signal: hangUp.signal }));
    await until('all are asked for', () => asked === 20);
    // Twenty are being written: there is no place for another one.
    expect((await fetch(url)).status).toBe(204);
    hangUp.abort();
    await Promise.allSettled(first);
    await closed.promise;
    written.resolve();
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async () => (await fetch(url)).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
  } finally {
    ending.abort();
    server.closeAllConnections();
    server.close();
  }
});

test('what is not there says so in the same dress, and the root leads to the dashboard', async () => {
  await withRelay({}, async ({ relayUrl }) => {
    const get = async (path: string, accept = 'text/html'): Promise<Response> =>
      await fetch(relayUrl + path, { redirect: 'manual', headers: { Accept: accept } });
    const head = await fetch(`${relayUrl}/`, { method: 'HEAD', redirect: 'manual' });
    expect(head.headers.get('location')).toBe('/admin');
    const root = await get('/');
    expect([root.status, root.headers.get('location')]).toEqual([303, '/admin']);
    for (const path of ['/nope', '/admin2', '/%E0%A4%A']) {
      const page = await get(path);
      const text = await page.text();
      expect([
        page.status >= 400,
        text.includes('name="viewport"'),
        text.includes('/admin"'),
      ]).toEqual([true, true, true]);
    }
    expect(await (await get('/nope', '*/*')).text()).not.toContain('<');
    for (const [path, type] of [
      ['/icon.svg', 'image/svg+xml'],
      ['/favicon.ico', 'image/svg+xml'],
      ['/icon-192.png', 'image/png'],
      ['/manifest.webmanifest', 'application/manifest+json'],
    ] as const)
      expect((await get(path)).headers.get('content-type'), `of ${path}`).toContain(type);
  });
});
