/**
 * Why a picture cannot be used. `words` is a plain clause for the person and for Claude; `broken`
 * means that the file itself is damaged, so sending it again may help.
 */
export type FaultWords = { words: string; broken: boolean };

/**
 * Limit on unpacked pixels: a page 1280 pixels wide may be 78,000 long. A small file can hold far
 * more.
 */
export const mostPixels = 100_000_000;

/** Every reason, by its name in messages between processes. */
export const pictureFaults = {
  broken: { words: 'it is broken', broken: true },
  bitmap: { words: 'it is broken, or a bitmap of a rare kind', broken: true },
  pixels: { words: `it has more than ${mostPixels / 1e6} million pixels`, broken: false },
  memory: { words: 'it takes too much memory to unpack', broken: false },
  time: { words: 'it takes too long to unpack', broken: false },
  heic: {
    words:
      'it is in Apple’s format HEIC, which cannot be opened here. On the iPhone, send it as a photo and not as a file, or choose ' +
      'Settings > Camera > Formats > Most Compatible',
    broken: false,
  },
} as const satisfies Record<string, FaultWords>;

export type PictureFault = keyof typeof pictureFaults;
