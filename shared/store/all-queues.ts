import { createDeliveries, createTurns } from './queues.ts';
import type { Deliveries, QueueOptions, Turns } from './queues.ts';
import { createRoutes } from './homes/routes.ts';
import type { Redis } from './redis/redis.ts';
import { createSchedules } from './schedules.ts';
import type { Schedules } from './schedules.ts';

/** The three queues of the system. */
export type Queues = {
  turns: Turns;
  deliveries: Deliveries;
  schedules: Schedules;
  close(): Promise<unknown>;
};

/** Opens the queues on a connection that the caller closes after them. */
export function createQueues(redis: Redis, given: QueueOptions): Queues {
  const { home = '', routes = createRoutes(home) } = given;
  const options = { ...given, home, routes };
  const [turns, deliveries, schedules] = [
    createTurns(redis, options),
    createDeliveries(redis, options),
    createSchedules(redis, options),
  ];
  const close = (): Promise<unknown> =>
    Promise.all([turns.close(), deliveries.close(), schedules.close()]);
  return { turns, deliveries, schedules, close };
}
