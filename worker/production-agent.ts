import { totalmem } from 'node:os';
import type { Environment } from '../shared/runtime/env.ts';
import type { Log } from '../shared/runtime/log.ts';
import { createModelPrices } from '../shared/runtime/model-prices.ts';
import { createModelRequests } from '../shared/store/money/model-requests.ts';
import type { Redis } from '../shared/store/redis/redis.ts';
import { usualName } from './agent/sandbox/user.ts';
import type { AgentPlatformOptions } from './agent/sandbox/platform.ts';
import type { AgentUsers } from './agent/homes/agent-users.ts';
import { endProcesses } from './agent/sandbox/ending.ts';
import type { GroupLease } from './agent/sandbox/group-lease.ts';
import { findMemoryEvents } from './agent/sandbox/machine-watch.ts';
import { isOfWorker, killMarked } from './agent/sandbox/processes.ts';
import { maxProcessesOf } from './agent/sandbox/bounds.ts';
import type { FileReader } from './reading/file-reader.ts';
import type { WorkerConfig } from './config.ts';
import type { CreateAgent } from './process/boot.ts';
import { maxLiveAgents } from './concurrency.ts';

/** How long an idle process is kept for its conversation's next message (ms). */
const idleMs = 10 * 60_000;
/** How long nothing may have started or ended before a process is prewarmed (ms). */
const prewarmMs = 1500;

/** What this machine has for the agent's processes. */
export type AgentMachine = {
  users: AgentUsers | undefined;
  groups: GroupLease | undefined;
  chromium: string | undefined;
};

export type ProductionAgentDeps = {
  config: WorkerConfig;
  environment: Environment;
  machine: AgentMachine;
  reader: FileReader;
  log: Log;
};

/**
 * Creates production's agent, Claude Code, once the worker has its name; first ends what an earlier
 * boot left running.
 */
export function createProductionAgent({
  config,
  environment,
  machine: { users, groups, chromium },
  reader,
  log,
}: ProductionAgentDeps): CreateAgent {
  return async (owner, redis, secretsOf, home) => {
    const [{ createClaudeAgent }, orphans] = await Promise.all([
      import('./agent/claude/agent.ts'),
      endLeft(config, { users, groups }),
    ]);
    if (orphans > 0) log.warn({ orphans }, 'ended what an earlier boot left running');
    return createClaudeAgent({
      dataDir: config.DATA_DIR,
      users,
      owner,
      log,
      secrets: {
        ANTHROPIC_API_KEY: config.ANTHROPIC_API_KEY,
        CLAUDE_CODE_OAUTH_TOKEN: config.CLAUDE_CODE_OAUTH_TOKEN,
        ANTHROPIC_BASE_URL: config.ANTHROPIC_BASE_URL,
        ANTHROPIC_MODEL: config.ANTHROPIC_MODEL,
        GITHUB_TOKEN: config.GITHUB_TOKEN,
      },
      environment: { host: environment, variablesOf: secretsOf },
      accounting: accountingOf(config, redis, home),
      session: {
        chromium,
        reader,
        suggests: config.SUGGESTIONS,
        modelPatienceMs: config.MODEL_PATIENCE_SECONDS * 1000,
      },
      processes: {
        groups,
        maxProcesses: maxProcessesOf(config.AGENT_MAX_PROCESSES, users?.first),
        memoryEvents: findMemoryEvents(),
      },
      pool: {
        maxLive: config.MAX_LIVE_AGENTS ?? maxLiveAgents(totalmem(), process.constrainedMemory()),
        idleMs,
        prewarmMs,
      },
    });
  };
}

/** Accounting for a home, prices and limits (millionths of a dollar) for the model's requests. */
export function accountingOf(
  config: WorkerConfig,
  redis: Redis,
  home: string,
): AgentPlatformOptions['accounting'] {
  const micros = (usd: number | undefined): number | undefined =>
    usd === undefined ? undefined : Math.round(usd * 1e6);
  return {
    requests: createModelRequests(redis, home),
    prices: createModelPrices(config.MODEL_PRICES),
    limits: {
      turn: micros(config.BUDGET_USD_PER_TURN),
      day: micros(config.BUDGET_USD_PER_DAY),
      month: micros(config.BUDGET_USD_PER_MONTH),
    },
  };
}

/**
 * Ends the processes left by earlier boots: those with their mark, and any of an agent whose worker
 * is dead. Ends all processes of a user only where that user is the agent's alone, and no other
 * worker on this machine has an agent of that user.
 */
async function endLeft(
  config: WorkerConfig,
  { users, groups }: Pick<AgentMachine, 'users' | 'groups'>,
): Promise<number> {
  const marked = await killMarked((mark) => isOfWorker(mark, config.WORKER_ID, config.DATA_DIR), {
    users,
  });
  const isOnlyOurs = (uid: number): boolean => {
    if (!users?.has(uid)) return false;
    const { isPicked, name } = users.at(uid);
    return isPicked === true || name === usualName;
  };
  return marked + (groups ? await endProcesses((table) => groups.orphans(table, isOnlyOurs)) : 0);
}
