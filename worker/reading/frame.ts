/** One message between the worker and a reading child: a JSON value and its binary data. */
export type Frame = { head: unknown; blobs: Buffer[] };

/** A text longer than this in UTF-8 (bytes) stays as it was sent. */
export const longestText = 32 * 1024 * 1024;
/** The longest head of a frame (bytes): the texts of 50 contacts take some 10,000. */
const longestHead = 128 * 1024;
/** Limit on a frame's blobs, the parts of a picture. */
const mostBlobs = 16;

/** Malformed data from the other side. */
class FrameProblem extends Error {
  override name = 'FrameProblem';
}

/**
 * Encodes a frame: the size of the head, the number of blobs, the size of each blob, as unsigned
 * 32-bit numbers (big-endian), then the head as JSON and the blobs.
 */
export function encodeFrame(head: unknown, blobs: Buffer[] = []): Buffer[] {
  const text = Buffer.from(JSON.stringify(head), 'utf8');
  const sizes = Buffer.alloc(8 + 4 * blobs.length);
  sizes.writeUInt32BE(text.byteLength, 0);
  sizes.writeUInt32BE(blobs.length, 4);
  for (const [index, blob] of blobs.entries()) sizes.writeUInt32BE(blob.byteLength, 8 + 4 * index);
  return [sizes, text, ...blobs];
}

/**
 * The complete frames; a partial one at the end is dropped. Throws FrameProblem for malformed data.
 */
export function decodeFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 8 <= bytes.byteLength;) {
    const [headSize, count] = [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
    if (headSize > longestHead || count > mostBlobs)
      throw new FrameProblem('its sizes are out of bounds');
    const start = at + 8 + 4 * count;
    if (start > bytes.byteLength) break;
    const sizes = Array.from({ length: count }, (_, index) =>
      bytes.readUInt32BE(at + 8 + 4 * index),
    );
    const end = sizes.reduce((sum, size) => sum + size, start + headSize);
    if (end > bytes.byteLength) break;
    frames.push({
      head: parse(bytes.toString('utf8', start, start + headSize)),
      blobs: slice(bytes, start + headSize, sizes),
    });
    at = end;
  }
  return frames;
}

function slice(bytes: Buffer, from: number, sizes: number[]): Buffer[] {
  let start = from;
  return sizes.map((size) => bytes.subarray(start, (start += size)));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FrameProblem('its head is no JSON');
  }
}
