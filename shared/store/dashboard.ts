import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';

/** What a worker knows of the dashboard, which only the relay has: whether there is one. */
export type Dashboard = {
  /** Notes whether the relay that started last has a dashboard. */
  note(isThere: boolean): Promise<void>;
  isThere(): Promise<boolean>;
};

export function createDashboardNote(redis: Redis): Dashboard {
  return {
    async note(isThere) {
      await (isThere ? redis.set(keys.dashboard, '1') : redis.del(keys.dashboard));
    },
    isThere: async () => (await redis.exists(keys.dashboard)) === 1,
  };
}
