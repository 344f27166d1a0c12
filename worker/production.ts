import type { Environment } from '../shared/runtime/env.ts';
import { guardEventLoop } from '../shared/runtime/event-loop-guard.ts';
import { createLog } from '../shared/runtime/log.ts';
import { runProcess } from '../shared/runtime/lifecycle.ts';
import { settleAgent } from './agent/sandbox/setup.ts';
import { findChromium } from './agent/mcp/browser.ts';
import { claudeDirectory } from './agent/sandbox/environment.ts';
import { leaseGroups } from './agent/sandbox/group-lease.ts';
import { bootWorker } from './process/boot.ts';
import { parseWorkerConfig } from './config.ts';
import { createProductionAgent } from './production-agent.ts';
import { createFileReader } from './reading/file-reader.ts';
import { createHidden } from './secrets/hidden.ts';

/**
 * Runs the production worker until it is stopped. `environment` is the process's own. Loads and
 * runs first what Claude Code's start needs, and the rest while it starts.
 */
export async function runWorkerProcess(environment: Environment): Promise<void> {
  const hidden = createHidden();
  const log = createLog('worker', environment['LOG_LEVEL'] || 'info', undefined, hidden.blankAll);
  await runProcess(log, async (quit) => {
    const asked = parseWorkerConfig(environment);
    // Installed before the first turn, whose content may be what freezes the worker.
    guardEventLoop('worker', log);
    // Runs before the boot is counted, which fences off every earlier one: a broken worker must not
    // end a working one.
    const chromium = asked.CHROMIUM_PATH ?? (await findChromium(environment['PATH'] ?? ''));
    const settled = await settleAgent({
      wanted: asked.AGENT_USER,
      dataDir: asked.DATA_DIR,
      imagesDir: asked.IMAGES_DIR,
      redisUrl: asked.REDIS_URL,
      programs: chromium === undefined ? [] : [chromium],
      log,
    });
    const config = { ...asked, DATA_DIR: settled.dataDir, IMAGES_DIR: settled.imagesDir };
    // The SDK reads transcripts in this process, so it needs Claude Code's directory.
    environment['CLAUDE_CONFIG_DIR'] = claudeDirectory(config.DATA_DIR);
    const uid = settled.user?.uid ?? process.getuid?.();
    const groups = uid === undefined ? undefined : leaseGroups(uid);
    const user = settled.user && { ...settled.user, ...(groups ? { group: groups.own } : {}) };
    const reader = createFileReader({ user, log });
    const createAgent = createProductionAgent({
      config,
      environment,
      user,
      groups,
      chromium,
      reader,
      log,
    });
    const boot = await bootWorker(config, createAgent, log, hidden);
    await boot.ready;
    const [{ createProductionParts }, { runWorker }] = await Promise.all([
      import('./production-parts.ts'),
      import('./worker.ts'),
    ]);
    const parts = await createProductionParts({ config, environment, user, log, quit });
    return await runWorker(
      config,
      { ...parts, createAgent, media: { ...parts.media, reader } },
      log,
      boot,
    );
  });
}
