import { openPicture, pictureProblem } from './picture.ts';
import { planCuts } from './picture-cuts.ts';
import { encodePicture } from './picture-encoding.ts';
import type { Encoded } from './picture-encoding.ts';

/**
 * A picture as the chat gets it. `lost` tells what the parts do not show of the original: it is
 * longer than three parts, it moves, or it is a drawing that can be drawn at any size.
 */
export type ChatPicture = {
  parts: Encoded[];
  lost: 'its end' | 'its movement' | 'the drawing' | undefined;
};

/**
 * The largest picture that WhatsApp takes (bytes;
 * twilio.com/docs/whatsapp/guidance-whatsapp-media-messages), less a little.
 */
const mostBytes = 5 * 1024 * 1024 - 1024;
/**
 * A part's shorter side at most (pixels): a phone's screen has about so many across, and the longer
 * one is at most 3.2 times as long.
 */
const shorterSide = 1280;
/**
 * A picture that needs no change is sent as it is up to this size (bytes); a larger one is worth
 * compressing.
 */
const smallEnough = 1024 * 1024;

/**
 * Makes a picture fit for a phone: JPEG or PNG under 5 MB, upright, its shorter side at most 1280
 * pixels, never enlarged, and cut into up to three parts when it is too long and narrow to be read
 * in one. `type` is one that `isPicture` knows. Throws PictureProblem.
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
      (type === 'image/png' || type === 'image/jpeg')
    ) {
      // Unpacked once all the same, to know that it is whole.
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
  // The further pictures of a TIFF are pages.
  if (!complete || (frames > 1 && type === 'image/tiff')) return 'its end';
  if (frames > 1) return 'its movement';
  return type === 'image/svg+xml' ? 'the drawing' : undefined;
}
