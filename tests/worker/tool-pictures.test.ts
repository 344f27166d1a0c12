import sharp from 'sharp';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { createToolPictures } from '../../worker/agent/claude/tool-pictures.ts';
import { createFileReader } from '../../worker/reading/file-reader.ts';
import { drawingSeconds, endlessDrawing } from '../support/hostile-files.ts';
import { pixelOf, stripes } from '../support/made-pictures.ts';

type Block = { type: string; text?: string; data?: string };

test(
  'a long page is shown to the model in parts that it can read, and what cannot be opened is a sentence',
  { tags: 'long' },
  async () => {
    const reader = createFileReader({
      log: createLog('test', 'silent'),
      processorSeconds: drawingSeconds,
    });
    const slow = createFileReader({ log: createLog('test', 'silent') });
    const tool = 'browser_take_screenshot';
    const signal = new AbortController().signal;
    const small = (
      await sharp({ create: { width: 30, height: 20, channels: 3, background: 'red' } })
        .png()
        .toBuffer()
    ).toString('base64');
    const show = async (content: Block[], from = slow): Promise<Block[]> =>
      (await createToolPictures(from)({ content }, tool, signal))['content'] as Block[];
    try {
      const file = '/data/images/page.png';
      const line = { type: 'text', text: `- [Screenshot of full page](${file})` };
      const page = await (
        await stripes(1280, 22_000, ['#ff0000', '#00ff00', '#0000ff', '#ffffff'])
      )
        .png()
        .toBuffer();
      const [said, order, ...parts] = await show([
        line,
        { type: 'image', data: page.toString('base64'), mimeType: 'image/png' } as Block,
      ]);
      expect(said).toEqual(line);
      expect(order?.text).toBe(
        `[The picture is shown in 6 parts, one after the other. It is at ${file}.]`,
      );
      const bytes = parts.map(({ data = '' }) => Buffer.from(data, 'base64'));
      const sizes = await Promise.all(bytes.map(async (part) => await sharp(part).metadata()));
      for (const { width, height } of sizes)
        expect([width >= 640, height <= 2000]).toEqual([true, true]);
      const [first, last] = [bytes[0] ?? Buffer.alloc(0), bytes.at(-1) ?? Buffer.alloc(0)];
      expect([await pixelOf(first, 300, 5), await pixelOf(last, 300, 1900)]).toEqual([
        [255, 0, 0],
        [255, 255, 255],
      ]);

      // One that the model can see goes as it is.
      expect(
        await show([{ type: 'image', data: small, mimeType: 'image/png' } as Block]),
      ).toMatchObject([{ type: 'image', data: small }]);
      // Hostile ones.
      const hostile = {
        type: 'image',
        data: endlessDrawing.toString('base64'),
        mimeType: 'image/png',
      } as Block;
      expect(await show([{ type: 'text', text: 'Here.' }, hostile], reader)).toEqual([
        { type: 'text', text: 'Here.' },
        {
          type: 'text',
          text: '[The picture cannot be shown to you: it takes too long to unpack.]',
        },
      ]);
      expect(await show([{ type: 'image', data: 'AAAA', mimeType: 'image/png' } as Block])).toEqual(
        [{ type: 'text', text: '[The picture cannot be shown to you: it is broken.]' }],
      );
    } finally {
      await Promise.all([reader.stop(), slow.stop()]);
    }
  },
);
