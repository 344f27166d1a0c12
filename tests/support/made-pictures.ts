import sharp from 'sharp';
import type { Sharp } from 'sharp';

/** Pixels of one colour. */
export function plainPicture(width: number, height: number, colour = '#3366cc'): Sharp {
  return sharp({ create: { width, height, channels: 3, background: colour } });
}

/** Pixels that no encoding makes small. */
export function noisePicture(width: number, height: number): Sharp {
  return sharp({
    create: {
      width,
      height,
      channels: 3,
      background: '#808080',
      noise: { type: 'gaussian', mean: 128, sigma: 90 },
    },
  });
}

/** A picture of stripes in these colours, of the same height each, from the top to the bottom. */
export async function stripes(width: number, height: number, colours: string[]): Promise<Sharp> {
  const band = Math.round(height / colours.length);
  const parts = await Promise.all(
    colours.map(async (colour, index) => ({
      input: await plainPicture(width, band, colour).png().toBuffer(),
      left: 0,
      top: index * band,
    })),
  );
  return plainPicture(width, band * colours.length).composite(parts);
}

/** Red, green and blue of a pixel of a finished picture. */
export async function pixelOf(bytes: Buffer, x: number, y: number): Promise<number[]> {
  const { data } = await sharp(bytes)
    .extract({ left: x, top: y, width: 1, height: 1 })
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return [...data.subarray(0, 3)];
}

/** Frames that move, as a GIF. */
export async function movingPicture(width: number, height: number): Promise<Buffer> {
  const frames = await Promise.all(
    ['#ff0000', '#00ff00', '#0000ff'].map((colour) =>
      plainPicture(width, height, colour).png().toBuffer(),
    ),
  );
  return await sharp(frames, { join: { animated: true } })
    .gif({ delay: [100, 100, 100] })
    .toBuffer();
}

/** A bitmap of 24 bits, red above and blue below. */
export function bitmapPicture(width: number, height: number): Buffer {
  const row = Math.ceil((width * 3) / 4) * 4;
  const bytes = Buffer.alloc(54 + row * height);
  bytes.write('BM', 'latin1');
  bytes.writeUInt32LE(bytes.byteLength, 2);
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(height, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  // The bottom row comes first; a pixel is blue, green, red.
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) bytes[54 + y * row + x * 3 + (y < height / 2 ? 0 : 2)] = 255;
  return bytes;
}
