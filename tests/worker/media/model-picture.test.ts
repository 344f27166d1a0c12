import sharp from 'sharp';
import { expect, test } from 'vitest';
import { toModelPicture } from '../../../worker/media/model-picture.ts';
import { pictureSize } from '../../../worker/reading/picture-size.ts';
import { movingPicture, noisePicture, plainPicture } from '../../support/made-pictures.ts';

/** The API's limit counts the characters of base64. */
const limit = 5 * 1024 * 1024;

/** What Claude gets to see, in words. */
async function shown(bytes: Buffer, type: string): Promise<string[]> {
  const { pictures, complete } = await toModelPicture(bytes, type);
  const words = await Promise.all(
    pictures.map(async ({ base64, type: shownType }) => {
      expect(base64.length).toBeLessThanOrEqual(limit);
      const { format, width, height } = await sharp(Buffer.from(base64, 'base64')).metadata();
      expect(shownType).toBe(`image/${format}`);
      return `${format} ${width}×${height}`;
    }),
  );
  return complete ? words : [...words, '…'];
}

test('a picture within the limits is shown as it is', async () => {
  const png = await plainPicture(300, 200).png().toBuffer();
  expect(await toModelPicture(png, 'image/png')).toEqual({
    pictures: [{ kind: 'picture', type: 'image/png', base64: png.toString('base64') }],
    complete: true,
  });
  const sticker = await plainPicture(512, 512).webp().toBuffer();
  expect((await toModelPicture(sticker, 'image/webp')).pictures).toEqual([
    { kind: 'picture', type: 'image/webp', base64: sticker.toString('base64') },
  ]);
});

test('one whose header the worker does not read is written anew: fill bytes, and very many segments', async () => {
  const jpeg = await plainPicture(300, 200).jpeg().toBuffer();
  const [start, rest] = [jpeg.subarray(0, 2), jpeg.subarray(2)];
  const segment = Buffer.from([0xff, 0xe9, 0, 4, 1, 2]);
  for (const between of [Buffer.from([0xff, 0xff]), Buffer.concat(Array(300).fill(segment))]) {
    const { pictures } = await toModelPicture(Buffer.concat([start, between, rest]), 'image/jpeg');
    expect(
      pictures.map(({ type, base64 }) => pictureSize(Buffer.from(base64, 'base64'), type)),
    ).toEqual([{ width: 300, height: 200 }]);
  }
});

test('one beyond them is made to fit', { tags: 'long' }, async () => {
  expect(await shown(await plainPicture(9000, 6000).jpeg().toBuffer(), 'image/jpeg')).toEqual([
    'jpeg 2000×1333',
  ]);
  const heavy = await noisePicture(1900, 1700).png().toBuffer();
  expect(heavy.byteLength).toBeGreaterThan(limit);
  expect(await shown(heavy, 'image/png')).toEqual(['jpeg 1900×1700']);
  // Four megabytes are too much in base64.
  const between = await noisePicture(1240, 1150).png().toBuffer();
  expect(between.byteLength).toBeLessThan(limit);
  expect((between.byteLength * 4) / 3).toBeGreaterThan(limit);
  expect(await shown(between, 'image/png')).toEqual(['jpeg 1240×1150']);
});

test('a long screenshot is shown in parts that can be read', async () => {
  expect(await shown(await plainPicture(1080, 9000).png().toBuffer(), 'image/png')).toEqual([
    'png 720×2000',
    'png 720×2000',
    'png 720×2000',
  ]);
  expect(await shown(await plainPicture(500, 9000).png().toBuffer(), 'image/png')).toEqual([
    'png 500×1600',
    'png 500×1600',
    'png 500×1600',
    '…',
  ]);
});

test('other kinds are converted, and a photo is shown upright', async () => {
  expect(await shown(await movingPicture(200, 100), 'image/gif')).toEqual(['png 200×100']);
  expect(await shown(await plainPicture(200, 100).avif().toBuffer(), 'image/avif')).toEqual([
    'jpeg 200×100',
  ]);
  expect(
    await shown(
      await plainPicture(200, 100).jpeg().withMetadata({ orientation: 6 }).toBuffer(),
      'image/jpeg',
    ),
  ).toEqual(['jpeg 100×200']);
});

test('a photo that was cut off is shown as far as it goes; one that is no picture is refused', async () => {
  const photo = await noisePicture(600, 400).jpeg().toBuffer();
  expect(await shown(photo.subarray(0, photo.byteLength / 2), 'image/jpeg')).toEqual([
    'jpeg 600×400',
  ]);
  await expect(
    toModelPicture(Buffer.concat([photo.subarray(0, 3), Buffer.alloc(500)]), 'image/jpeg'),
  ).rejects.toThrow('it is broken');
});
