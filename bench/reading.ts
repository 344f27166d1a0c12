import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { toModelPicture } from '../worker/media/model-picture.ts';
import { createFileReader } from '../worker/reading/file-reader.ts';
import type { Section } from './section.ts';
import { formatRatio, formatSpread, medianRatio } from './statistics.ts';

const mostRatio = 1.6;

/**
 * A photo of 2048×1536 pixels and about 2.4 MB: noise of a coarse grain, as fine as a camera's
 * picture.
 */
async function makePhoto(): Promise<Buffer> {
  const [width, height] = [512, 384];
  return await sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } })
    .resize(2048, 1536)
    .jpeg({ quality: 97 })
    .toBuffer();
}

export const readingSection: Section = {
  name: 'reading',
  title: 'A photo from a person',
  method:
    'A JPEG of 2048×1536 pixels is made ready for Claude: by a short-lived process that waits for it, as the worker does it, and in the process itself, in turn. ' +
    'The cold process has to be started first.',
  async run({ rounds, log, signal }) {
    const photo = await makePhoto();
    const reader = createFileReader({ log });
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      const begun = performance.now();
      await work();
      return performance.now() - begun;
    };
    const [ours, peer, cold]: [number[], number[], number[]] = [[], [], []];
    try {
      await toModelPicture(photo, 'image/jpeg');
      for (let round = 0; round < Math.max(rounds, 3); round += 1) {
        const fresh = createFileReader({ log });
        cold.push(await timed(() => fresh.receive(photo, 'image/jpeg', signal)));
        await fresh.stop();
        await reader.warm();
        ours.push(await timed(() => reader.receive(photo, 'image/jpeg', signal)));
        await reader.warm();
        peer.push(await timed(() => toModelPicture(photo, 'image/jpeg')));
      }
    } finally {
      await reader.stop();
    }
    const held = medianRatio(ours, peer) <= mostRatio;
    return {
      rows: [
        {
          what: `a photo of ${(photo.byteLength / 1e6).toFixed(1)} MB`,
          ours: formatSpread(ours, 'ms'),
          peer: `in process ${formatSpread(peer, 'ms')}`,
          ratio: formatRatio(ours, peer),
          target: `≤ ${mostRatio}×`,
          held,
        },
        {
          what: 'the same by a cold process',
          ours: formatSpread(cold, 'ms'),
          ratio: formatRatio(cold, peer),
        },
      ],
      notes: ['The process that waits holds some 65 MB.'],
    };
  },
};
