import type { Environment } from '../shared/env.ts';
import { createLog } from '../shared/log.ts';
import { runProcess } from '../shared/lifecycle.ts';
import { settleAgent } from './agent/agent-settling.ts';
import { claudeDirectory } from './agent/environment.ts';
import { bootWorker } from './boot.ts';
import { parseWorkerConfig } from './config.ts';
import { createProductionAgent } from './production-agent.ts';

/**
 * The worker as production runs it, until it is told to stop. `environment` is the process's own. What Claude Code's start needs is loaded and done first, and the
 * rest is loaded while it starts.
 */
export async function runWorkerProcess(environment: Environment): Promise<void> {
  const log = createLog('worker', environment['LOG_LEVEL'] || 'info');
  await runProcess(log, async (quit) => {
    const config = parseWorkerConfig(environment);
    // The SDK reads transcripts in this process; it must look where Claude Code writes them.
    environment['CLAUDE_CONFIG_DIR'] = claudeDirectory(config.DATA_DIR);
    // Before the boot is counted, which fences off every earlier one: a worker that cannot work must not end one that does.
    const user = await settleAgent({ wanted: config.AGENT_USER, dataDir: config.DATA_DIR, imagesDir: config.IMAGES_DIR, redisUrl: config.REDIS_URL, log });
    const createAgent = createProductionAgent({ config, environment, user, log });
    const boot = await bootWorker(config, createAgent, log);
    await boot.ready;
    const [{ createProductionParts }, { runWorker }] = await Promise.all([import('./production-parts.ts'), import('./worker.ts')]);
    const parts = await createProductionParts({ config, environment, user, log, quit });
    return await runWorker(config, { ...parts, createAgent }, log, boot);
  });
}
