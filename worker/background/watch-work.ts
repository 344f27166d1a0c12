import { createIntake } from '../../shared/store/boxes/intake.ts';
import type { Stores } from '../../shared/store/stores.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Agent } from '../agent/agent.ts';
import { awakeOf } from '../config.ts';
import type { WorkerConfig } from '../config.ts';
import { watchBackground } from './watch.ts';
import type { BackgroundWatch } from './watch.ts';

/** Watches the agent's work in the background; undefined when it has none. */
export function watchWork({
  config,
  stores,
  agent,
  owner,
  log,
}: {
  config: WorkerConfig;
  stores: Stores;
  agent: Agent;
  owner: string;
  log: Log;
}): BackgroundWatch | undefined {
  return (
    agent.background &&
    watchBackground({
      control: agent.background,
      store: stores.background,
      accept: createIntake(stores.turns, config.RETENTION_DAYS),
      allowed: stores.allowed,
      people: stores.people,
      owner,
      longestMs: config.BACKGROUND_MINUTES * 60_000,
      awake: awakeOf(config),
      log,
      now: Date.now,
    })
  );
}
