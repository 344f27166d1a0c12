import { openPicture, pictureProblem } from './picture.ts';
import type { Encoded } from './picture-encoding.ts';

/** The longer side of a small picture (pixels), for a phone that shows two side by side. */
const longerSide = 480;

/**
 * Makes a small JPEG of a picture, for a page that holds its pictures itself. `type` must satisfy
 * `isPicture`. Throws PictureProblem.
 */
export async function toSmallPicture(bytes: Buffer, type: string): Promise<Encoded> {
  const picture = await openPicture(bytes, type);
  try {
    const small = await picture
      .pixels()
      .resize({ width: longerSide, height: longerSide, fit: 'inside', withoutEnlargement: true })
      .flatten({ background: '#ffffff' })
      .jpeg({ quality: 70 })
      .toBuffer();
    return { bytes: small, type: 'image/jpeg' };
  } catch (error) {
    throw pictureProblem(error);
  }
}
