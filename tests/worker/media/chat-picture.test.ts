import sharp from 'sharp';
import { expect, test } from 'vitest';
import { toChatPicture } from '../../../worker/media/chat-picture.ts';
import { planCuts } from '../../../worker/media/picture-cuts.ts';
import { PictureProblem } from '../../../worker/media/picture.ts';
import {
  bitmapPicture,
  movingPicture,
  noisePicture,
  pixelOf,
  plainPicture,
  stripes,
} from '../../support/made-pictures.ts';

const limit = 5 * 1024 * 1024;

/** What the chat gets: type, size in pixels and what is lost. */
async function fitted(bytes: Buffer, type: string) {
  const { parts, lost } = await toChatPicture(bytes, type);
  const shapes = await Promise.all(
    parts.map(async (part) => {
      const { width, height, format } = await sharp(part.bytes).metadata();
      expect(part.type).toBe(`image/${format}`);
      expect(part.bytes.byteLength).toBeLessThan(limit);
      return `${format} ${width}×${height}`;
    }),
  );
  return { parts, shapes, lost };
}

test('what fits goes as it is; a large photo is made smaller, a screenshot keeps its pixels', async () => {
  const small = await plainPicture(400, 300).png().toBuffer();
  expect((await toChatPicture(small, 'image/png')).parts).toEqual([
    { type: 'image/png', bytes: small },
  ]);
  expect(
    await fitted(await plainPicture(4000, 3000).jpeg().toBuffer(), 'image/jpeg'),
  ).toMatchObject({ shapes: ['jpeg 1707×1280'], lost: undefined });
  expect(await fitted(await plainPicture(1920, 1080).png().toBuffer(), 'image/png')).toMatchObject({
    shapes: ['png 1920×1080'],
    lost: undefined,
  });
});

test('12 MB of noise become a JPEG under the limit', { tags: 'long' }, async () => {
  const noise = await noisePicture(2400, 1800).png().toBuffer();
  expect(noise.byteLength).toBeGreaterThan(12e6);
  expect(await fitted(noise, 'image/png')).toMatchObject({
    shapes: ['jpeg 1707×1280'],
    lost: undefined,
  });
  const tall = await noisePicture(1280, 4000).png().toBuffer();
  expect((await fitted(tall, 'image/png')).shapes).toEqual(['jpeg 1280×4000']);
});

test('a picture that is too long and narrow comes in parts, in order and with nothing left out', async () => {
  const page = await (
    await stripes(1280, 12_000, ['#ff0000', '#00ff00', '#0000ff'])
  )
    .png()
    .toBuffer();
  const { parts, shapes, lost } = await fitted(page, 'image/png');
  expect(shapes).toEqual(['png 1280×4000', 'png 1280×4000', 'png 1280×4000']);
  expect(lost).toBeUndefined();
  expect(await Promise.all(parts.map(({ bytes }) => pixelOf(bytes, 600, 2000)))).toEqual([
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
  ]);
  // From the left when it is wide.
  expect(await fitted(await plainPicture(9000, 1000).png().toBuffer(), 'image/png')).toMatchObject({
    shapes: ['png 3000×1000', 'png 3000×1000', 'png 3000×1000'],
    lost: undefined,
  });
});

test('of one that three parts cannot show the beginning comes, at a size that can be read', async () => {
  expect(await fitted(await plainPicture(300, 20_000).png().toBuffer(), 'image/png')).toMatchObject(
    { shapes: ['png 300×960', 'png 300×960', 'png 300×960'], lost: 'its end' },
  );
  expect(await fitted(await plainPicture(9000, 300).jpeg().toBuffer(), 'image/jpeg')).toMatchObject(
    { shapes: ['jpeg 960×300', 'jpeg 960×300', 'jpeg 960×300'], lost: 'its end' },
  );
});

test.each([
  [1, 1],
  [1, 5000],
  [5000, 1],
  [100, 320],
  [100, 321],
  [100, 641],
  [100, 960],
  [100, 961],
  [333, 1777],
  [1280, 12_289],
])('%i×%i is cut without gaps', (width, height) => {
  const { cuts, complete } = planCuts(width, height);
  const along =
    height >= width
      ? cuts.map((cut) => [cut.top, cut.height])
      : cuts.map((cut) => [cut.left, cut.width]);
  let end = 0;
  for (const [from = -1, length = 0] of along) {
    expect(from).toBe(end);
    expect(length).toBeGreaterThan(0);
    end = from + length;
  }
  expect(cuts.length).toBeLessThanOrEqual(3);
  expect(end === Math.max(width, height)).toBe(complete);
});

test('kinds that WhatsApp does not show become ones that it does', async () => {
  const moving = await fitted(await movingPicture(200, 100), 'image/gif');
  expect(moving).toMatchObject({ shapes: ['png 200×100'], lost: 'its movement' });
  expect(await pixelOf(moving.parts[0]?.bytes ?? Buffer.alloc(0), 50, 50)).toEqual([255, 0, 0]);
  expect(await fitted(await plainPicture(200, 100).webp().toBuffer(), 'image/webp')).toMatchObject({
    shapes: ['jpeg 200×100'],
    lost: undefined,
  });
  expect(await fitted(await plainPicture(200, 100).avif().toBuffer(), 'image/avif')).toMatchObject({
    shapes: ['jpeg 200×100'],
    lost: undefined,
  });
  expect(await fitted(await plainPicture(200, 100).tiff().toBuffer(), 'image/tiff')).toMatchObject({
    shapes: ['png 200×100'],
    lost: undefined,
  });
  const bitmap = await fitted(bitmapPicture(31, 40), 'image/bmp');
  expect(bitmap).toMatchObject({ shapes: ['png 31×40'], lost: undefined });
  expect([
    await pixelOf(bitmap.parts[0]?.bytes ?? Buffer.alloc(0), 30, 3),
    await pixelOf(bitmap.parts[0]?.bytes ?? Buffer.alloc(0), 0, 36),
  ]).toEqual([
    [255, 0, 0],
    [0, 0, 255],
  ]);
});

test('a drawing is drawn large, on white, and fetches nothing', async () => {
  const stranger = `file://${import.meta.dirname}/../../../docs/phone.png`;
  const svg = Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><image href="${stranger}" width="24" height="24"/><circle cx="12" cy="12" r="4" fill="#ff0000"/></svg>`,
  );
  const { parts, shapes, lost } = await fitted(svg, 'image/svg+xml');
  expect([shapes, lost]).toEqual([['png 1280×1280'], 'the drawing']);
  const bytes = parts[0]?.bytes ?? Buffer.alloc(0);
  expect([await pixelOf(bytes, 640, 640), await pixelOf(bytes, 640, 100)]).toEqual([
    [255, 0, 0],
    [255, 255, 255],
  ]);
});

test('a photo is turned upright, loses where it was taken, and is in colours that a phone knows', async () => {
  const lying = await (
    await stripes(300, 400, ['#ff0000', '#0000ff'])
  )
    .jpeg()
    .withMetadata({ orientation: 6 })
    .withExifMerge({ IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1' } })
    .toBuffer();
  expect((await sharp(lying).metadata()).exif?.byteLength).toBeGreaterThan(100);
  const { parts, shapes } = await fitted(lying, 'image/jpeg');
  expect(shapes).toEqual(['jpeg 400×300']);
  const upright = parts[0]?.bytes ?? Buffer.alloc(0);
  const { exif, orientation } = await sharp(upright).metadata();
  expect([exif, orientation]).toEqual([undefined, undefined]);
  // What was above is on the right now.
  expect((await pixelOf(upright, 350, 150))[0]).toBeGreaterThan(200);
  expect((await pixelOf(upright, 50, 150))[2]).toBeGreaterThan(200);
  const cmyk = await plainPicture(200, 100, '#ff8800').toColourspace('cmyk').jpeg().toBuffer();
  expect((await sharp(cmyk).metadata()).space).toBe('cmyk');
  const [printed] = (await fitted(cmyk, 'image/jpeg')).parts;
  expect(await sharp(printed?.bytes).metadata()).toMatchObject({ space: 'srgb', channels: 3 });
});

test('a transparent picture is put on white', async () => {
  const transparent = await sharp({
    create: { width: 50, height: 50, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
  })
    .png()
    .toBuffer();
  const [part] = (await fitted(transparent, 'image/png')).parts;
  expect(await pixelOf(part?.bytes ?? Buffer.alloc(0), 10, 10)).toEqual([255, 255, 255]);
});

test('what cannot be used is said in plain words', async () => {
  const photo = await noisePicture(800, 800).jpeg().toBuffer();
  await expect(
    toChatPicture(photo.subarray(0, photo.byteLength / 2), 'image/jpeg'),
  ).rejects.toThrow('it is broken');
  await expect(
    toChatPicture(
      Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(200)]),
      'image/png',
    ),
  ).rejects.toThrow(PictureProblem);
  await expect(toChatPicture(bitmapPicture(30, 30).subarray(0, 500), 'image/bmp')).rejects.toThrow(
    'broken',
  );
  await expect(
    toChatPicture(
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="50000" height="50000"/>'),
      'image/svg+xml',
    ),
  ).rejects.toThrow('more than 100 million pixels');
  const bomb = await sharp({
    create: { width: 20_000, height: 6000, channels: 3, background: '#ffffff' },
    limitInputPixels: false,
  })
    .png()
    .toBuffer();
  expect(bomb.byteLength).toBeLessThan(1e6);
  await expect(toChatPicture(bomb, 'image/png')).rejects.toThrow('more than 100 million pixels');
});
