/** Tells a running turn that something came in for its conversation. */
export type Arrivals = {
  announce(conversation: string): void;
  /** Something may have come in anywhere. */
  announceAll(): void;
  /** Calls back at each arrival until the returned function is called. A conversation has one turn, so it has one listener. */
  listen(conversation: string, onArrival: () => void): () => void;
};

export function createArrivals(): Arrivals {
  const listeners = new Map<string, () => void>();
  return {
    announce: (conversation) => listeners.get(conversation)?.(),
    announceAll() {
      for (const listener of listeners.values()) listener();
    },
    listen(conversation, onArrival) {
      listeners.set(conversation, onArrival);
      return () => {
        if (listeners.get(conversation) === onArrival) listeners.delete(conversation);
      };
    },
  };
}
