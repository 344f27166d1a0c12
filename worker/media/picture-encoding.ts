import type { Sharp } from 'sharp';
import type { Picture } from './picture.ts';

/** An encoded picture. */
export type Encoded = { bytes: Buffer; type: 'image/png' | 'image/jpeg' };

/**
 * Up to this size (bytes) a screenshot stays lossless; a larger one becomes a JPEG when that is
 * smaller.
 */
const losslessUpTo = 1024 * 1024;
/** JPEG qualities, tried in order until the picture fits. */
const qualities = [80, 65, 50, 35, 20];

/**
 * Encodes a pipeline's output: photos as JPEG, pictures with sharp edges as PNG while that is
 * small. Transparent parts become white, since a chat is dark on one phone and light on the next;
 * all metadata is dropped, so that neither place nor camera is revealed. The result has at most
 * `mostBytes`. `pixels` creates a new pipeline for each attempt, because sharp's `clone` copies the
 * whole file in this thread.
 */
export async function encodePicture(
  pixels: () => Sharp,
  { sharpEdges }: Pick<Picture, 'sharpEdges'>,
  mostBytes: number,
): Promise<Encoded> {
  const flat = (): Sharp => pixels().flatten({ background: '#ffffff' });
  const jpeg = async (quality: number): Promise<Encoded> => ({
    type: 'image/jpeg',
    bytes: await flat()
      .jpeg({ quality, chromaSubsampling: sharpEdges ? '4:4:4' : '4:2:0' })
      .toBuffer(),
  });
  const png: Encoded | undefined = sharpEdges
    ? { type: 'image/png', bytes: await flat().png().toBuffer() }
    : undefined;
  if (png && png.bytes.byteLength <= Math.min(losslessUpTo, mostBytes)) return png;
  let best = await jpeg(qualities[0] ?? 80);
  for (const quality of qualities.slice(1)) {
    if (best.bytes.byteLength <= mostBytes) break;
    best = await jpeg(quality);
  }
  return png && png.bytes.byteLength <= Math.min(best.bytes.byteLength, mostBytes) ? png : best;
}
