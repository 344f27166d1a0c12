/**
 * The body of a response; undefined when it has more than `most` bytes, of which no more is read
 * then. Rejects when the connection breaks.
 */
export async function readAtMost(
  { body }: Pick<Response, 'body'>,
  most: number,
): Promise<Buffer | undefined> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body ?? []) {
    size += piece.byteLength;
    if (size > most) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
