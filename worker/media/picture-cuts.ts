/** A part of a picture, in pixels from its top left. */
export type Cut = { left: number; top: number; width: number; height: number };

/**
 * The largest ratio of length to width that is readable on a phone: its screen is 2.2 times as long
 * as wide, and a picture can be zoomed.
 */
const longestShape = 3.2;
/** How many pictures in place of one are acceptable in a chat. */
const mostInChat = 3;

/**
 * Plans how to show a picture: unchanged, or, when it is too long and narrow to read on a phone, in
 * up to `mostParts` consecutive parts (three by default), from the top or from the left. `complete`
 * is false when even these do not reach its end. Sizes are in pixels.
 */
export function planCuts(
  width: number,
  height: number,
  mostParts: number = mostInChat,
): { cuts: Cut[]; complete: boolean } {
  const [long, short] = [Math.max(width, height), Math.min(width, height)];
  const needed = Math.ceil(long / (short * longestShape));
  const count = Math.min(needed, mostParts);
  const shown = needed <= mostParts ? long : Math.floor(short * longestShape) * mostParts;
  const edges = Array.from({ length: count + 1 }, (_, index) =>
    Math.round((shown * index) / count),
  );
  const cuts = edges.slice(0, -1).map((from, index): Cut => {
    const length = (edges[index + 1] ?? shown) - from;
    return height >= width
      ? { left: 0, top: from, width, height: length }
      : { left: from, top: 0, width: length, height };
  });
  return { cuts, complete: shown === long };
}
