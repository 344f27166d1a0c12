import { Seen, View } from './answer.ts';
import { longestText } from './frame.ts';
import type { Frame } from './frame.ts';
import { pictureSize } from './picture-size.ts';

/**
 * Limits on a picture's longest side (pixels) and size (bytes): the Messages API's for the model,
 * WhatsApp's for the chat.
 */
const bounds = {
  pictures: { side: 2000, bytes: (5 * 1024 * 1024 * 3) / 4 },
  chat: { side: 4100, bytes: 5 * 1024 * 1024 },
} as const;

/**
 * Validates a child's frames, because the sender of the file may have taken over the child. A
 * malformed part counts as missing, as does everything after it.
 */
export function checkAnswer([first, second]: Frame[]): {
  seen?: Seen;
  view?: View;
  blobs: Buffer[];
} {
  const seen = first?.blobs.length === 0 ? Seen.safeParse(first.head).data : undefined;
  if (!seen || !second) return { ...(seen ? { seen } : {}), blobs: [] };
  const view = View.safeParse(second.head).data;
  return view && fits(view, second.blobs)
    ? { seen, view, blobs: second.blobs }
    : { seen, blobs: [] };
}

function fits(view: View, blobs: Buffer[]): boolean {
  if (view.kind === 'text')
    return blobs.length === 1 && blobs.every(({ byteLength }) => byteLength <= longestText);
  if (view.kind !== 'pictures' && view.kind !== 'chat') return blobs.length === 0;
  const { side, bytes } = bounds[view.kind];
  return (
    blobs.length === view.types.length &&
    blobs.every(
      (blob, index) => blob.byteLength <= bytes && isWithin(blob, view.types[index] ?? '', side),
    )
  );
}

function isWithin(blob: Buffer, type: string, most: number): boolean {
  const size = pictureSize(blob, type);
  return size !== undefined && [size.width, size.height].every((side) => side > 0 && side <= most);
}
