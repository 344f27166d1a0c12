/**
 * The mulberry32 generator: the same seed gives the same numbers on every machine, so a chaos run
 * repeats.
 * @param seed any integer; only its lowest 32 bits count.
 * @returns a function that gives numbers from 0 up to but not including 1.
 */
export function createSeededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
