import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { fileType } from '../../../worker/media/file-type.ts';
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

/** A PNG with one more chunk before its pixels, or behind its end. */
async function withChunk(name: string, content: Buffer, isBehind = false): Promise<Buffer> {
  const png = await plainPicture(300, 200).png().toBuffer();
  const data = Buffer.concat([Buffer.from(name), content]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(content.byteLength);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(data));
  const at = isBehind ? png.byteLength : 33;
  return Buffer.concat([png.subarray(0, at), size, data, sum, png.subarray(at)]);
}

test('what is not the picture is left out where it is more than a usual profile', async () => {
  const usual = await withChunk('prVt', Buffer.alloc(4000));
  const [same] = (await toModelPicture(usual, 'image/png')).pictures;
  expect(same?.base64).toBe(usual.toString('base64'));
  // A profile that unpacks to 30 MB.
  const profile = Buffer.concat([Buffer.from('x\0\0'), deflateSync(Buffer.alloc(30_000_000))]);
  for (const bytes of [
    await withChunk('prVt', Buffer.alloc(300_000)),
    await withChunk('iCCP', profile),
    await withChunk('iTXt', Buffer.alloc(9000, 'x')),
    await withChunk('prVt', Buffer.alloc(300_000), true),
  ]) {
    const [picture] = (await toModelPicture(bytes, 'image/png')).pictures;
    expect(Buffer.from(picture?.base64 ?? '', 'base64').byteLength).toBeLessThan(5000);
  }
});

test('a drawing in UTF-16 is drawn, with and without a mark and a declaration', async () => {
  const drawing =
    '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><text>ä</text></svg>';
  for (const text of [
    `\uFEFF<?xml version="1.0" encoding="UTF-16" standalone="no"?>\n${drawing}`,
    `<?xml version='1.0' encoding='utf-16'?>${drawing}`,
    `\uFEFF${drawing}`,
  ]) {
    const little = Buffer.from(text, 'utf16le');
    for (const bytes of [little, Buffer.from(little).swap16()]) {
      expect(fileType(bytes, 'image/svg+xml')).toBe('image/svg+xml');
      expect(await shown(bytes, 'image/svg+xml')).toEqual(['png 1280×853']);
    }
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
