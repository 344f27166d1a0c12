/** Messages to the children of the backlog measurement. */
export type BacklogJob =
  /**
   * Accept messages `from` to `to` (exclusive), of which message n is the ⌊n / conversations⌋-th of
   * conversation n mod conversations.
   */
  | { kind: 'accept'; from: number; to: number; conversations: number }
  /** Asks for the state. Collects garbage first. */
  | { kind: 'look' };

/**
 * Their answers. `cpuMicros` is the CPU time that the process spent on accepting; memory is in
 * bytes; `answered` and `outOfOrder` count messages.
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

/** The memory of this process after garbage collection; it must run with --expose-gc. */
export function measureMemory(): { residentBytes: number; heapBytes: number } {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { residentBytes: rss, heapBytes: heapUsed + external };
}
