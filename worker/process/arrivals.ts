/** Notifies running turns of new messages in their conversations. */
export type Arrivals = {
  /** `message` is the id of the new message. */
  announce(conversation: string, message: string): void;
  /** Notifies all: there may be new messages anywhere. */
  announceAll(): void;
  /**
   * Calls back at each new message of a conversation from now on, with undefined if there may be
   * any number, until the returned function is called.
   */
  listen(conversation: string, onArrival: Listener): () => void;
};

type Listener = (message: string | undefined) => void;

export function createArrivals(): Arrivals {
  const listeners = new Map<string, Set<Listener>>();
  return {
    announce(conversation, message) {
      for (const listener of listeners.get(conversation) ?? []) listener(message);
    },
    announceAll() {
      for (const all of listeners.values()) for (const listener of all) listener(undefined);
    },
    listen(conversation, onArrival) {
      const all = listeners.get(conversation) ?? new Set();
      // A listener of its own, since the same function may listen twice.
      const listener: Listener = (message) => onArrival(message);
      listeners.set(conversation, all.add(listener));
      return () => {
        all.delete(listener);
        if (all.size === 0 && listeners.get(conversation) === all) listeners.delete(conversation);
      };
    },
  };
}
