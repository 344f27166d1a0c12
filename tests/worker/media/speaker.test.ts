import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { prefix } from '../../../shared/store/redis/keys.ts';
import { parseWorkerConfig } from '../../../worker/config.ts';
import { createSpeaker } from '../../../worker/media/speaker.ts';
import { spokenText } from '../../../worker/media/speaking.ts';
import { phone, withPipeline } from '../../support/pipeline.ts';
import { until } from '../../support/until.ts';

const never = new AbortController().signal;
const sound = Buffer.from('OggS\0\x02 a voice in OpusHead', 'latin1');
const usual = { SPEAK_MODEL: 'tts-1', SPEAK_VOICE: 'alloy' };

/** A service that speaks OpenAI's protocol of speech; `status` and `bytes` are its next answers. */
async function runService() {
  const asked: { path: string; key: string | undefined; body: unknown }[] = [];
  const answer = { status: 200, bytes: sound };
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { url = '', headers } = request;
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
      asked.push({ path: url, key: headers.authorization, body });
      response.writeHead(answer.status).end(answer.bytes);
    })();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked, answer };
}

test('what is spoken has no marks, code or addresses; what is too long or nothing else is not spoken', () => {
  const text =
    '*Done.* I changed `a_b.ts`:\n```\ncode\n```\n- one\n2. _two_\nhttps://x.y/z?q=1 5 * 4';
  expect(spokenText(text)).toBe('Done. I changed a_b.ts:\none\ntwo\n5 * 4');
  expect(
    ['', '```\ncode\n```', 'https://x.y', '🎉', `${'word '.repeat(401)}`].map(spokenText),
  ).toEqual(Array.from({ length: 5 }));
});

test('a service is asked for Opus, and what it does wrong is said in a plain clause', async () => {
  const { url, asked, answer } = await runService();
  const speak = createSpeaker({ ...usual, SPEAK_URL: url, SPEAK_API_KEY: 'sk-key' }, {});
  expect(await speak?.('Hello', never)).toEqual(sound);
  const body = { model: 'tts-1', voice: 'alloy', input: 'Hello', response_format: 'opus' };
  expect(asked).toEqual([{ path: '/v1/audio/speech', key: 'Bearer sk-key', body }]);
  answer.bytes = Buffer.from('ID3 an mp3');
  await expect(speak?.('Hello', never)).rejects.toThrow('the speaker’s answer is not Opus in Ogg');
  answer.bytes = Buffer.concat([sound, Buffer.alloc(40 * 1024 * 1024)]);
  await expect(speak?.('Hello', never)).rejects.toThrow('the speaker’s answer is too large');
  answer.status = 401;
  await expect(speak?.('Hello', never)).rejects.toThrow('the speaker refused it (HTTP 401)');
  const away = createSpeaker({ ...usual, SPEAK_URL: 'http://127.0.0.1:9' }, {});
  await expect(away?.('Hello', never)).rejects.toThrow('the speaker cannot be reached');
  expect(createSpeaker(usual, {})).toBeUndefined();
});

test('a command reads the text and writes the sound, without the worker’s secrets', async () => {
  const host = { PATH: process.env['PATH'], SPEAK_API_KEY: 'secret' };
  const command = `sh -c 'printf "OggS OpusHead %s %s" "$(cat)" "$SPEAK_API_KEY"'`;
  const speak = createSpeaker({ ...usual, SPEAK_COMMAND: command }, host);
  expect((await speak?.('Hello', never))?.toString()).toBe('OggS OpusHead Hello ');
  const broken = createSpeaker({ ...usual, SPEAK_COMMAND: 'false' }, host);
  await expect(broken?.('Hello', never)).rejects.toThrow('the speaker failed');
  const both = { SPEAK_URL: 'https://x.y', SPEAK_COMMAND: 'say' };
  expect(() => parseWorkerConfig(both)).toThrow('SPEAK_COMMAND: cannot be set together with');
});

test('a voice message is answered by text, then by voice; a written one by text alone, and so is one whose speaker fails', async () => {
  const { url, asked, answer } = await runService();
  const speak = createSpeaker({ ...usual, SPEAK_URL: url }, {});
  await withPipeline({}, async ({ startWorker, twin, say, replies, redis }) => {
    await startWorker({
      transcribe: async () => 'look at x',
      speak,
      answer: async () => 'It is *fine*.',
    });
    const media = { name: 'v.ogg', type: 'audio/ogg', base64: sound.toString('base64') };
    await say('look at x');
    await until('the first answer', () => replies().length === 1);
    await twin.chat.receive(phone, { media });
    await until('the voice', () => replies().length === 3);
    answer.status = 500;
    await twin.chat.receive(phone, { media });
    await until('the failed attempt', () => asked.length === 2);
    await say('and again');
    await until('the last answer', () => replies().length === 5);
    expect(await redis.zcard(`${prefix}:turns:failed`)).toBe(0);
    const fine = ['It is _fine_.', []];
    expect(
      replies().map(({ text, media: files }) => [text, files.map(({ type }) => type)]),
    ).toEqual([fine, fine, ['', ['audio/ogg']], fine, fine]);
    expect(asked[0]?.body).toMatchObject({ input: 'It is fine.' });
  });
});
