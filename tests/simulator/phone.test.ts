import { request } from 'node:http';
import { expect, test } from 'vitest';
import type { ChatEvent } from '../../simulator/chat.ts';
import { ANNA, PIXEL, withPhone } from '../support/phone-bench.ts';

const post = (
  url: string,
  body: unknown,
  headers: Record<string, string> = { 'Content-Type': 'application/json' },
) =>
  fetch(url, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

test('a message goes to the chat and comes back in it', () =>
  withPhone(async ({ phone, chat }) => {
    const answer = await post(`${phone.url}/api/chats/${ANNA}`, {
      text: 'hello',
      media: { name: 'a.png', type: 'image/png', base64: PIXEL.toString('base64') },
    });
    expect(await answer.json()).toEqual({ sid: chat.received[0]?.sid, status: 200 });
    const messages = await (await fetch(`${phone.url}/api/chats/${ANNA}`)).json();
    expect(messages).toMatchObject([
      { text: 'hello', direction: 'inbound', media: [{ name: 'a.png' }] },
    ]);
  }));

test('system, turns, read and the closed window', () =>
  withPhone(async ({ phone, chat, turns, system }) => {
    const sid = `SM${'0'.repeat(32)}`;
    turns.set(sid, 'working');
    expect(await (await fetch(`${phone.url}/api/system`)).json()).toEqual(system);
    expect(await (await fetch(`${phone.url}/api/turns/${sid}`)).json()).toEqual({
      state: 'working',
    });
    expect((await fetch(`${phone.url}/api/turns/nonsense`)).status).toBe(400);
    expect((await post(`${phone.url}/api/chats/${ANNA}/read`, {})).status).toBe(204);
    expect((await post(`${phone.url}/api/chats/${ANNA}/close-window`, {})).status).toBe(204);
    expect([chat.read, chat.closed]).toEqual([[ANNA], [ANNA]]);
  }));

test.each([
  ['nothing in it', {}, /needs text, media/],
  ['only blanks', { text: '   ' }, /needs text, media/],
  ['an unknown field', { text: 'a', html: 'b' }, /html/],
  ['a text that is not one', { text: 5 }, /text/],
  [
    'media that is not base64',
    { media: { name: 'a', type: 'image/png', base64: '***' } },
    /not base64/,
  ],
  ['a type that is not one', { media: { name: 'a', type: 'png', base64: 'AAAA' } }, /media type/],
  ['a place off the map', { location: { latitude: 91, longitude: 0 } }, /latitude/],
  ['a quote of nothing', { text: 'a', quoted: 'SM1' }, /message sid/],
  ['broken JSON', '{', /valid JSON/],
])('%s is refused with a sentence', (_name, body, sentence) =>
  withPhone(async ({ phone, chat }) => {
    const answer = await post(`${phone.url}/api/chats/${ANNA}`, body);
    expect(answer.status).toBe(400);
    expect((await answer.json()).error).toMatch(sentence);
    expect(chat.received).toEqual([]);
  }),
);

test('a number that is none, a form, and an unknown address are refused', () =>
  withPhone(async ({ phone }) => {
    expect((await post(`${phone.url}/api/chats/12`, { text: 'a' })).status).toBe(400);
    expect(
      (await post(`${phone.url}/api/chats/${ANNA}`, 'text=a', { 'Content-Type': 'text/plain' }))
        .status,
    ).toBe(415);
    expect((await fetch(`${phone.url}/api/other`)).status).toBe(404);
    expect((await fetch(`${phone.url}/..%2fphone.ts`)).status).toBe(404);
    expect((await fetch(`${phone.url}/nothing.ts`)).status).toBe(404);
  }));

test('a file of 16 MB passes, a larger one is a 413 with a sentence', { tags: 'long' }, () =>
  withPhone(async ({ phone, chat }) => {
    // Each on a connection of its own: while this process makes such a text, the server may close
    // one that is kept.
    const headers = { 'Content-Type': 'application/json', Connection: 'close' };
    const send = (bytes: number) =>
      post(
        `${phone.url}/api/chats/${ANNA}`,
        {
          media: {
            name: 'a.bin',
            type: 'video/mp4',
            base64: Buffer.alloc(bytes).toString('base64'),
          },
        },
        headers,
      );
    const limit = 16 * 1024 * 1024;
    expect((await send(limit)).status).toBe(200);
    for (const bytes of [limit + 1, limit + 1024 * 1024]) {
      const answer = await send(bytes);
      expect([answer.status, (await answer.json()).error]).toEqual([
        413,
        expect.stringMatching(/16 MB/),
      ]);
    }
    expect(chat.received).toHaveLength(1);
  }),
);

test('what the chat cannot send is refused with its sentence', () =>
  withPhone(async ({ phone, chat, errors }) => {
    chat.answer = new RangeError('This chat has no such message.');
    const answer = await post(`${phone.url}/api/chats/${ANNA}`, { text: 'a' });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: 'This chat has no such message.' },
    ]);
    expect(errors).toEqual([]);
  }));

test('what goes wrong inside is reported, and told without details', () =>
  withPhone(async ({ phone, chat, errors }) => {
    chat.answer = new Error('secret path');
    const answer = await post(`${phone.url}/api/chats/${ANNA}`, { text: 'a' });
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toMatch(/secret/);
    expect(errors).toEqual([chat.answer]);
  }));

test('another host name is refused, as after DNS rebinding', () =>
  withPhone(async ({ phone }) => {
    const status = await new Promise((resolve, reject) => {
      request(`${phone.url}/api/system`, { headers: { Host: 'evil.example' } }, (answer) =>
        resolve(answer.resume().statusCode),
      )
        .on('error', reject)
        .end();
    });
    expect(status).toBe(403);
  }));

test('the page comes as JavaScript without types and with a strict policy', () =>
  withPhone(async ({ phone }) => {
    const html = await fetch(phone.url);
    expect(html.headers.get('content-security-policy')).toMatch(/script-src 'self'/);
    const script = await fetch(`${phone.url}/page.ts`);
    expect(script.headers.get('content-type')).toMatch(/javascript/);
    expect(await script.text()).not.toMatch(/: void \{|import type \w/);
  }));

test('events reach every open stream, and stopping ends them', () =>
  withPhone(async ({ phone, chat, system }) => {
    const streams = await Promise.all([1, 2].map(() => fetch(`${phone.url}/api/events`)));
    const event: ChatEvent = { kind: 'typing', phone: ANNA, until: undefined };
    chat.emit(event);
    phone.announce({ ...system, vm: 'asleep' });
    await phone.stop();
    await phone.stop();
    for (const stream of streams) {
      const text = await stream.text().catch(() => '');
      expect(text).toContain(`data: ${JSON.stringify(event)}\n\n`);
      expect(text).toContain('"vm":"asleep"');
    }
    expect(chat.listeners).toBe(0);
  }));

test('a port that is taken is an error, and leaves nothing open', () =>
  withPhone(async ({ phone }) => {
    await expect(withPhone(async () => {}, Number(new URL(phone.url).port))).rejects.toThrow(
      /EADDRINUSE/,
    );
  }));
