import { expect, test } from 'vitest';
import { createLinks } from '../../shared/store/links/links.ts';
import { stopId } from '../../shared/store/message.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createTurnRecords } from '../../shared/store/turns/records.ts';
import type { RecordEntry } from '../../shared/store/turns/records.ts';
import { signIn } from '../support/admin-client.ts';
import { htmlAttacks } from '../support/html-attacks.ts';
import { createLinkBrowser } from '../support/link-browser.ts';
import type { LinkBrowser } from '../support/link-browser.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { withRelay } from '../support/relay-bench.ts';
import type { RelayBench } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

const at = Date.now();
const begin = (id: string, words: string, lane?: string, raw = `Bash ${id}`): RecordEntry => ({
  kind: 'begin',
  at,
  id,
  words,
  raw,
  ...(lane === undefined ? {} : { lane }),
});
const end = (id: string, output: string): RecordEntry => ({
  kind: 'end',
  at: at + 5000,
  id,
  failed: false,
  output,
});

/** A turn at work: its worker answers when the test says so. */
type AtWork = { turn: string; append(...entries: RecordEntry[]): Promise<void>; finish(): void };

async function startTurn(bench: RelayBench, asked: string, from = phone): Promise<AtWork> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await bench.startWorker({
    answer: async (text) => {
      await promise;
      return `done with ${text}`;
    },
  });
  const turn = await bench.say(asked, from);
  const lock = keys.jobLock('turns', turn);
  await until('the run', async () => (await bench.redis.llen(keys.steps(turn))) > 0);
  const records = createTurnRecords(bench.redis, 1, { hasRoom: async () => true });
  return {
    turn,
    append: async (...entries) =>
      await records.append({ lock, token: (await bench.redis.get(lock)) ?? '' }, turn, entries),
    finish: resolve,
  };
}

async function linkTo(
  { redis, relayUrl }: RelayBench,
  turn: string,
  conversation = phone,
): Promise<string> {
  const { token } = await createLinks(redis).add({
    purpose: 'watch',
    person: conversation,
    object: 'work',
    detail: JSON.stringify({ conversation, turn }),
    uses: 1,
  });
  return `${relayUrl}/link/${token}`;
}

/** A browser that has opened the page of a link. */
async function opened(url: string): Promise<LinkBrowser> {
  const browser = createLinkBrowser();
  await browser.get(url);
  expect((await browser.post(url, {})).status).toBe(303);
  return browser;
}

/** What a stream has sent so far: the number of each event, and the pieces in it. */
type Stream = { events: { id: number; ids: string[]; html: string }[]; close(): void };

async function listen(browser: LinkBrowser, url: string, from: number | string): Promise<Stream> {
  const response = await browser.get(`${url}?live=${from}`);
  expect(response.status).toBe(200);
  const events: Stream['events'] = [];
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const pump = async (): Promise<void> => {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      text += part.value;
      const whole = text.split('\n\n');
      text = whole.pop() ?? '';
      for (const event of whole) {
        const [, id, data] = /^id: (\d+)\ndata: (.*)$/m.exec(event) ?? [];
        if (data === undefined) continue;
        const { parts } = JSON.parse(data) as { parts: { id: string; html: string }[] };
        const html = parts.map((piece) => piece.html).join('\n');
        events.push({ id: Number(id), ids: parts.map((piece) => piece.id), html });
      }
    }
  };
  void pump().catch(() => undefined);
  return { events, close: () => void reader?.cancel().catch(() => undefined) };
}

const followed = async ({ redis }: RelayBench, turn: string): Promise<number> => {
  const [, count] = await redis.pubsub('NUMSUB', keys.steps(turn));
  return Number(count);
};

test('a page follows its turn, from where a lost connection stood, and Redis has no listener without a page', async () => {
  await withRelay({}, async (bench) => {
    const { turn, append, finish } = await startTurn(bench, 'mend the login');
    const url = await linkTo(bench, turn);
    const before = await (await createLinkBrowser().get(url)).text();
    expect(before).toContain('Open the page');
    expect(before).not.toContain('login');
    const browser = await opened(url);
    await append(begin('a', 'Running the tests'));
    const page = await (await browser.get(url)).text();
    for (const words of ['mend the login', 'Running the tests', 'Working'])
      expect(page).toContain(words);
    expect(page).toMatch(/<noscript><meta http-equiv="refresh"/);
    expect(await followed(bench, turn)).toBe(0);

    const streams = [await listen(browser, url, 0), await listen(browser, url, 0)];
    await until('the beginning', () => streams.every(({ events }) => events.length > 0));
    // One listener for all who look at the turn.
    expect(await followed(bench, turn)).toBe(1);
    await append(end('a', '12 tests pass'), begin('b', 'Looking through the code'));
    for (const { events } of streams)
      await until('the steps', () =>
        events.some(({ html }) => html.includes('12 tests pass') && html.includes('Looking')),
      );
    const [first] = streams;
    const last = first?.events.at(-1)?.id ?? 0;
    for (const { close } of streams) close();
    await until('the end of following', async () => (await followed(bench, turn)) === 0);

    await append(end('b', 'found it'));
    const resumed = await listen(browser, url, last);
    await until('what was missed', () => resumed.events.length > 0);
    const [missed] = resumed.events;
    expect(missed?.html).toContain('found it');
    expect(missed?.html).not.toContain('12 tests pass');
    // A number that no record of this turn had, and what is none.
    for (const odd of ['999999999', '9'.repeat(3000), '-1', '0x9', '1e3']) {
      const stream = await listen(browser, url, odd);
      await until('everything', () => stream.events[0]?.html.includes('12 tests pass'));
      stream.close();
    }
    finish();
    await until('the answer', () =>
      resumed.events.some(({ html }) => html.includes('done with mend the login')),
    );
    await until('the end', async () => (await followed(bench, turn)) === 0);
    // The record: the worker has gone.
    const record = await (await browser.get(url)).text();
    for (const words of ['Answered', '12 tests pass', 'found it', 'done with mend the login'])
      expect(record).toContain(words);
    expect(JSON.stringify(bench.logged())).not.toContain(url.split('/').at(-1));
  });
});

test('a page is of one browser and one conversation: for all others there is none', async () => {
  await withRelay({}, async (bench) => {
    const { turn, append } = await startTurn(bench, 'my own matter');
    await append(begin('a', 'Reading my.conf'), {
      kind: 'picture',
      at,
      of: 'a',
      base64: Buffer.from('a picture').toString('base64'),
    });
    const url = await linkTo(bench, turn);
    const yours = createLinkBrowser();
    await yours.get(url);
    const mine = await opened(url);
    const page = await (await mine.get(url)).text();
    const picture = /\?picture=\d+/.exec(page)?.[0] ?? '';
    const parts = ['', '?live=0', picture];
    const said: string[] = [];
    const statuses = async (browser: LinkBrowser, at: string): Promise<number[]> => {
      const found: number[] = [];
      for (const part of parts) {
        const response = await browser.get(at + part);
        found.push(response.status);
        if (response.status === 200) await response.body?.cancel();
        else said.push(await response.text());
      }
      return found;
    };
    expect(await statuses(mine, url)).toEqual([200, 200, 200]);
    expect(await statuses(yours, url)).toEqual([410, 410, 410]);
    expect((await yours.post(url, { do: 'stop' })).status).toBe(410);
    const shown = await mine.get(url + picture);
    expect(await shown.text()).toBe('a picture');
    expect(shown.headers.get('content-security-policy')).toContain('sandbox');
    expect((await mine.get(`${url}?picture=0`)).status).toBe(404);
    // HEAD opens no stream; a form of another kind and one of another site do nothing.
    const head = await mine.get(`${url}?live=0`, 'HEAD');
    expect([head.status, await followed(bench, turn)]).toEqual([404, 0]);
    expect((await mine.post(url, { do: 'run' })).status).toBe(400);
    const foreign = { 'Sec-Fetch-Site': 'cross-site' };
    expect((await mine.post(url, { do: 'stop' }, foreign)).status).toBe(400);
    for (const odd of ['-1', '1e9', '9'.repeat(3000), '..%2f1', `${picture.slice(9)}&picture=1`])
      expect((await mine.get(`${url}?picture=${odd}`)).status).toBe(404);
    // A link that was not opened in time.
    const late = await linkTo(bench, turn);
    const slow = createLinkBrowser();
    await slow.get(late);
    const { id = '' } = (await createLinks(bench.redis).find(late.split('/').at(-1) ?? '')) ?? {};
    await bench.redis.hset(keys.link(id), 'expires', Date.now() - 1);
    expect(await statuses(slow, late)).toEqual([410, 410, 410]);
    expect((await slow.post(late, {})).status).toBe(410);

    // A link of another conversation, whatever turn it names.
    const wrong = await linkTo(bench, turn, otherPhone);
    const stranger = createLinkBrowser();
    await stranger.get(wrong);
    expect((await stranger.post(wrong, {})).status).toBe(404);
    expect((await statuses(stranger, wrong)).slice(1)).toEqual([404, 404]);
    expect(await (await stranger.get(wrong)).text()).not.toContain('my.conf');

    // Revoked, and of a person who may not write any more.
    const other = await linkTo(bench, turn);
    const another = await opened(other);
    await bench.redis.hset(keys.allowed, phone, `removed ${new Date().toISOString()}, by +1`);
    expect(await (await another.get(other)).text()).not.toContain('my.conf');
    expect((await statuses(another, other)).slice(1)).toEqual([404, 404]);
    await createLinks(bench.redis).revoke(phone);
    expect(await statuses(mine, url)).toEqual([404, 404, 404]);
    expect(said.filter((text) => /my\.conf|a picture/.test(text))).toEqual([]);
  });
});

test('Stop on the page stops nothing: the chat asks, and its button stops that turn only', async () => {
  await withRelay({ ADMIN_WRITE: '1' }, async (bench) => {
    const { turn, finish } = await startTurn(bench, 'a long job');
    const url = await linkTo(bench, turn);
    const browser = await opened(url);
    expect((await browser.post(url, { do: 'stop' })).status).toBe(303);
    expect((await browser.post(url, { do: 'stop' })).status).toBe(303);
    const asked = await until('the question', () =>
      bench.replies().find(({ text }) => text.includes('Shall I stop it?')),
    );
    expect(asked.buttons.map(({ title }) => title)).toEqual(['Stop it', 'Go on']);
    expect(await (await browser.get(url)).text()).toContain('confirm it there');
    expect((await createLinkBrowser().post(url, { do: 'stop' })).status).toBe(400);
    const tap = (): Promise<{ sid: string }> =>
      bench.twin.chat.receive(phone, {
        choice: { id: asked.buttons[0]?.id ?? '', title: 'Stop it', kind: 'button' },
        quoted: asked.sid,
      });
    await tap();
    await until('the stop', () => bench.replies().some(({ text }) => text.startsWith('Stopped')));
    await until('the end', async () => (await bench.redis.llen(keys.inbox(phone))) === 0);
    const over = await (await browser.get(url)).text();
    expect(over).toContain('>Stopped</span>');
    expect(over).not.toContain('0 steps');

    // A late tap leaves the next turn alone; the owner’s stop ends it at once.
    const next = await bench.say('the next job');
    await until('the next run', async () => (await bench.redis.llen(keys.steps(next))) > 0);
    await tap();
    await until('a word', () =>
      bench.replies().some(({ text }) => text === 'That work is over already.'),
    );
    const admin = await signIn(bench);
    const token = await admin.token(`/admin/turns/${next}`);
    expect((await admin.post(`/admin/turns/${turn}/stop`, { token })).location).toContain('-0');
    expect(await bench.redis.exists(keys.message(stopId(phone, turn)))).toBe(0);
    expect((await admin.post(`/admin/turns/${next}/stop`, {})).status).toBe(403);
    expect((await admin.post(`/admin/turns/${next}/stop`, { token })).location).toContain('-1');
    await until(
      'the second stop',
      () => bench.replies().filter(({ text }) => text.startsWith('Stopped')).length === 2,
    );
    expect(bench.replies().map(({ text }) => text)).toHaveLength(4);
    finish();
  });
});

test('hostile words stay words, in what is asked, steps, calls, outputs, questions, tasks, answers, names, files and failures', async () => {
  await withRelay({}, async (bench) => {
    const all = htmlAttacks.join(' ');
    const turned = `rm \u202Egnp.evil ${all}`;
    const { turn, append, finish } = await startTurn(bench, all.slice(0, 1400));
    await append(
      begin('a" onclick="x', turned, undefined, turned),
      end('a" onclick="x', turned),
      begin('b', all, 'a" onclick="x'),
      { kind: 'asks', at, text: turned },
      { kind: 'asked', at },
      { kind: 'task', at, id: all, words: turned, isHelper: true },
    );
    const { redis } = bench;
    const url = await linkTo(bench, turn);
    const browser = await opened(url);
    const admin = await signIn(bench);
    const both = async (): Promise<string[]> => [
      await (await browser.get(url)).text(),
      (await admin.get(`/admin/turns/${turn}`)).text,
    ];
    // While a question waits, with a person of an odd name, and a computer of one.
    const id = (await redis.hget(keys.people, phone)) ?? '';
    await redis.hset(keys.person(id), 'name', all);
    const asks = { turn, open: { text: turned, labels: [all] } };
    await redis.hset(keys.conversation(phone), 'questions', JSON.stringify(asks));
    const waiting = await both();
    expect(waiting[0]).toContain('I am waiting for you');
    expect(waiting[1]).toContain('Claude asks');
    await redis.hdel(keys.conversation(phone), 'questions');
    finish();
    await until('the answer', () => bench.replies().length === 1);
    // A file, and a reason of a failure.
    const [reply = ''] = await redis.lrange(keys.turnReplies(turn), 0, -1);
    const file = { token: 'a', type: all, name: turned, size: 1 };
    await redis.hset(keys.reply(reply), 'file', JSON.stringify(file));
    await redis.hset(keys.message(turn), 'state', 'failed');
    await redis.hset(keys.turn(turn), 'failure', all);
    const pages = [...(await both()), ...waiting];
    expect(pages[1]).toContain('Why it failed');
    for (const page of pages) {
      // Without our own style, script and picture.
      const main = /<main[^]*<\/main>/.exec(page)?.[0].replace(/<svg[^]*?<\/svg>/g, '') ?? '';
      const tags = [...main.matchAll(/<([a-z][\w-]*)((?:\s[^<>]*)?)>/gi)];
      const own =
        /^(?:main|header|h1|h2|div|section|p|span|bdi|ul|ol|li|details|summary|pre|code|time|a|dl|dt|dd|form|input|button|strong|em|s)$/;
      expect(tags.map(([, name = '']) => name).filter((name) => !own.test(name))).toEqual([]);
      const attributes = tags.map(([, , given = '']) => given.replaceAll(/"[^"]*"/g, '""'));
      expect(attributes.filter((given) => /\bon\w+|style|src/i.test(given))).toEqual([]);
      expect(tags.filter(([tag]) => /href="(?!\/admin|#)/.test(tag))).toEqual([]);
    }
    for (const page of pages) {
      expect(page).not.toContain('\u202E');
      expect(page).toContain('rm ⟨U+202E⟩gnp.evil');
    }
    // The owner sees ids and calls as well, the person does not.
    expect(pages.map((page) => page.includes('class="raw'))).toEqual([false, true, false, true]);
    expect(pages.map((page) => page.includes(turn))).toEqual([false, true, false, true]);
    for (const page of [pages[0], pages[2]]) expect(page).not.toContain(phone);
  });
});
