import type { Sharp } from 'sharp';
import type { Attachment } from '../agent/agent.ts';
import { openPicture, PictureProblem, pictureProblem } from './picture.ts';
import type { Picture } from './picture.ts';
import { planCuts } from './picture-cuts.ts';
import { encodePicture } from './picture-encoding.ts';
import { pictureSize } from '../reading/picture-size.ts';

type PictureAttachment = Extract<Attachment, { kind: 'picture' }>;

/** The parts of a picture for Claude, in order. */
export type ModelPicture = { pictures: PictureAttachment[]; complete: boolean };

/** Types that Claude reads directly (platform.claude.com/docs/en/build-with-claude/vision). */
const direct = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
/**
 * The Messages API accepts 5 MB per picture, counted in base64, which is a third more than the
 * bytes themselves.
 */
const mostBytes = (5 * 1024 * 1024 * 3) / 4;
/**
 * The longest side (pixels) accepted in a request with many pictures, as a long conversation has;
 * with few pictures it would be 8000 (the same page).
 */
const longestSide = 2000;

/**
 * Converts a picture so that the API accepts it: a refused picture would stay in the session and
 * make every later request fail, too. A long and narrow one comes in up to `mostParts` parts (three
 * by default); `complete` is false when they do not reach its end. A truncated file is shown as far
 * as it goes. `type` must satisfy `isPicture`. Throws PictureProblem.
 */
export async function toModelPicture(
  bytes: Buffer,
  type: string,
  mostParts?: number,
): Promise<ModelPicture> {
  try {
    return await convert(await openPicture(bytes, type), bytes, type, mostParts);
  } catch (error) {
    const problem = pictureProblem(error);
    if (!problem.broken) throw problem;
  }
  try {
    return await convert(
      await openPicture(bytes, type, { lenient: true }),
      undefined,
      type,
      mostParts,
    );
  } catch (error) {
    throw error instanceof PictureProblem ? error : pictureProblem(error);
  }
}

/**
 * `original` is passed on unchanged when it fits, and its size is where the worker looks for it: an
 * unusual header is rewritten.
 */
async function convert(
  picture: Picture,
  original: Buffer | undefined,
  type: string,
  mostParts?: number,
): Promise<ModelPicture> {
  const { width, height, plain, slim } = picture;
  const { cuts, complete } = planCuts(width, height, mostParts);
  const same = direct.find((known) => known === type);
  if (
    same &&
    original &&
    (plain || type === 'image/png') &&
    slim &&
    cuts.length === 1 &&
    Math.max(width, height) <= longestSide &&
    original.byteLength <= mostBytes &&
    pictureSize(original, same) !== undefined
  ) {
    await picture.pixels().stats();
    return {
      pictures: [{ kind: 'picture', type: same, base64: original.toString('base64') }],
      complete,
    };
  }
  const pictures: PictureAttachment[] = [];
  for (const cut of cuts) {
    const pixels = (): Sharp =>
      picture.pixels().extract(cut).resize({
        width: longestSide,
        height: longestSide,
        fit: 'inside',
        withoutEnlargement: true,
      });
    const { bytes, type: encoded } = await encodePicture(pixels, picture, mostBytes);
    pictures.push({ kind: 'picture', type: encoded, base64: bytes.toString('base64') });
  }
  return { pictures, complete };
}
