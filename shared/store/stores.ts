import type { Queues } from './all-queues.ts';
import { createBackground } from './background.ts';
import type { Background } from './background.ts';
import { createAllowed } from './allowed.ts';
import type { Allowed } from './allowed.ts';
import { createInbox } from './boxes/inbox.ts';
import type { Inbox } from './boxes/inbox.ts';
import { createDecisions } from './people/decisions.ts';
import type { Decisions } from './people/decisions.ts';
import { createConversations } from './conversation.ts';
import type { Conversations } from './conversation.ts';
import { createFileStore } from './files.ts';
import type { FileStore } from './files.ts';
import { createLedger } from './boxes/ledger.ts';
import type { Ledger } from './boxes/ledger.ts';
import { createOutbox } from './boxes/outbox.ts';
import type { Outbox } from './boxes/outbox.ts';
import type { Log } from '../runtime/log.ts';
import { createTellOwner } from './owner.ts';
import type { TellOwner } from './owner.ts';
import { createPeopleStore } from './people.ts';
import type { People } from './people.ts';
import { createRedisMemory, warnOfPressure } from './redis/redis-memory.ts';
import type { RedisMemory } from './redis/redis-memory.ts';
import { createHomeRegistry } from './homes/registry.ts';
import type { HomeRegistry } from './homes/registry.ts';
import { createMoves } from './homes/moves.ts';
import type { Moves } from './homes/moves.ts';
import type { HomeSuffix } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { createSetAside } from './boxes/set-aside.ts';
import type { SetAside } from './boxes/set-aside.ts';
import { createSessions } from './sessions.ts';
import type { Sessions } from './sessions.ts';
import { createMeters } from './money/meters.ts';
import type { Meters } from './money/meters.ts';
import { createSpend } from './money/spend.ts';
import type { Spend } from './money/spend.ts';

/** Everything that relay and worker keep in Redis. */
export type Stores = Queues & {
  redis: Redis;
  /** The homes of the people. */
  homes: HomeRegistry;
  /** People who go from one home to another. */
  moves: Moves;
  /** Redis's memory; the owner is notified when it is nearly full. */
  memory: RedisMemory;
  /** Notices to the owner go through the outbox. */
  tellOwner: TellOwner;
  inbox: Inbox;
  outbox: Outbox;
  ledger: Ledger;
  conversations: Conversations;
  sessions: Sessions;
  allowed: Allowed;
  people: People;
  decisions: Decisions;
  setAside: SetAside;
  files: FileStore;
  spend: Spend;
  meters: Meters;
  background: Background;
};

/**
 * Messages and replies are kept for `days`; `isPretend`: the model costs nothing; `home` is that of
 * a worker, by default the first.
 */
export type StoresOptions = { days: number; log: Log; isPretend?: boolean; home?: HomeSuffix };

/** Creates the stores beside their queues, on a connection that the caller closes after them. */
export function createStores(redis: Redis, queues: Queues, options: StoresOptions): Stores {
  const { turns, deliveries, schedules } = queues;
  const { days, log, isPretend = false, home = '' } = options;
  const outbox = createOutbox(redis, deliveries, days);
  const tellOwner = createTellOwner({ redis, outbox, log });
  const memory = createRedisMemory(redis, warnOfPressure(log, tellOwner));
  return {
    ...queues,
    redis,
    homes: createHomeRegistry(redis),
    moves: createMoves(redis),
    memory,
    tellOwner,
    inbox: createInbox(redis, days, turns.name),
    outbox,
    ledger: createLedger(redis, () => new Date(), days),
    conversations: createConversations(redis),
    sessions: createSessions(redis),
    allowed: createAllowed(redis),
    people: createPeopleStore(redis),
    decisions: createDecisions(redis),
    setAside: createSetAside(redis, turns, deliveries, schedules),
    files: createFileStore(redis, undefined, undefined, memory),
    spend: createSpend(redis, { isPretend }),
    meters: createMeters(redis),
    background: createBackground(redis, home),
  };
}
