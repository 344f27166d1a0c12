import type { Worker } from 'bullmq';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Running } from '../../shared/runtime/lifecycle.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Turns } from '../../shared/store/queues.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';
import { channels, listenToControl } from '../../shared/store/redis/pubsub.ts';
import type { Control } from '../../shared/store/redis/pubsub.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { Arrivals } from './arrivals.ts';
import type { Lease } from './lease.ts';
import type { SessionLock } from './session-lock.ts';

type ListeningDeps = {
  redis: Redis;
  home: HomeSuffix;
  claims: SessionLock;
  arrivals: Arrivals;
  turns: Pick<Turns, 'promote' | 'name'>;
  lease: Pick<Lease, 'renewSoon'>;
  /** The open queues by their names. */
  workers: ReadonlyMap<string, Worker>;
  log: Log;
};

/** Subscribes to what other processes publish to the workers of a home. */
export function listenToWorkers(deps: ListeningDeps): Promise<Running> {
  const { redis, home, claims, arrivals, turns, lease, workers, log } = deps;
  /** Has the conversation's turn handed back. */
  const interrupt = (conversation: string): void =>
    void redis.get(keys.deduplication(turns.name, conversation)).then(
      (job) =>
        job !== null && workers.get(turns.name)?.cancelJob(job, 'the person moves to another home'),
      (error: unknown) => log.warn({ err: error }, 'a turn of a person who moves goes on'),
    );
  const onControl = (said: Control): void => {
    // The renewal returns the homes that this one sends for.
    if (said.kind === 'dead' && said.helper === home) lease.renewSoon();
    if (said.kind === 'moving' && said.home === home) said.conversations.forEach(interrupt);
    if (said.kind !== 'message') return claims.onControl(said);
    arrivals.announce(said.conversation, said.id);
    // A turn delayed by a usage limit reads new messages: one may be a command, or need a reply.
    if (said.putOff)
      turns
        .promote(said.conversation)
        .catch((error: unknown) => log.warn({ err: error }, 'promoting a delayed turn failed'));
  };
  return listenToControl(redis, onControl, () => arrivals.announceAll(), channels.ofWorkers(home));
}
