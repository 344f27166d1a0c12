import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';

/**
 * The conversation that an address belongs to if the address does not name it: a person's user id
 * beside their number, or the reverse.
 */
export type Aliases = {
  /** This process's cached alias. */
  known(address: string): string | undefined;
  /** The alias in Redis. Throws when Redis is away. */
  find(address: string): Promise<string | undefined>;
  /** Caches an alias that the acceptance of a message has written. */
  learn(address: string, conversation: string): void;
  /** Removes an alias that is no longer valid. Throws when Redis is away. */
  forget(address: string): Promise<void>;
};

/** Contains only addresses of allowed people, so it stays small. */
export function createAliases(redis: Redis): Aliases {
  const learned = new Map<string, string>();
  return {
    known: (address) => learned.get(address),
    async find(address) {
      const conversation = await redis.hget(keys.aliases, address);
      if (conversation !== null) learned.set(address, conversation);
      return conversation ?? undefined;
    },
    learn: (address, conversation) => void learned.set(address, conversation),
    async forget(address) {
      learned.delete(address);
      await redis.hdel(keys.aliases, address);
    },
  };
}
