import { expect, test } from 'vitest';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import type { PhoneInput } from '../../simulator/chat.ts';
import { createTranscriber } from '../../worker/media/transcriber.ts';
import { plainPicture } from '../support/made-pictures.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { said, texts, withStory } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import { withTranscriptionService } from '../support/transcription-service.ts';
import { until } from '../support/until.ts';

/**
 * Reads a file that it is told the path of, and repeats what else it is told of what somebody
 * shared or said.
 */
const reader: Story = {
  matches: (asked) =>
    /^\[(?:Voice message|The person shared|The person sent a file of type text\/csv)/.test(asked),
  next({ results }, asked) {
    const file = /it is at (\S+\.csv)\]/.exec(asked)?.[1];
    if (file === undefined) return text(`I know: ${asked}`);
    return results[0]
      ? text(`It says: ${results[0].text}`)
      : callTool('Bash', { command: `cat ${file}`, description: 'Read the file' });
  },
};

const voice = Buffer.from('OggS\0\x02 a voice in OpusHead', 'latin1');
const contact =
  'BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada Lovelace\r\nTEL;type=CELL:+44 20 7946 0000\r\nEND:VCARD\r\n';
const pdf =
  '%PDF-1.4\n2 0 obj\n<< /Type /Pages /Count 1 >>\nendobj\n3 0 obj\n<< /Type /Page /Parent 2 0 R >>\nendobj\ntrailer\n<< /Root 1 0 R >>\nstartxref\n9\n%%EOF\n';

const send = (
  bench: Pipeline,
  type: string,
  content: Buffer | string,
  words?: string,
): Promise<unknown> => {
  const input: PhoneInput = {
    media: { name: 'file', type, base64: Buffer.from(content).toString('base64') },
    ...(words === undefined ? {} : { text: words }),
  };
  return bench.twin.chat.receive(phone, input);
};

/** What of the last message the model was given to look at. */
const shown = ({ model }: StoryBench): unknown =>
  model.requests.findLast(({ kind }) => kind === 'turn')?.view.media;

/** What a newcomer without a key may send: the scripted model says of each kind that it came. */
async function tryScriptedModel(bench: StoryBench): Promise<void> {
  await send(bench, 'application/zip', 'PK\u0003\u0004 an archive', 'what is in it?');
  await said(bench, 'I received 1 archive.');
  const sticker = await plainPicture(20, 20).webp().toBuffer();
  await send(bench, 'image/webp', sticker);
  await said(bench, 'I received 1 sticker.');
}

test(
  'Claude sees pictures and PDFs, reads voice messages, contacts and places, and finds other files at their path; what is broken holds nothing up',
  { tags: 'long' },
  async () => {
    await withTranscriptionService(async (service) => {
      service.answer = () => ({
        status: 200,
        body: JSON.stringify({ text: 'Look at the login page.' }),
      });
      const transcribe = createTranscriber(
        { TRANSCRIBE_URL: service.url, TRANSCRIBE_MODEL: 'whisper-1' },
        {},
      );
      await withStory({ stories: [reader], worker: { transcribe } }, async (bench) => {
        await tryScriptedModel(bench);
        await send(bench, 'audio/ogg', voice);
        expect((await said(bench, 'I know: [Voice message')).text).toMatch(
          /\/inbox\/\S+\.ogg\] Look at the login page\.$/,
        );

        await send(
          bench,
          'image/png',
          await plainPicture(40, 30).png().toBuffer(),
          'what is this?',
        );
        await said(bench, 'I received 1 picture.');
        expect(shown(bench)).toEqual({ images: 1, documents: 0 });
        await send(bench, 'application/pdf', pdf, 'and this?');
        await said(bench, 'I received 1 document.');
        expect(shown(bench)).toEqual({ images: 0, documents: 1 });

        await send(bench, 'text/csv', 'name,price\nbread,3\n');
        expect((await said(bench, 'It says:')).text).toBe('It says: name,price\nbread,3');
        await send(bench, 'text/vcard', contact);
        await said(bench, 'contact: Ada Lovelace, +44 20 7946 0000 (cell)');
        await bench.twin.chat.receive(phone, {
          location: { latitude: 51.5, longitude: -0.12, label: 'The Crown' },
        });
        await said(bench, 'location: The Crown, 51.5, -0.12');

        await send(bench, 'image/jpeg', Buffer.from([0xff, 0xd8, 0xff, 0, 0, 0]));
        await bench.say('say I go on');
        await said(bench, 'I go on');
        expect(texts(bench).slice(-2)).toEqual([
          'I could not open the picture that you sent: it is broken. Please send it again.',
          'I go on',
        ]);
      });
    });
  },
);

test(
  'without a transcriber a voice message gets one clear sentence, and what follows is heard',
  { tags: 'long' },
  async () => {
    await withPipeline({}, async (bench) => {
      const asked: string[] = [];
      await bench.startWorker({ answer: async (words) => (asked.push(words), words) });
      await send(bench, 'audio/ogg', voice);
      await bench.say('/schedules');
      await until('both answers', () => texts(bench).length === 2);
      expect(texts(bench).toSorted()).toEqual([
        'I cannot listen to voice messages yet: no transcriber is set up. Please write it.',
        expect.stringContaining('Nothing is scheduled.'),
      ]);
      expect(asked).toEqual([]);
    });
  },
);
