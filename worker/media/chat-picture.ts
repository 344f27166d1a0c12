import { openPicture, pictureProblem } from './picture.ts';
import { planCuts } from './picture-cuts.ts';
import { encodePicture } from './picture-encoding.ts';
import type { Encoded } from './picture-encoding.ts';
import { pictureSize } from '../reading/picture-size.ts';

/**
 * A picture for the chat. `lost` names what the parts lose of the original: it is longer than three
 * parts, it is animated, or it is a vector drawing.
 */
export type ChatPicture = {
  parts: Encoded[];
  lost: 'its end' | 'its movement' | 'the drawing' | undefined;
};

/**
 * WhatsApp's picture limit (bytes; twilio.com/docs/whatsapp/guidance-whatsapp-media-messages), less
 * a small margin.
 */
const mostBytes = 5 * 1024 * 1024 - 1024;
/**
 * Limit on a part's shorter side (pixels), which is about a phone's screen width; the longer side
 * is at most 3.2 times as long.
 */
const shorterSide = 1280;
/**
 * An unchanged picture is sent as it is up to this size (bytes); a larger one is worth compressing.
 */
const smallEnough = 1024 * 1024;

/**
 * Converts a picture for a phone: JPEG or PNG under 5 MB, upright, its shorter side at most 1280
 * pixels, never enlarged, and cut into up to three parts when it is too long and narrow to read in
 * one. `type` must satisfy `isPicture`. Throws PictureProblem.
 */
export async function toChatPicture(bytes: Buffer, type: string): Promise<ChatPicture> {
  const picture = await openPicture(bytes, type);
  const { width, height, frames, plain } = picture;
  const { cuts, complete } = planCuts(width, height);
  const lost = whatIsLost(type, complete, frames);
  try {
    const fits = cuts.length === 1 && Math.min(width, height) <= shorterSide;
    if (
      plain &&
      fits &&
      bytes.byteLength <= smallEnough &&
      (type === 'image/png' || type === 'image/jpeg') &&
      pictureSize(bytes, type) !== undefined
    ) {
      // Decoded once anyway, to make sure that it is complete.
      await picture.pixels().stats();
      return { parts: [{ bytes, type }], lost };
    }
    const parts: Encoded[] = [];
    for (const cut of cuts) {
      const scale = Math.min(1, shorterSide / Math.min(cut.width, cut.height));
      const size = {
        width: Math.max(1, Math.round(cut.width * scale)),
        height: Math.max(1, Math.round(cut.height * scale)),
      };
      parts.push(
        await encodePicture(
          () =>
            picture
              .pixels()
              .extract(cut)
              .resize({ ...size, fit: 'fill' }),
          picture,
          mostBytes,
        ),
      );
    }
    return { parts, lost };
  } catch (error) {
    throw pictureProblem(error);
  }
}

function whatIsLost(type: string, complete: boolean, frames: number): ChatPicture['lost'] {
  // The further frames of a TIFF are pages.
  if (!complete || (frames > 1 && type === 'image/tiff')) return 'its end';
  if (frames > 1) return 'its movement';
  return type === 'image/svg+xml' ? 'the drawing' : undefined;
}
