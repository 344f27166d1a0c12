import type sharp from 'sharp';
import type { Sharp } from 'sharp';
import { parseBitmap } from './bitmap.ts';
import { mostPixels, pictureFaults } from './picture-fault.ts';
import type { PictureFault } from './picture-fault.ts';

/** Says why a picture cannot be used. */
export class PictureProblem extends Error {
  override name = 'PictureProblem';
  readonly fault: PictureFault;

  constructor(fault: PictureFault) {
    super(pictureFaults[fault].words);
    this.fault = fault;
  }

  get broken(): boolean {
    return pictureFaults[this.fault].broken;
  }
}

/**
 * The types that can be opened. Apple's HEIC is tried: its codec is not free, and only a libvips of
 * one's own may have it.
 */
const lossless = new Set(['image/png', 'image/gif', 'image/svg+xml', 'image/tiff', 'image/bmp']);
const lossy = new Set(['image/jpeg', 'image/webp', 'image/avif', 'image/heic']);

/** Whether a type is one of a picture that can be opened. */
export function isPicture(type: string): boolean {
  return lossless.has(type) || lossy.has(type);
}

/** A picture that can be read. Sizes are in pixels, upright. */
export type Picture = {
  width: number;
  height: number;
  /** More than one when it moves; only the first is read. */
  frames: number;
  /**
   * Drawn or photographed from a screen rather than compressed as a photo: its edges are worth
   * keeping.
   */
  sharpEdges: boolean;
  /**
   * As upright sRGB on white already, and with nothing in it but the picture: no place, no camera,
   * no comments.
   */
  plain: boolean;
  /**
   * A new pipeline over its upright pixels. What it throws is to be passed through
   * `pictureProblem`.
   */
  pixels(): Sharp;
};

/** How long one picture may be worked on (seconds). It does not end what a drawing's filters do. */
const patience = 15;
/** A drawing without a size of its own is drawn this large (its longer side, pixels). */
const drawnSize = 1280;
/**
 * One with a size of its own is drawn smaller when it has more pixels than this: its filters cost
 * time and memory for each of them.
 */
const mostDrawn = 8_000_000;

/** sharp is large, and most turns have no picture: it is loaded with the first one. */
let loading: Promise<typeof sharp> | undefined;

async function loadSharp(): Promise<typeof sharp> {
  loading ??= import('sharp').then(({ default: loaded }) => {
    // One picture at a time on one core, and nothing kept: the machine is Claude's.
    loaded.concurrency(1);
    loaded.cache(false);
    return loaded;
  });
  return await loading;
}

/**
 * Opens a picture of a type that `isPicture` knows. Throws PictureProblem. With `lenient`, what is
 * missing at the end of a file that was cut off is left blank.
 */
export async function openPicture(
  bytes: Buffer,
  type: string,
  { lenient = false }: { lenient?: boolean } = {},
): Promise<Picture> {
  const read = await loadSharp();
  const bitmap = type === 'image/bmp' ? parseBitmap(bytes, mostPixels) : undefined;
  if (type === 'image/bmp' && !bitmap) throw new PictureProblem('bitmap');
  const open = (density?: number): Sharp =>
    read(bitmap ? bitmap.data : bytes, {
      limitInputPixels: mostPixels,
      failOn: lenient ? 'none' : 'error',
      autoOrient: true,
      ...(bitmap ? { raw: { width: bitmap.width, height: bitmap.height, channels: 3 } } : {}),
      ...(density === undefined ? {} : { density }),
    }).timeout({ seconds: patience });
  try {
    const first = await open().metadata();
    const density = type === 'image/svg+xml' ? drawingDensity(first.autoOrient) : undefined;
    const {
      autoOrient,
      pages = 1,
      hasAlpha,
      orientation = 1,
      space,
      depth,
      exif,
      xmp,
      iptc,
      comments,
      tifftagPhotoshop,
    } = density === undefined ? first : await open(density).metadata();
    const bare = [exif, xmp, iptc, comments, tifftagPhotoshop].every(
      (extra) => extra === undefined,
    );
    return {
      width: autoOrient.width,
      height: autoOrient.height,
      frames: pages,
      sharpEdges: lossless.has(type),
      plain:
        bare &&
        !hasAlpha &&
        orientation === 1 &&
        pages === 1 &&
        depth === 'uchar' &&
        (space === 'srgb' || space === 'b-w'),
      pixels: () => open(density),
    };
  } catch (error) {
    throw pictureProblem(error);
  }
}

/**
 * How finely a drawing is drawn (dots an inch; 72 is its own size, which undefined stands for,
 * too).
 */
function drawingDensity({ width, height }: { width: number; height: number }): number | undefined {
  const longer = Math.max(width, height);
  if (longer < drawnSize) return (72 * drawnSize) / longer;
  return width * height > mostDrawn
    ? Math.max(1, 72 * Math.sqrt(mostDrawn / (width * height)))
    : undefined;
}

/**
 * Says why sharp has given a picture up; libvips's own words are in English sentences (libvips
 * `error.c`, sharp `pipeline.cc`).
 */
export function pictureProblem(error: unknown): PictureProblem {
  if (error instanceof PictureProblem) return error;
  const words = error instanceof Error ? error.message : '';
  if (/pixel limit/.test(words)) return new PictureProblem('pixels');
  if (/timeout/.test(words)) return new PictureProblem('time');
  return new PictureProblem(/out of memory|bad_alloc/.test(words) ? 'memory' : 'broken');
}
