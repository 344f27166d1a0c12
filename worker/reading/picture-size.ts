/** The width and height of a picture in pixels. */
export type PictureSize = { width: number; height: number };

/**
 * The size stated in a picture's header; undefined when the bytes are not of this type. Reads only
 * a few positions, so it is safe for the output of a reading child.
 */
export function pictureSize(bytes: Buffer, type: string): PictureSize | undefined {
  if (bytes.byteLength < 30) return undefined;
  if (type === 'image/png') {
    return bytes.toString('latin1', 1, 4) === 'PNG'
      ? { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) }
      : undefined;
  }
  if (type === 'image/gif') {
    return bytes.toString('latin1', 0, 4) === 'GIF8'
      ? { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) }
      : undefined;
  }
  return type === 'image/webp'
    ? webpSize(bytes)
    : type === 'image/jpeg'
      ? jpegSize(bytes)
      : undefined;
}

/** Reads the first chunk of a WebP (RFC 9649: 2.5 to 2.7), which is one of three kinds. */
function webpSize(bytes: Buffer): PictureSize | undefined {
  if (bytes.toString('latin1', 8, 12) !== 'WEBP') return undefined;
  const kind = bytes.toString('latin1', 12, 16);
  if (kind === 'VP8X')
    return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
  if (kind === 'VP8 ')
    return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
  if (kind !== 'VP8L') return undefined;
  const bits = bytes.readUInt32LE(21);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}

/** No encoder writes more segments before the picture itself. */
const mostSegments = 200;

/**
 * Finds the frame header of a JPEG (ITU T.81: B.2.2), which follows segments with stated lengths.
 */
function jpegSize(bytes: Buffer): PictureSize | undefined {
  if (bytes.readUInt16BE(0) !== 0xffd8) return undefined;
  for (
    let at = 2, segments = 0;
    at + 9 <= bytes.byteLength && segments < mostSegments;
    segments += 1
  ) {
    const marker = bytes.readUInt16BE(at);
    if (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker)) {
      return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    }
    if (marker < 0xff01) return undefined;
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}
