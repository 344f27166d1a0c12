import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { createFastAgent } from '../../simulator/fast-agent.ts';
import type { PhoneInput } from '../../simulator/chat.ts';
import type { Prompt } from '../../worker/agent/agent.ts';
import { createFileReader } from '../../worker/reading/file-reader.ts';
import { createServiceTranscriber } from '../../worker/media/transcriber-service.ts';
import { toPrompt } from '../../worker/turn/format-prompt.ts';
import { noisePicture, plainPicture } from '../support/made-pictures.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline, WorkerChange } from '../support/pipeline.ts';
import { withTranscriptionService } from '../support/transcription-service.ts';
import { until } from '../support/until.ts';

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const voice = Buffer.from('OggS\0\x02 a voice in OpusHead', 'latin1');

type Bench = Pipeline & {
  /** What the agent was given, oldest first. */
  seen: Prompt[];
  send(bytes: Buffer, type: string, text?: string): Promise<unknown>;
  /** The texts of the replies, once there are so many. */
  answers(count: number): Promise<string[]>;
};

/** The pipeline with an agent that answers “seen” and keeps what it was given. */
async function withMedia(
  worker: WorkerChange,
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  await withPipeline({}, async (pipeline) => {
    const seen: Prompt[] = [];
    await pipeline.startWorker({
      createAgent: async () => {
        const agent = createFastAgent({
          dir: `${pipeline.dataDir}/transcripts`,
          answer: async () => 'seen',
        });
        return {
          ...agent,
          work: (turn) => agent.work({ ...turn, prompts: noting(turn.prompts, seen) }),
        };
      },
      ...worker,
    });
    await use({
      ...pipeline,
      seen,
      send(bytes, type, text) {
        const input: PhoneInput = {
          media: { name: 'file', type, base64: bytes.toString('base64') },
          ...(text === undefined ? {} : { text }),
        };
        return pipeline.twin.chat.receive(phone, input);
      },
      async answers(count) {
        await until(`${count} replies`, () => pipeline.replies().length >= count);
        return pipeline.replies().map((reply) => reply.text);
      },
    });
  });
}

async function* noting(prompts: AsyncIterable<Prompt>, seen: Prompt[]): AsyncIterable<Prompt> {
  for await (const prompt of prompts) {
    seen.push(prompt);
    yield prompt;
  }
}

test('a picture that a person sends reaches the agent as a picture and as a file; the credentials go to Twilio alone', async () => {
  await withMedia({}, async ({ send, answers, seen, twin }) => {
    await send(png, 'image/png', 'look at this');
    await answers(1);
    expect(seen[0]?.attachments).toEqual([
      { kind: 'picture', type: 'image/png', base64: png.toString('base64') },
    ]);
    const file = /it is at (\S+)\]/.exec(seen[0]?.text ?? '')?.[1];
    expect(await readFile(file ?? '')).toEqual(png);
    const fetches = twin.memory.mediaFetches.filter((fetched) => fetched.by === 'product');
    expect(fetches.map((fetched) => [fetched.status, fetched.authorized])).toEqual([
      [307, true],
      [200, false],
    ]);
  });
});

test(
  'a picture beyond the model’s limits is made to fit, and the file stays as it was',
  { tags: 'long' },
  async () => {
    await withMedia({}, async ({ send, answers, seen }) => {
      const photo = await noisePicture(2600, 2000).jpeg({ quality: 95 }).toBuffer();
      expect(photo.byteLength).toBeGreaterThan(4e6);
      await send(photo, 'image/jpeg', 'what is this?');
      await answers(1);
      const [picture] = seen[0]?.attachments ?? [];
      expect([picture?.kind, picture?.kind === 'picture' && picture.type]).toEqual([
        'picture',
        'image/jpeg',
      ]);
      expect(picture?.base64.length).toBeLessThan(5 * 1024 * 1024);
      // Compared as a whole: the matchers look at each of four million bytes.
      expect(
        (await readFile(/it is at (\S+)\]/.exec(seen[0]?.text ?? '')?.[1] ?? '')).equals(photo),
      ).toBe(true);
    });
  },
);

test(
  'a file that Twilio does not hand out does not hold the message up, and is told to the person when there is nothing else',
  { tags: 'long' },
  async () => {
    await withMedia({}, async ({ send, answers, seen, twin }) => {
      twin.faults.set('media-missing');
      await send(Buffer.from('%PDF-1.4'), 'application/pdf', 'look');
      expect(await answers(1)).toEqual(['seen']);
      expect(seen[0]?.text).toBe(
        'look\n[The person sent a file of type application/pdf, which could not be fetched: Twilio did not hand it out. Tell them so.]',
      );
      await send(png, 'image/png');
      expect((await answers(2))[1]).toBe(
        'I could not get the picture that you sent: Twilio did not hand it out. Please send it again.',
      );
      expect(seen).toHaveLength(1);
    });
  },
);

test('a voice message is written down by the service that is set up', async () => {
  await withTranscriptionService(async (service) => {
    service.answer = () => ({
      status: 200,
      body: JSON.stringify({ text: 'Look at the login page.' }),
    });
    await withMedia(
      {
        transcribe: createServiceTranscriber({
          url: service.url,
          model: 'whisper-1',
          apiKey: 'sk-key',
        }),
      },
      async ({ send, answers, seen }) => {
        await send(voice, 'audio/ogg');
        expect(await answers(1)).toEqual(['seen']);
        expect(seen[0]?.text).toMatch(
          /^\[Voice message, transcribed by a machine; the recording is at \/\S+\/inbox\/\S+\.ogg\] Look at the login page\.$/,
        );
        expect(service.asked).toMatchObject([
          {
            authorization: 'Bearer sk-key',
            model: 'whisper-1',
            file: { type: 'audio/ogg', bytes: voice },
          },
        ]);
        expect(service.asked[0]?.file.name).toMatch(/\.ogg$/);

        // It fails: the person hears why, and what comes after is answered.
        service.answer = () => ({ status: 429, body: '{}' });
        await send(voice, 'audio/ogg');
        expect((await answers(2))[1]).toBe(
          'I could not understand your voice message: the transcriber refused it (error 429). Please write it, or say it again.',
        );
        expect(seen).toHaveLength(1);
      },
    );
  });
});

test(
  'without a transcriber a voice message gets one sentence, asks nobody, and holds nothing up',
  { tags: 'long' },
  async () => {
    await withMedia({}, async ({ send, answers, seen, say, redis }) => {
      await send(voice, 'audio/ogg');
      await say('never mind');
      const texts = await answers(2);
      expect(texts).toEqual([
        'I cannot listen to voice messages yet: no transcriber is set up. Please write it.',
        'seen',
      ]);
      expect(seen.map((prompt) => prompt.text)).toEqual(['never mind']);
      expect(await redis.llen(`{sidepocket}:inbox:${phone}`)).toBe(0);
      // Music is a file like any other.
      await send(Buffer.from('ID3\x04 a song', 'latin1'), 'audio/mpeg');
      await answers(3);
      expect(seen[1]?.text).toMatch(
        /^\[The person sent a file of type audio\/mpeg; it is at \S+\.mp3\] \[It could not be written down: no transcriber is set up\.\]$/,
      );
    });
  },
);

test('contacts and places come as words', { tags: 'long' }, async () => {
  await withMedia({}, async ({ send, answers, seen, twin }) => {
    const card = (name: string, number: string): string =>
      `BEGIN:VCARD\r\nVERSION:3.0\r\nFN:${name}\r\nTEL;type=CELL:${number}\r\nEND:VCARD\r\n`;
    await send(Buffer.from(card('Ada Lovelace', '+44 20 7946 0000')), 'text/vcard');
    await answers(1);
    expect(seen[0]?.text).toMatch(
      /^\[The person shared a contact: Ada Lovelace, \+44 20 7946 0000 \(cell\); the card is at \S+\.vcf\]$/,
    );
    await send(Buffer.from(card('Ada', '1') + card('Bob', '2')), 'text/vcard');
    await answers(2);
    expect(seen[1]?.text).toMatch(
      /^\[The person shared 2 contacts, as cards at \S+\.vcf:\n- Ada, 1 \(cell\)\n- Bob, 2 \(cell\)\]$/,
    );
    await twin.chat.receive(phone, {
      location: { latitude: 51.5, longitude: -0.12, label: 'The Crown' },
    });
    await answers(3);
    expect(seen[2]?.text).toBe('[The person shared a location: The Crown, 51.5, -0.12]');
  });
});

test('what cannot be read is said, and what follows is answered', { tags: 'long' }, async () => {
  await withMedia({}, async ({ send, answers, seen }) => {
    const photo = await plainPicture(80, 80).jpeg().toBuffer();
    await send(Buffer.concat([photo.subarray(0, 3), Buffer.alloc(90)]), 'image/jpeg');
    expect(await answers(1)).toEqual([
      'I could not open the picture that you sent: it is broken. Please send it again.',
    ]);
    expect(seen).toEqual([]);
    // A PDF that a request could not hold stays a file.
    await send(Buffer.from('%PDF-1.4 cut off'), 'application/pdf', 'read it');
    await answers(2);
    expect(seen[0]).toMatchObject({
      text: expect.stringMatching(
        /^read it\n\[The person sent a file of type application\/pdf; it is at \S+\.pdf\] \[It is not shown to you here: read it with your tools\.\]$/,
      ),
    });
    expect(seen[0]?.attachments).toBeUndefined();
    // A program is what it is, whatever it claims.
    await send(Buffer.from('MZ\x90\0\x03', 'latin1'), 'application/pdf', 'and this');
    await answers(3);
    expect(seen[1]?.text).toMatch(/of type application\/octet-stream; it is at \S+\.bin\]$/);
  });
});

test('a message of a kind that does not reach us is answered by a sentence; what it quotes changes nothing', async () => {
  const empty = {
    id: `SM${'0'.repeat(32)}`,
    conversation: phone,
    at: new Date().toISOString(),
    text: ' ',
    media: [],
  };
  const reader = createFileReader({ log: createLog('test', 'silent') });
  const parts = {
    workspace: '/nowhere',
    home: {
      person: 'somebody',
      user: undefined,
      directory: '/nowhere',
      images: '/nowhere',
      temporary: '/nowhere',
    },
    reader,
    fetchMedia: async () => png,
    transcribe: undefined,
  };
  const signal = new AbortController().signal;
  expect(
    await toPrompt(
      empty,
      { ...parts, before: '[In reply to your message: “Here is the picture.”]' },
      signal,
    ),
  ).toEqual({ sentence: expect.stringContaining('Your message arrived empty.') });
  // The words by which it is decided whether a picture is wanted are the person's own.
  expect(
    await toPrompt(
      { ...empty, text: 'fix it' },
      { ...parts, before: '[In reply to your message: “Here is the picture.”]' },
      signal,
    ),
  ).toEqual({
    prompt: { id: empty.id, text: '[In reply to your message: “Here is the picture.”]\nfix it' },
    said: 'fix it',
    isSpoken: false,
  });
  // What was given up and is wanted again says so.
  expect(await toPrompt({ ...empty, text: 'fix it', again: true }, parts, signal)).toMatchObject({
    prompt: { text: 'fix it', isAskedAgain: true },
  });
});
