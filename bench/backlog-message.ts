/** What the children of the backlog's measurement are told. */
export type BacklogJob =
  /**
   * Take in messages `from` to `to` (exclusive), of which message n is the ⌊n / conversations⌋-th
   * of conversation n mod conversations.
   */
  | { kind: 'accept'; from: number; to: number; conversations: number }
  /** How is it? Collects the garbage first. */
  | { kind: 'look' };

/**
 * Their answers. `cpuMicros` is the time that accepting took of the process; memory is in bytes;
 * `answered` and `outOfOrder` count messages.
 */
export type BacklogReply =
  | { kind: 'accepted'; cpuMicros: number }
  | {
      kind: 'looked';
      residentBytes: number;
      heapBytes: number;
      answered: number;
      outOfOrder: number;
    }
  | { kind: 'failed'; message: string };

/** The number of a conversation's phone (E.164). */
export const phoneOf = (conversation: number): string =>
  `+1555${String(conversation).padStart(7, '0')}`;

/** The memory of this process after its garbage was collected; it must run with --expose-gc. */
export function measureMemory(): { residentBytes: number; heapBytes: number } {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { residentBytes: rss, heapBytes: heapUsed + external };
}
