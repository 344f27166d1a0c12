/** Notifies a running turn of new messages in its conversation. */
export type Arrivals = {
  /** `message` is the id of the new message. */
  announce(conversation: string, message: string): void;
  /** Notifies all: there may be new messages anywhere. */
  announceAll(): void;
  /**
   * Listens for new messages of a conversation from now on. A conversation has one turn and
   * therefore one listener.
   */
  listen(conversation: string): Subscription;
};

/** A turn's new messages. Buffers them until a callback is attached. */
export type Subscription = {
  /**
   * Calls back at each new message that is not known yet, until the returned function is called.
   */
  tell(onArrival: () => void, isKnown: (message: string) => boolean): () => void;
  end(): void;
};

export function createArrivals(): Arrivals {
  const listeners = new Map<string, (message?: string) => void>();
  return {
    announce: (conversation, message) => listeners.get(conversation)?.(message),
    announceAll() {
      for (const listener of listeners.values()) listener();
    },
    listen(conversation) {
      let untold: (string | undefined)[] = [];
      let told: ((message?: string) => void) | undefined;
      const hear = (message?: string): void => (told ? told(message) : void untold.push(message));
      listeners.set(conversation, hear);
      return {
        tell(onArrival, isKnown) {
          const isNews = (message?: string): boolean => message === undefined || !isKnown(message);
          const mine = (message?: string): void => {
            if (isNews(message)) onArrival();
          };
          told = mine;
          const missed = untold;
          untold = [];
          if (missed.some(isNews)) onArrival();
          return () => {
            if (told === mine) told = undefined;
          };
        },
        end() {
          if (listeners.get(conversation) === hear) listeners.delete(conversation);
        },
      };
    },
  };
}
