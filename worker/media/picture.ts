import type sharp from 'sharp';
import type { Sharp } from 'sharp';
import { parseBitmap } from './bitmap.ts';

/** Why a picture cannot be used; the message is a plain clause. `broken` when it is the picture's own fault, not its size. */
export class PictureProblem extends Error {
  override name = 'PictureProblem';
  readonly broken: boolean;

  constructor(message: string, broken: boolean) {
    super(message);
    this.broken = broken;
  }
}

/** The types that can be opened. Apple's HEIC is none of them: its codec is not free. */
const lossless = new Set(['image/png', 'image/gif', 'image/svg+xml', 'image/tiff', 'image/bmp']);
const lossy = new Set(['image/jpeg', 'image/webp', 'image/avif']);

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
  /** Drawn or photographed from a screen rather than compressed as a photo: its edges are worth keeping. */
  sharpEdges: boolean;
  /** As upright sRGB on white already, and with nothing in it but the picture: no place, no camera, no comments. */
  plain: boolean;
  /** A new pipeline over its upright pixels. What it throws is to be passed through `pictureProblem`. */
  pixels(): Sharp;
};

/** The most pixels that are unpacked: a page of 1280 pixels' width may be 78,000 long. A small file can hold far more. */
const mostPixels = 100_000_000;
/** How long one picture may be worked on (seconds). */
const patience = 30;
/** A drawing without a size of its own is drawn this large (its longer side, pixels). */
const drawnSize = 1280;

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
 * Opens a picture of a type that `isPicture` knows. Throws PictureProblem. With `lenient`, what is missing at the end of a file that was cut off is
 * left blank.
 */
export async function openPicture(bytes: Buffer, type: string, { lenient = false }: { lenient?: boolean } = {}): Promise<Picture> {
  const read = await loadSharp();
  const bitmap = type === 'image/bmp' ? parseBitmap(bytes, mostPixels) : undefined;
  if (type === 'image/bmp' && !bitmap) throw new PictureProblem('it is broken, or a bitmap of a rare kind', true);
  const open = (density?: number): Sharp =>
    read(bitmap ? bitmap.data : bytes, {
      limitInputPixels: mostPixels, failOn: lenient ? 'none' : 'error', autoOrient: true,
      ...(bitmap ? { raw: { width: bitmap.width, height: bitmap.height, channels: 3 } } : {}), ...(density === undefined ? {} : { density }),
    }).timeout({ seconds: patience });
  try {
    const first = await open().metadata();
    const longer = Math.max(first.autoOrient.width, first.autoOrient.height);
    const density = type === 'image/svg+xml' && longer < drawnSize ? (72 * drawnSize) / longer : undefined;
    const { autoOrient, pages = 1, hasAlpha, orientation = 1, space, depth, exif, xmp, iptc, comments, tifftagPhotoshop } = density === undefined ? first : await open(density).metadata();
    const bare = [exif, xmp, iptc, comments, tifftagPhotoshop].every((extra) => extra === undefined);
    return {
      width: autoOrient.width, height: autoOrient.height, frames: pages, sharpEdges: lossless.has(type),
      plain: bare && !hasAlpha && orientation === 1 && pages === 1 && depth === 'uchar' && (space === 'srgb' || space === 'b-w'),
      pixels: () => open(density),
    };
  } catch (error) {
    throw pictureProblem(error);
  }
}

/** Says in plain words why sharp has given a picture up; libvips's own words are in English sentences (libvips `error.c`, sharp `pipeline.cc`). */
export function pictureProblem(error: unknown): PictureProblem {
  if (error instanceof PictureProblem) return error;
  const words = error instanceof Error ? error.message : '';
  if (/pixel limit/.test(words)) return new PictureProblem(`it has more than ${mostPixels / 1e6} million pixels`, false);
  if (/timeout/.test(words)) return new PictureProblem('it takes too long to unpack', false);
  return new PictureProblem('it is broken', true);
}
