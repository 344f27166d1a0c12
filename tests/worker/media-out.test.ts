import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { AgentTurn } from '../../worker/agent/agent.ts';
import { movingPicture, noisePicture, plainPicture } from '../support/made-pictures.ts';
import { withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

/** Sends files as the agent does. */
type Bench = Pipeline & {
  /**
   * Sends a file that becomes `count` messages, and returns what the model was told and what the
   * phone got once everything is delivered.
   */
  send(
    count: number,
    name: string,
    bytes: Buffer,
    caption?: string,
  ): Promise<{ told: string; got: { text: string; media: string[] }[] }>;
};

async function withSending(use: (bench: Bench) => Promise<void>): Promise<void> {
  await withPipeline({}, async (pipeline) => {
    let wish: { name: string; bytes: Buffer; caption: string | undefined } | undefined;
    let told = '';
    const answer = async (_text: string, turn: AgentTurn): Promise<string> => {
      if (!wish) return 'nothing';
      const { name, bytes, caption } = wish;
      await mkdir(turn.workspace, { recursive: true });
      await writeFile(path.join(turn.workspace, name), bytes);
      told = await turn.tools.sendFile({ path: name, caption });
      return 'the end';
    };
    await pipeline.startWorker({ answer });
    await use({
      ...pipeline,
      async send(count, name, bytes, caption) {
        wish = { name, bytes, caption };
        const before = pipeline.replies().length;
        await pipeline.say(`send ${name}`);
        // A picture is on the phone later than a text that was sent after it, but before it in the
        // chat.
        const news = () => pipeline.replies().slice(before);
        await until(
          'the end',
          () =>
            news().at(-1)?.text === 'the end' &&
            news().length >= count + 1 &&
            news().every(({ status }) => status === 'delivered'),
        );
        const replies = news().slice(0, -1);
        const got = replies.map(({ text, media }) => ({
          text,
          media: media.map((file) => `${file.name} ${file.type}`),
        }));
        return { told, got };
      },
    });
  });
}

/** The bytes behind the address in a text. */
async function behind(text: string): Promise<{ type: string | null; bytes: Buffer }> {
  const response = await fetch(/https?:\/\/\S+/.exec(text)?.[0] ?? '');
  expect(response.status).toBe(200);
  return {
    type: response.headers.get('content-type'),
    bytes: Buffer.from(await response.arrayBuffer()),
  };
}

test(
  'pictures are made to fit, cut when they are too long, and lead to the original where they cannot show it',
  { tags: 'long' },
  async () => {
    await withSending(async ({ send, twin, replies }) => {
      expect(
        await send(
          1,
          'photo.png',
          await noisePicture(1900, 1400).png().toBuffer(),
          'The **noise**',
        ),
      ).toEqual({ told: 'Sent.', got: [{ text: 'The *noise*', media: ['photo.jpg image/jpeg'] }] });
      const size = replies().find(({ media }) => media.length > 0)?.media[0]?.size ?? 0;
      expect(size).toBeGreaterThan(0);
      expect(size).toBeLessThan(5 * 1024 * 1024);

      expect(
        await send(3, 'page.png', await plainPicture(1280, 9000).png().toBuffer(), 'The page'),
      ).toEqual({
        told: 'Sent as 3 pictures, one after the other, since it is too long to be read in one.',
        got: [
          { text: 'The page\n1 of 3', media: ['page-1.png image/png'] },
          { text: '2 of 3', media: ['page-2.png image/png'] },
          { text: '3 of 3', media: ['page-3.png image/png'] },
        ],
      });

      const endless = await plainPicture(300, 20_000).png().toBuffer();
      const { told, got } = await send(3, 'endless.png', endless);
      expect(told).toContain('its beginning as a picture and the whole as a link');
      expect(got.map(({ text }) => text.replace(/http\S+/, 'ADDRESS'))).toEqual([
        '1 of 3\nThe whole: ADDRESS',
        '2 of 3',
        '3 of 3',
      ]);
      expect((await behind(got[0]?.text ?? '')).bytes.equals(endless)).toBe(true);

      const gif = await movingPicture(200, 100);
      const moving = await send(1, 'cat.gif', gif, 'A cat');
      expect(moving.told).toContain('still picture with a link');
      expect(moving.got).toEqual([
        { text: expect.stringMatching(/^A cat\nMoving: http\S+$/), media: ['cat.png image/png'] },
      ]);
      expect(await behind(moving.got[0]?.text ?? '')).toEqual({ type: 'image/gif', bytes: gif });
      expect(
        twin.memory.mediaFetches.filter(({ by, status }) => by === 'twin' && status !== 200),
      ).toEqual([]);
    });
  },
);

test('the same picture does not go twice, and what cannot be used is told to the model alone', async () => {
  await withPipeline({}, async (pipeline) => {
    const told: string[] = [];
    const photo = await noisePicture(300, 200).jpeg().toBuffer();
    const answer = async (_text: string, { workspace, tools }: AgentTurn): Promise<string> => {
      await mkdir(workspace, { recursive: true });
      await writeFile(path.join(workspace, 'a.jpg'), photo);
      await writeFile(path.join(workspace, 'copy.jpg'), photo);
      await writeFile(path.join(workspace, 'broken.jpg'), photo.subarray(0, 2000));
      await writeFile(path.join(workspace, 'empty.png'), '');
      for (const file of ['a.jpg', 'copy.jpg', 'broken.jpg', 'empty.png', 'none.png', '.'])
        told.push(await tools.sendFile({ path: file }));
      return 'the end';
    };
    await pipeline.startWorker({ answer });
    await pipeline.say('send');
    await until('picture and end', () => pipeline.replies().length === 2);
    expect(told.map((words) => words.replace(/\/\S+/, 'PATH'))).toEqual([
      'Sent.',
      'That file was sent already.',
      'That picture was not sent: it is broken.',
      'That file is empty, so it was not sent.',
      'There is no file at PATH',
      'There is no file at PATH',
    ]);
    expect(pipeline.replies().map(({ media }) => media.length)).toEqual([1, 0]);
  });
});

test(
  'what WhatsApp does not carry goes as a link, up to 32 MB; a caption that has no place under a file goes before it',
  { tags: 'long' },
  async () => {
    await withSending(async ({ send }) => {
      const link = await send(1, 'notes.md', Buffer.from('# größer'), 'My notes');
      expect(link).toEqual({
        told: 'Sent as a link that works for a day, since WhatsApp does not carry this kind of file.',
        got: [{ text: expect.stringMatching(/^My notes\nnotes\.md: http\S+$/), media: [] }],
      });
      expect(await behind(link.got[0]?.text ?? '')).toEqual({
        type: 'text/plain; charset=utf-8',
        bytes: Buffer.from('# größer'),
      });

      expect((await send(2, 'report.pdf', Buffer.from('%PDF-1.7 …'), 'The report')).got).toEqual([
        { text: 'The report', media: [] },
        { text: '', media: ['report.pdf application/pdf'] },
      ]);

      const large = Buffer.concat([Buffer.from('%PDF-1.7'), Buffer.alloc(20 * 1024 * 1024, 1)]);
      const heavy = await send(1, 'large.pdf', large);
      expect(heavy.told).toBe(
        'Sent as a link that works for a day, since WhatsApp takes 16 MB at most.',
      );
      expect((await behind(heavy.got[0]?.text ?? '')).bytes.equals(large)).toBe(true);

      expect(await send(0, 'huge.bin', Buffer.alloc(33 * 1024 * 1024))).toEqual({
        told: 'That file has more than 32 MB, which cannot be sent, not even as a link: make it smaller or split it.',
        got: [],
      });
    });
  },
);

test('a long caption loses nothing', async () => {
  await withSending(async ({ send }) => {
    const caption = Array.from({ length: 300 }, (_, index) => `word${index}`).join(' ');
    const { got } = await send(
      3,
      'a.png',
      await sharp({ create: { width: 20, height: 20, channels: 3, background: '#ffffff' } })
        .png()
        .toBuffer(),
      caption,
    );
    expect(got.at(-1)).toEqual({ text: '', media: ['a.png image/png'] });
    expect(
      got
        .map(({ text }) => text)
        .join(' ')
        .trim()
        .split(/\s+/),
    ).toEqual(caption.split(' '));
  });
});
