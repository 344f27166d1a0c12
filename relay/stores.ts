import type { Telemetry } from 'bullmq';
import { createFileStore } from '../shared/file-store.ts';
import type { FileStore } from '../shared/file-store.ts';
import { createLedger } from '../shared/ledger.ts';
import type { Ledger } from '../shared/ledger.ts';
import { createOutbox } from '../shared/outbox.ts';
import type { Outbox } from '../shared/outbox.ts';
import { createDeliveries, createTurns } from '../shared/queues.ts';
import type { Deliveries, Turns } from '../shared/queues.ts';
import type { Redis } from '../shared/redis.ts';
import { createSchedules } from '../shared/schedules.ts';
import type { Schedules } from '../shared/schedules.ts';
import { createSetAside } from '../shared/set-aside.ts';
import type { SetAside } from '../shared/set-aside.ts';
import { createSpend } from '../shared/spend.ts';
import type { Spend } from '../shared/spend.ts';

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
