import type { Telemetry } from 'bullmq';
import { createFileStore } from '../shared/store/files.ts';
import type { FileStore } from '../shared/store/files.ts';
import { createLedger } from '../shared/store/boxes/ledger.ts';
import type { Ledger } from '../shared/store/boxes/ledger.ts';
import { createOutbox } from '../shared/store/boxes/outbox.ts';
import type { Outbox } from '../shared/store/boxes/outbox.ts';
import { createDeliveries, createTurns } from '../shared/store/queues.ts';
import type { Deliveries, Turns } from '../shared/store/queues.ts';
import type { Redis } from '../shared/store/redis/redis.ts';
import { createSchedules } from '../shared/store/schedules.ts';
import type { Schedules } from '../shared/store/schedules.ts';
import { createSetAside } from '../shared/store/boxes/set-aside.ts';
import type { SetAside } from '../shared/store/boxes/set-aside.ts';
import { createSpend } from '../shared/store/spend.ts';
import type { Spend } from '../shared/store/spend.ts';

/** What the relay keeps in Redis and reads there. */
export type Stores = {
  redis: Redis;
  turns: Turns;
  deliveries: Deliveries;
  schedules: Schedules;
  outbox: Outbox;
  ledger: Ledger;
  files: FileStore;
  spend: Spend;
  setAside: SetAside;
  close(): Promise<unknown>;
};

/**
 * Makes them on a connection of the caller's, which stays the caller's to close. What was said is
 * kept for `retentionDays`.
 */
export function createStores(
  redis: Redis,
  retentionDays: number,
  telemetry: Telemetry | undefined,
): Stores {
  const options = { retentionDays, telemetry };
  const [turns, deliveries, schedules] = [
    createTurns(redis, options),
    createDeliveries(redis, options),
    createSchedules(redis, options),
  ];
  return {
    redis,
    turns,
    deliveries,
    schedules,
    outbox: createOutbox(redis, deliveries, retentionDays),
    ledger: createLedger(redis, () => new Date(), retentionDays),
    files: createFileStore(redis),
    spend: createSpend(redis),
    setAside: createSetAside(redis, turns, deliveries, schedules),
    close: () => Promise.all([turns.close(), deliveries.close(), schedules.close()]),
  };
}
