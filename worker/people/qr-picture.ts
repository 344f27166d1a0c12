import { crc32, deflateSync } from 'node:zlib';
import { encodeQR } from 'qr';

/**
 * The width of a module and the quiet zone around the code, which readers need (pixels, modules).
 */
const [moduleSize, quietZone] = [12, 4];

/**
 * A QR code for a text as a PNG: black on white, one bit a pixel. Throws when the text is too long
 * for a code (about 2,900 bytes).
 */
export function drawQr(text: string): Buffer {
  const modules = encodeQR(text, 'raw', { ecc: 'medium', border: quietZone });
  const size = modules.length * moduleSize;
  const rowBytes = Math.ceil(size / 8);
  const rows = modules.map((row) => {
    // The first byte of a row names its filter: none.
    const bytes = Buffer.alloc(1 + rowBytes, 0xff).fill(0, 0, 1);
    for (let x = 0; x < size; x += 1)
      if (row[Math.floor(x / moduleSize)] === true)
        bytes[1 + (x >> 3)] = (bytes[1 + (x >> 3)] ?? 0) & ~(0x80 >> (x & 7));
    return Buffer.concat(Array.from({ length: moduleSize }, () => bytes));
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  // A bit for each pixel, shades of grey; the usual compression and filters, not interlaced.
  header.set([1, 0, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.concat(rows))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
