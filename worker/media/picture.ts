import type { Sharp } from 'sharp';
import { parseBitmap } from './bitmap.ts';
import { mostPixels, pictureFaults } from './picture-fault.ts';
import type { PictureFault } from './picture-fault.ts';
import { pngExtras } from './png-extras.ts';
import { textEncoding, toUtf8 } from './text-encoding.ts';
import { lazy } from '../../shared/runtime/lazy.ts';

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
 * The types that can be opened. HEIC is attempted: its codec is not free, so only a custom libvips
 * may have it.
 */
const lossless = new Set(['image/png', 'image/gif', 'image/svg+xml', 'image/tiff', 'image/bmp']);
const lossy = new Set(['image/jpeg', 'image/webp', 'image/avif', 'image/heic']);

/** Whether a type is a picture that can be opened. */
export function isPicture(type: string): boolean {
  return lossless.has(type) || lossy.has(type);
}

/** An opened picture. Sizes are in pixels, upright. */
export type Picture = {
  width: number;
  height: number;
  /** More than one when animated; only the first is read. */
  frames: number;
  /** A drawing or screenshot rather than a photo: its sharp edges are worth keeping. */
  sharpEdges: boolean;
  /** Already upright, opaque sRGB without metadata: no place, no camera, no comments. */
  plain: boolean;
  /** Holds no more than a usual colour profile beside its pixels, so the file may be passed on. */
  slim: boolean;
  /** A new pipeline over its upright pixels. Pass its errors through `pictureProblem`. */
  pixels(): Sharp;
};

/** Time limit for one picture (seconds). It does not interrupt a drawing's filters. */
const patience = 15;
/** A drawing without a size of its own is rendered at this size (its longer side, pixels). */
const drawnSize = 1280;
/**
 * A drawing with more pixels than this is rendered smaller, because its filters cost time and
 * memory per pixel.
 */
const mostDrawn = 8_000_000;

/**
 * Most bytes of a picture that is passed on unchanged, beside its pixels: a profile of sRGB has 3
 * kB, and what is compressed unpacks to at most a thousand times as much.
 */
const mostExtras = 8 * 1024;

/** Loads sharp with the first picture, because it is large and most turns have none. */
const loadSharp = lazy(async () => {
  const { default: loaded } = await import('sharp');
  // One thread and no cache: the machine is Claude's.
  loaded.concurrency(1);
  loaded.cache(false);
  return loaded;
});

/**
 * Opens a picture of a type that satisfies `isPicture`. Throws PictureProblem. With `lenient`, the
 * missing end of a truncated file is left blank.
 */
export async function openPicture(
  bytes: Buffer,
  type: string,
  { lenient = false }: { lenient?: boolean } = {},
): Promise<Picture> {
  const read = await loadSharp();
  const bitmap = type === 'image/bmp' ? parseBitmap(bytes, mostPixels) : undefined;
  if (type === 'image/bmp' && !bitmap) throw new PictureProblem('bitmap');
  const source = type === 'image/svg+xml' ? drawingAsUtf8(bytes) : bytes;
  const open = (density?: number): Sharp =>
    read(bitmap ? bitmap.data : source, {
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
      icc,
    } = density === undefined ? first : await open(density).metadata();
    const bare = [exif, xmp, iptc, comments, tifftagPhotoshop].every(
      (extra) => extra === undefined,
    );
    const extras = type === 'image/png' ? pngExtras(bytes) : 0;
    const slim = Math.max(extras, icc?.byteLength ?? 0) <= mostExtras;
    return {
      width: autoOrient.width,
      height: autoOrient.height,
      frames: pages,
      sharpEdges: lossless.has(type),
      slim,
      plain:
        bare &&
        slim &&
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
 * A drawing in UTF-16 as UTF-8, since libvips recognises no other; its XML declaration then names
 * no encoding. Any other drawing is returned unchanged.
 */
function drawingAsUtf8(bytes: Buffer): Buffer {
  const encoding = textEncoding(bytes, true);
  if (encoding !== 'utf-16le' && encoding !== 'utf-16be') return bytes;
  const text = toUtf8(bytes, encoding).toString('utf8').trimStart();
  const end = text.startsWith('<?xml') ? text.indexOf('?>') : 0;
  const declaration = text
    .slice(0, Math.max(end, 0))
    .replace(/\sencoding\s?=\s?(?:"[^"]*"|'[^']*')/, '');
  return Buffer.from(declaration + text.slice(Math.max(end, 0)), 'utf8');
}

/** The resolution for a drawing (dots per inch; 72, or undefined, is its own size). */
function drawingDensity({ width, height }: { width: number; height: number }): number | undefined {
  const longer = Math.max(width, height);
  if (longer < drawnSize) return (72 * drawnSize) / longer;
  return width * height > mostDrawn
    ? Math.max(1, 72 * Math.sqrt(mostDrawn / (width * height)))
    : undefined;
}

/**
 * Maps sharp's error to a reason; libvips reports in English sentences (libvips `error.c`, sharp
 * `pipeline.cc`).
 */
export function pictureProblem(error: unknown): PictureProblem {
  if (error instanceof PictureProblem) return error;
  const words = error instanceof Error ? error.message : '';
  if (/pixel limit/.test(words)) return new PictureProblem('pixels');
  if (/timeout/.test(words)) return new PictureProblem('time');
  return new PictureProblem(/out of memory|bad_alloc/.test(words) ? 'memory' : 'broken');
}
