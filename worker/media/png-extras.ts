/** Chunks that hold the picture itself (w3.org/TR/png-3: 11). */
const pictureChunks = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND']);

/**
 * How many bytes of a PNG are not its picture: profiles, texts and other chunks beside it, and what
 * follows its end. A chunk without an end counts up to the file's end. Linear in the number of
 * chunks.
 */
export function pngExtras(bytes: Buffer): number {
  let extras = 0;
  // A chunk is its length, its name, its data and a checksum.
  for (let at = 8; at + 8 <= bytes.byteLength;) {
    const name = bytes.toString('latin1', at + 4, at + 8);
    const end = Math.min(at + 12 + bytes.readUInt32BE(at), bytes.byteLength);
    if (!pictureChunks.has(name)) extras += end - at;
    at = end;
    if (name === 'IEND') return extras + bytes.byteLength - at;
  }
  return extras;
}
