/** A bitmap's pixels from the top left, three bytes each: red, green, blue. */
export type Bitmap = { data: Buffer; width: number; height: number };

/**
 * Parses a Windows bitmap as screenshots and scanners write it: 24 or 32 bits per pixel,
 * uncompressed (learn.microsoft.com: BITMAPFILEHEADER, BITMAPINFOHEADER). Undefined when it is
 * broken, of another kind, or larger than `mostPixels`.
 */
export function parseBitmap(bytes: Buffer, mostPixels: number): Bitmap | undefined {
  if (bytes.byteLength < 54) return undefined;
  const start = bytes.readUInt32LE(10);
  const width = bytes.readInt32LE(18);
  const signedHeight = bytes.readInt32LE(22);
  const height = Math.abs(signedHeight);
  const bits = bytes.readUInt16LE(28);
  const compression = bytes.readUInt32LE(30);
  // 3 means colour masks; with 32 bits they hold the usual layout.
  const readable =
    (bits === 24 && compression === 0) || (bits === 32 && (compression === 0 || compression === 3));
  if (!readable || width <= 0 || height === 0 || width * height > mostPixels) return undefined;
  const pixelBytes = bits / 8;
  // Each row is padded to a multiple of four bytes.
  const rowBytes = Math.ceil((width * pixelBytes) / 4) * 4;
  if (start + rowBytes * height > bytes.byteLength) return undefined;
  const data = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    // A positive height means that the bottom row comes first.
    const row = start + (signedHeight > 0 ? height - 1 - y : y) * rowBytes;
    for (let x = 0; x < width; x += 1) {
      const from = row + x * pixelBytes;
      const to = (y * width + x) * 3;
      data[to] = bytes[from + 2] ?? 0;
      data[to + 1] = bytes[from + 1] ?? 0;
      data[to + 2] = bytes[from] ?? 0;
    }
  }
  return { data, width, height };
}
