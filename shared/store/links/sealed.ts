import { z } from 'zod';
import { parseJson } from '../../runtime/json.ts';
import { keys } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';

/** A secret on its way to the person's computer; only that computer can open `box` (base64url). */
const SealedSecret = z.object({ person: z.string(), name: z.string(), box: z.string() });
export type SealedSecret = z.infer<typeof SealedSecret>;

/** Sealed secrets between the page that they were entered on and the worker, by the link's id. */
export type SealedSecrets = {
  /** Keeps it for an hour. The first one of a link stays. */
  put(link: string, secret: SealedSecret): Promise<void>;
  /**
   * What waits under this link's id, its `box` empty once it was taken; undefined when it is gone.
   */
  find(link: string): Promise<SealedSecret | undefined>;
  /** Empties the box: the worker has stored what was in it. */
  empty(link: string): Promise<void>;
  remove(link: string): Promise<void>;
};

/** How long a sealed secret waits for the worker (seconds). */
const waitSeconds = 3600;

export function createSealedSecrets(redis: Redis): SealedSecrets {
  const find = async (link: string): Promise<SealedSecret | undefined> => {
    const stored = await redis.get(keys.sealed(link));
    return stored === null ? undefined : SealedSecret.safeParse(parseJson(stored)).data;
  };
  return {
    find,
    async put(link, secret) {
      await redis.set(keys.sealed(link), JSON.stringify(secret), 'EX', waitSeconds, 'NX');
    },
    async empty(link) {
      const stored = await find(link);
      if (stored === undefined) return;
      await redis.set(keys.sealed(link), JSON.stringify({ ...stored, box: '' }), 'KEEPTTL', 'XX');
    },
    remove: async (link) => void (await redis.del(keys.sealed(link))),
  };
}
