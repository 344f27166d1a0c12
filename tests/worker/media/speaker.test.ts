import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { prefix } from '../../../shared/store/redis/keys.ts';
import { parseWorkerConfig } from '../../../worker/config.ts';
import { createSpeaker } from '../../../worker/media/speaker.ts';
import { spokenText } from '../../../worker/media/speaking.ts';
import { createVoiceAnswers } from '../../../worker/reply/voice-answers.ts';
import type { TurnContext } from '../../../worker/turn/context.ts';
import { StopRequest } from '../../../worker/turn/stop.ts';
import { createFileStore } from '../../../shared/store/files.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { phone, withPipeline } from '../../support/pipeline.ts';
import { conversation, fence, message, reply, withStores } from '../../support/stores-bench.ts';
import { until } from '../../support/until.ts';

const never = new AbortController().signal;
const sound = Buffer.from('OggS\0\x02 a voice in OpusHead', 'latin1');
const media = { name: 'v.ogg', type: 'audio/ogg', base64: sound.toString('base64') };
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
  await expect(speak?.('Hello', never)).rejects.toThrow('the speaker refused it (error 401)');
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

test('a sound that the end of its worker has prevented is made by the next one, once', async () => {
  const environment = { STOP_SECONDS: '1' };
  await withPipeline({ environment }, async ({ startWorker, twin, say, replies, redis }) => {
    const answer = async (): Promise<string> => 'It is fine.';
    const transcribe = async (): Promise<string> => 'look at x';
    const spoken: string[] = [];
    const cutOff = (text: string, signal: AbortSignal): Promise<Buffer> =>
      new Promise((_, reject) => {
        spoken.push(text);
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    const first = await startWorker({ transcribe, answer, speak: cutOff });
    await twin.chat.receive(phone, { media });
    await until('it begins to speak', () => spoken.length === 1 && replies().length === 1);
    await first.stop();
    await startWorker({ transcribe, answer, speak: async () => sound });
    await until('the voice', () => replies().length === 2);
    await say('and again');
    await until('the next answer', () => replies().length === 3);
    const [text, voice] = [
      ['It is fine.', 0],
      ['', 1],
    ];
    expect(replies().map(({ text: said, media: files }) => [said, files.length])).toEqual([
      text,
      voice,
      text,
    ]);
    expect(await redis.hget(`${prefix}:conversation:${phone}`, 'unspoken')).toBe('');
  });
});

test('what is planned is spoken once its text is out, within ten minutes, and not after a stop', async () => {
  await withStores(async (redis, { outbox, conversations, intake }) => {
    await intake(message('1'));
    await redis.set(fence.lock, fence.token);
    const log = createLog('test', 'silent');
    const context = { turn: 'T', conversation, fence, log } as TurnContext;
    let spoken: string[] = [];
    /** The voice of a run that begins now, and all that was made by it before it ended. */
    const run = async (
      use: (voice: ReturnType<typeof createVoiceAnswers>) => Promise<void>,
      { at = 0, signal = never } = {},
    ): Promise<string[]> => {
      spoken = [];
      const parts = {
        outbox,
        conversations,
        files: createFileStore(redis),
        speak: async (text: string) => {
          spoken.push(text);
          signal.throwIfAborted();
          return sound;
        },
      };
      const kept = await conversations.read(conversation);
      await use(createVoiceAnswers(parts, context, kept, signal, () => at));
      return spoken;
    };
    const put = (answer: string) => outbox.put([reply(`${answer}.1`)], fence);
    const resume = async (voice: ReturnType<typeof createVoiceAnswers>): Promise<void> => {
      await voice.resume();
      await voice.finish();
    };
    // It ends before the text is put, then behind it.
    expect(await run((voice) => voice.plan('a', '*Hello*'))).toEqual([]);
    expect(await run(resume)).toEqual([]);
    await put('a');
    expect(await run(resume, { at: 599_999 })).toEqual(['Hello']);
    expect(await run(resume)).toEqual([]);
    // What is found in the transcript is spoken if it was planned.
    await run((voice) => voice.plan('b', 'Hello b'));
    await put('b');
    const begin = async (voice: ReturnType<typeof createVoiceAnswers>): Promise<void> => {
      for (const answer of ['b', 'unplanned']) voice.begin(answer);
      await voice.finish();
    };
    expect(await run(begin)).toEqual(['Hello b']);
    // The end of the turn leaves it, a stop withdraws it, and so does the time.
    await run((voice) => voice.plan('c', 'Hello c'));
    await put('c');
    const ended = AbortSignal.abort(new Error('the worker stops'));
    await expect(run(resume, { signal: ended })).rejects.toThrow('the worker stops');
    const stopped = AbortSignal.abort(new StopRequest(message('2'), false));
    await expect(run(resume, { signal: stopped })).rejects.toThrow('the person said stop');
    expect(await run(resume)).toEqual([]);
    for (const answer of ['d', 'e']) {
      await run((voice) => voice.plan(answer, `Hello ${answer}`));
      if (answer === 'd') await put(answer);
    }
    expect(await run(resume, { at: 600_000 })).toEqual([]);
    expect((await conversations.read(conversation)).unspoken).toBeUndefined();
    expect(await outbox.has('a.spoken')).toBe(true);
    expect(await redis.llen(`${prefix}:outbox:${conversation}`)).toBe(6);
  });
});
