import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';

/**
 * Which conversation an address is known to belong to besides the one that it names: a person's
 * user id beside their number, or the other way round.
 */
export type Aliases = {
  /** What this process has learned already. */
  known(address: string): string | undefined;
  /** What Redis knows. Throws when it is away. */
  find(address: string): Promise<string | undefined>;
  /** The acceptance of a message has written it. */
  learn(address: string, conversation: string): void;
  /** It holds no longer. Throws when Redis is away. */
  forget(address: string): Promise<void>;
};

/** Only addresses of people who may write come in here, so their number is small. */
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
