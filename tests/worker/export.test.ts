import { expect, test } from 'vitest';
import { createFileStore } from '../../shared/store/files.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import { createThreads } from '../../shared/store/turns/thread.ts';
import type { ThreadEntry } from '../../shared/store/turns/thread.ts';
import { createExporter, mostBytes } from '../../worker/export/export.ts';
import { exportHtml, exportMarkdown } from '../../worker/export/export-document.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import { createLinkBrowser } from '../support/link-browser.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { settled } from '../support/settled.ts';
import { said, texts } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** What an export must say, by what the phone shows: each text once, in order. */
function expectInOrder(document: string, words: readonly string[]): void {
  let from = 0;
  for (const word of words) {
    const at = document.indexOf(word, from);
    expect(at, `“${word}” after ${from}`).toBeGreaterThanOrEqual(from);
    from = at + word.length;
  }
}

test('an export holds what was said by both sides, in order, with pictures, behind a link that works once', async () => {
  await withPipeline({}, async (bench) => {
    const { twin, redis, startWorker, say, relayUrl } = bench;
    await startWorker({ answer: async (text) => `<b>answer</b> & to ${text} 🌞` });
    await say('first *words*');
    await until('the answer', () => texts(bench).length === 1);
    const file = { name: 'a.png', type: 'image/png' };
    await twin.chat.receive(phone, {
      text: 'look',
      media: { ...file, base64: pixel.toString('base64') },
    });
    await until('the answer to the picture', () => texts(bench).length === 2);
    const store = createFileStore(redis);
    const sent = await store.put(pixel, { type: 'image/png', name: 'sent.png' }, phone);
    const picture = { id: 'own.1', conversation: phone, turn: 'own', text: 'a picture' };
    const deliveries = createDeliveries(redis);
    await createOutbox(redis, deliveries).put([{ ...picture, file: sent }]);
    await until('the picture', () => texts(bench).length === 3);
    await deliveries.close();
    await settled(bench);
    const words = twin.chat.messages(phone).map(({ text }) => text);
    expect(words).toContain('first *words*');
    await say('/export');
    const { text } = await said(bench, '/link/');
    const url = /http\S+/.exec(text)?.[0] ?? '';
    const [mine, yours] = [createLinkBrowser(), createLinkBrowser()];
    expect(await (await mine.get(url)).text()).not.toContain('/media/');
    await yours.get(url);
    expect((await mine.post(url, {})).status).toBe(303);
    expect((await yours.post(url, {})).status).toBe(410);
    const page = await (await mine.get(url)).text();
    const files = [...page.matchAll(/href="(\/media\/[^"]+)"/g)].map(([, path = '']) => path);
    expect(files).toHaveLength(2);
    const [html = '', markdown = ''] = await Promise.all(
      files.map(async (path) => await (await fetch(`${relayUrl}${path}`)).text()),
    );
    const shown = words.filter((word) => word !== '');
    expectInOrder(markdown, shown);
    const escaped = (word: string): string =>
      word.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    expectInOrder(html, shown.map(escaped));
    expect(html).not.toContain('<b>answer');
    for (const document of [html, markdown])
      expect(document.match(/data:image\/png;base64,/g)).toHaveLength(2);
    expect(isFromPerson({ id: 'x' })).toBe(false);
  });
});

test('pictures for which there is no room, and what was not delivered, are named', async () => {
  const at = Date.UTC(2026, 10, 30, 14, 2);
  const base = { at, text: 'words', choices: ['Yes', '[No]'], files: [], isUndelivered: false };
  const missing = { name: 'big]"><b>.png', type: 'image/png', missing: 'left out: too large' };
  const whole = {
    timezone: 'Europe/Berlin',
    entries: [
      { ...base, by: 'You' as const, choices: [] },
      { ...base, by: 'Sidepocket' as const, files: [missing], isUndelivered: true, page: '# All' },
    ],
  };
  expect(exportMarkdown(whole)).toBe(`# Sidepocket: our conversation

### You, 30 Nov 2026, 15:02 Europe/Berlin

words

### Sidepocket, 30 Nov 2026, 15:02 Europe/Berlin (not delivered)

[big "><b>.png] (left out: too large)

words

[Yes] [ No ]

# All
`);
  expect(exportHtml(whole)).toContain('big]&quot;&gt;&lt;b&gt;.png (left out: too large)');
});

test('a picture that does not fit, or is gone, is left out of an export and counted', async () => {
  await withPipeline({ relay: false }, async ({ redis }) => {
    const deliveries = createDeliveries(redis);
    const outbox = createOutbox(redis, deliveries);
    const file = (token: string) => ({ token, type: 'image/png', name: 'a.png', size: 1 });
    const reply = (id: string, token: string) => ({
      id,
      conversation: phone,
      turn: 't',
      text: id,
      file: file(token),
    });
    const store = createFileStore(redis);
    const kept: string[] = [];
    for (let index = 0; index < 2; index += 1) {
      const bytes = Buffer.alloc(7 * 1024 * 1024, index + 1);
      kept.push((await store.put(bytes, { type: 'image/png', name: 'p' }, phone)).token);
    }
    await outbox.put([
      reply('one', kept[0] ?? ''),
      reply('two', kept[1] ?? ''),
      reply('three', 'a'.repeat(34)),
    ]);
    const exporter = createExporter({
      threads: createThreads(redis),
      files: store,
      pages: createPageStore(redis),
      people: { idOf: async () => 'p-1' },
      links: { add: async () => ({ token: 'x', expires: new Date() }) },
      fetchMedia: async () => pixel,
      publicUrl: 'https://relay.example',
    });
    const { signal } = new AbortController();
    expect(await exporter.make(phone, 'UTC', signal)).toEqual({
      url: 'https://relay.example/link/x',
      messages: 3,
      older: 0,
      missing: 2,
    });
    // Both files of it have taken the person's share.
    expect(await exporter.make(phone, 'UTC', signal)).toBeUndefined();
    await deliveries.close();
  });
});

test('an export of nothing is a document without messages', () => {
  const nothing = { entries: [], timezone: 'UTC' };
  expect(exportMarkdown(nothing)).toBe('# Sidepocket: our conversation\n\n\n');
  expect(exportHtml(nothing)).toContain('<h1>Our conversation</h1>');
});

test('an export is never too large: texts come before pictures, and the newest before the oldest', async () => {
  const mega = 1024 * 1024;
  const message = (index: number, text: string, pictures = 0): ThreadEntry => ({
    kind: 'message',
    id: `SM${index}`,
    at: index,
    state: 'answered',
    turn: 't',
    message: {
      id: `SM${index}`,
      conversation: phone,
      at: new Date(index).toISOString(),
      text,
      media: Array.from({ length: pictures }, () => ({ url: `${index}`, type: 'image/png' })),
      human: true,
    },
  });
  const sizes: Record<string, number> = { '2': 8 * mega, '4': mega };
  const fetched: string[] = [];
  const put: Buffer[] = [];
  const exporter = createExporter({
    threads: {
      read: async () => ({
        entries: [
          // Six times as long on the page.
          message(0, '"'.repeat(5 * mega)),
          message(1, 'first words'),
          message(2, '', 1),
          message(3, 'words '.repeat(mega * 2)),
          message(4, 'last words', 1),
        ],
        before: undefined,
      }),
    },
    files: {
      ...createFileStore(new Proxy({} as Redis, {})),
      put: async (bytes) => {
        put.push(Buffer.from(bytes));
        return { token: 'x', type: '', name: '', size: bytes.byteLength };
      },
    },
    pages: { find: async () => undefined },
    people: { idOf: async () => 'p-1' },
    links: { add: async () => ({ token: 'x', expires: new Date() }) },
    fetchMedia: async (url) => {
      fetched.push(url);
      return Buffer.alloc(sizes[url] ?? 0);
    },
    publicUrl: 'https://relay.example',
  });
  const made = await exporter.make(phone, 'UTC', new AbortController().signal);
  expect(made).toMatchObject({ messages: 4, older: 1, missing: 1 });
  expect(fetched).toEqual(['4', '2']);
  expect(put.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThanOrEqual(mostBytes);
  for (const document of put.map(String)) {
    expectInOrder(document, ['first words', 'left out: too large', 'words words', 'last words']);
    expect(document.match(/data:image\/png/g)).toHaveLength(1);
  }
});
