import { totalmem } from 'node:os';
import type { Environment } from '../shared/env.ts';
import type { Log } from '../shared/log.ts';
import type { Agent } from './agent/agent.ts';
import type { AgentUser } from './agent/agent-user.ts';
import { findChromium } from './agent/browser.ts';
import { isOfWorker, killMarked } from './agent/processes.ts';
import type { WorkerConfig } from './config.ts';
import { maxLiveAgents } from './max-agents.ts';

/** How long an idle process is kept for its conversation's next message (ms). */
const idleMs = 10 * 60_000;
/** How long nothing may have begun or ended before a spare is started (ms). */
const spareMs = 1500;

export type ProductionAgentParts = { config: WorkerConfig; environment: Environment; user: AgentUser | undefined; log: Log };

/** How production makes its agent, Claude Code, once the worker has its name: what an earlier boot left running is ended first. */
export function createProductionAgent({ config, environment, user, log }: ProductionAgentParts): (owner: string) => Promise<Agent> {
  return async (owner) => {
    const ended = killMarked((mark) => isOfWorker(mark, config.WORKER_ID, config.DATA_DIR), { user });
    const [{ createClaudeAgent }, orphans, chromium] = await Promise.all([import('./agent/claude.ts'), ended, config.CHROMIUM_PATH ?? findChromium(environment['PATH'] ?? '')]);
    if (orphans > 0) log.warn({ orphans }, 'ended what an earlier boot left running');
    return createClaudeAgent({
      dataDir: config.DATA_DIR, imagesDir: config.IMAGES_DIR, user, owner, log, chromium,
      secrets: {
        ANTHROPIC_API_KEY: config.ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN: config.CLAUDE_CODE_OAUTH_TOKEN,
        ANTHROPIC_BASE_URL: config.ANTHROPIC_BASE_URL, ANTHROPIC_MODEL: config.ANTHROPIC_MODEL, GITHUB_TOKEN: config.GITHUB_TOKEN,
      },
      host: environment, watchesCost: config.BUDGET_USD_PER_TURN !== undefined || config.BUDGET_USD_PER_DAY !== undefined, modelPatienceMs: config.MODEL_PATIENCE_SECONDS * 1000,
      maxLive: config.MAX_LIVE_AGENTS ?? maxLiveAgents(totalmem(), process.constrainedMemory()), idleMs, spareMs,
    });
  };
}
