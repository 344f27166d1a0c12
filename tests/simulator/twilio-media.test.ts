import { expect, test } from 'vitest';
import {
  ACCOUNT,
  FROM,
  PHONE,
  TO,
  TOKEN,
  withTwilio,
  type Received,
} from '../support/twilio-bench.ts';
import { ReplyPrinter } from '../../simulator/phone/reply-printer.ts';
import { until } from '../support/until.ts';
import type { ServerResponse } from 'node:http';

const png = Buffer.from('89504e470d0a1a0a0102', 'hex');
const upload = { name: 'my shot.png', type: 'image/png', base64: png.toString('base64') };
const authorization = `Basic ${Buffer.from(`${ACCOUNT}:${TOKEN}`).toString('base64')}`;

test('inbound media needs credentials, redirects, and the second address refuses them', async () => {
  await withTwilio({}, async ({ twin, client, receiver }) => {
    const { sid } = await twin.chat.receive(PHONE, { media: upload });
    const url = receiver.received[0]?.params['MediaUrl0'] ?? '';
    expect((await fetch(url)).status).toBe(401);
    const redirect = await fetch(url, { headers: { authorization }, redirect: 'manual' });
    expect(redirect.status).toBe(307);
    const location = redirect.headers.get('location') ?? '';
    expect(location).toContain(`${twin.url}/cdn/`);
    const file = await fetch(location);
    expect(file.headers.get('content-type')).toBe('image/png');
    expect(Buffer.from(await file.arrayBuffer())).toEqual(png);
    expect((await fetch(location, { headers: { authorization } })).status).toBe(400);
    expect((await fetch(location.replace(/Signature=..../, 'Signature=0000'))).status).toBe(403);
    const downloads = twin.memory.mediaFetches.map(({ by, status, authorized }) => [
      by,
      status,
      authorized,
    ]);
    expect(downloads).toEqual([
      ['product', 307, true],
      ['product', 200, false],
      ['product', 400, true],
      ['product', 403, false],
    ]);

    const [media] = await client.messages(sid).media.list();
    expect(media).toMatchObject({ contentType: 'image/png', parentSid: sid });
    expect(
      await client
        .messages(sid)
        .media(media?.sid ?? '')
        .fetch(),
    ).toMatchObject({ sid: media?.sid });
    expect(
      await client
        .messages(sid)
        .media(media?.sid ?? '')
        .remove(),
    ).toBe(true);
    expect((await fetch(url, { headers: { authorization } })).status).toBe(404);
    expect((await fetch(location)).status).toBe(404);
    const kept = twin.chat.message(sid)?.media[0];
    expect(kept).toMatchObject({ name: 'my shot.png', type: 'image/png', size: png.length });
    expect((await fetch(kept?.url ?? '')).status).toBe(200);
    expect((await fetch(`${twin.url}/phone-media/SM1/0`)).status).toBe(404);
    twin.faults.set('media-missing', { times: 1 });
    const second = await twin.chat.receive(PHONE, { media: upload });
    expect(second.status).toBe(200);
    const fresh = receiver.received[1]?.params['MediaUrl0'] ?? '';
    expect((await fetch(fresh, { headers: { authorization } })).status).toBe(404);
    expect((await fetch(fresh, { headers: { authorization }, redirect: 'manual' })).status).toBe(
      307,
    );
  });
});

/**
 * Files a product might offer, by path; each is served to HEAD and GET alike unless it says
 * otherwise.
 */
const FILES: Record<string, { type: string; bytes: Buffer; getType?: string; status?: number }> = {
  '/media/good.png': { type: 'image/png', bytes: png },
  '/media/empty.png': { type: 'image/png', bytes: Buffer.alloc(0) },
  '/media/liar.png': { type: 'image/png', bytes: Buffer.from('GIF89a') },
  '/media/page.html': { type: 'text/html', bytes: Buffer.from('<p>') },
  '/media/fickle.png': { type: 'image/png', getType: 'image/jpeg', bytes: png },
  '/media/huge.png': {
    type: 'image/png',
    bytes: Buffer.concat([png, Buffer.alloc(5 * 1024 * 1024)]),
  },
  '/media/gone.png': { type: 'image/png', bytes: png, status: 404 },
  '/media/report.pdf': { type: 'application/pdf', bytes: Buffer.from('%PDF-1.7 …') },
};

function serve({ method, path }: Received, res: ServerResponse): boolean {
  const file = FILES[path];
  if (file === undefined) return false;
  const type = method === 'GET' ? (file.getType ?? file.type) : file.type;
  res.writeHead(file.status ?? 200, { 'content-type': type, 'content-length': file.bytes.length });
  res.end(method === 'GET' ? file.bytes : undefined);
  return true;
}

test('outbound media is fetched with HEAD and GET, kept for the phone, and bad media fails by callback', async () => {
  await withTwilio({}, async ({ twin, client, receiver }) => {
    receiver.answer = serve;
    await twin.chat.receive(PHONE, { text: 'hello' });
    const send = async (path: string) => {
      const mediaUrl = [receiver.url + path];
      const { sid, numMedia } = await client.messages.create({
        from: FROM,
        to: TO,
        body: 'caption',
        mediaUrl,
      });
      expect([sid.slice(0, 2), numMedia]).toEqual(['MM', '1']);
      return until(path, () => {
        const message = twin.chat.message(sid);
        return message !== undefined && ['delivered', 'failed'].includes(message.status) && message;
      });
    };
    const picture = await send('/media/good.png');
    expect(picture).toMatchObject({ status: 'delivered', text: 'caption' });
    expect(picture.media).toMatchObject([
      { type: 'image/png', name: 'good.png', size: png.length },
    ]);
    const fetches = receiver.received.filter(({ path }) => path === '/media/good.png');
    expect(fetches.map(({ method }) => method)).toEqual(['HEAD', 'GET']);
    const shown = await fetch(picture.media[0]?.url ?? '');
    expect(shown.headers.get('x-content-type-options')).toBe('nosniff');
    expect(Buffer.from(await shown.arrayBuffer())).toEqual(png);
    expect(await send('/media/report.pdf')).toMatchObject({
      status: 'delivered',
      text: '',
      media: [{ name: 'report.pdf' }],
    });
    const failures = { empty: 63_019, gone: 63_019, liar: 63_021, fickle: 63_021, huge: 63_034 };
    for (const [name, errorCode] of Object.entries(failures)) {
      const failed = { name, ...(await send(`/media/${name}.png`)) };
      expect(failed).toMatchObject({ name, status: 'failed', errorCode, media: [] });
    }
    expect(await send('/media/page.html')).toMatchObject({ errorCode: 63_021 });
    const { sid } = await client.messages.create({
      from: FROM,
      to: TO,
      mediaUrl: ['http://127.0.0.1:9/x.png'],
    });
    const callback = await until('the callback', () =>
      receiver.received.find(({ params }) => params['MessageSid'] === sid),
    );
    expect(callback.params).toMatchObject({ MessageStatus: 'failed', ErrorCode: '63019' });
    expect(twin.memory.mediaFetches.at(-1)).toMatchObject({
      by: 'twin',
      method: 'HEAD',
      status: 0,
    });
  });
});

test('a picture that takes its time keeps its place before the text that was sent after it, in the terminal, too', async () => {
  await withTwilio({}, async ({ twin, client, receiver }) => {
    let release = (): void => undefined;
    receiver.answer = ({ path }, response) => {
      if (path !== '/slow.png') return false;
      response.setHeader('Content-Type', 'image/png');
      release = () => void response.end(png);
      return true;
    };
    await twin.chat.receive(PHONE, { text: 'show me' });
    const before = twin.chat.messages(PHONE, true);
    const lines: string[] = [];
    const printer = new ReplyPrinter(before, (line) => lines.push(line));
    const send = { from: FROM, to: TO };
    await client.messages.create({ ...send, mediaUrl: [`${receiver.url}/slow.png`] });
    await client.messages.create({ ...send, body: 'Here it is.' });
    await until('the text', () => twin.chat.messages(PHONE).some(({ text }) => text !== 'show me'));
    expect(printer.show(twin.chat.messages(PHONE, true))).toEqual({ printed: 0, isBehind: true });
    await until('the fetch', () => (release(), twin.chat.messages(PHONE).length === 3));
    await until('the end', () => !printer.show(twin.chat.messages(PHONE, true)).isBehind);
    expect(lines).toEqual([expect.stringContaining('/phone-media/'), 'Here it is.']);
  });
});
