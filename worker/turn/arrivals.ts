/** Tells a running turn that something came in for its conversation. */
export type Arrivals = {
  /** `message` is the id of what came in. */
  announce(conversation: string, message: string): void;
  /** Something may have come in anywhere. */
  announceAll(): void;
  /**
   * Hears what comes in for a conversation from now on. A conversation has one turn, so it has one
   * listener.
   */
  listen(conversation: string): Subscription;
};

/**
 * What a turn has heard. Nothing is lost while nobody asks: whoever is told next is told of it at
 * once.
 */
export type Subscription = {
  /**
   * Calls back at each arrival that is not known already, until the returned function is called.
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
