import type { Environment } from '../shared/runtime/env.ts';
import { guardEventLoop } from '../shared/runtime/event-loop-guard.ts';
import { createLog } from '../shared/runtime/log.ts';
import { runProcess } from '../shared/runtime/lifecycle.ts';
import type { Running } from '../shared/runtime/lifecycle.ts';
import { setUpAgent } from './agent/sandbox/setup.ts';
import { findChromium } from './agent/mcp/browser.ts';
import { createAgentUsers } from './agent/homes/agent-users.ts';
import { hasEarlier } from './agent/homes/earlier-layout.ts';
import { createHomes } from './agent/homes/homes.ts';
import { leaseGroups } from './agent/sandbox/group-lease.ts';
import { bootWorker, lookAhead } from './process/boot.ts';
import { parseWorkerConfig } from './config.ts';
import { createProductionAgent } from './production-agent.ts';
import { createFileReader } from './reading/file-reader.ts';
import { withStartProblems } from './process/start-problem.ts';
import { createHidden } from './secrets/hidden.ts';

/**
 * Runs the production worker until it is stopped. `environment` is the process's own. Loads and
 * runs first what Claude Code's start needs, and the rest while it starts.
 */
export async function runWorkerProcess(environment: Environment): Promise<void> {
  const hidden = createHidden();
  const log = createLog('worker', environment['LOG_LEVEL'] || 'info', undefined, hidden.blankAll);
  const start = async (quit: () => void): Promise<Running> => {
    const asked = parseWorkerConfig(environment);
    // Installed before the first turn, whose content may be what freezes the worker.
    guardEventLoop('worker', log);
    const ahead = lookAhead(asked, log);
    // Claude Code's side loads while the agent's user is settled, which mostly waits for shells.
    ahead.coming.then(
      (coming) => coming && import('./agent/claude/agent.ts'),
      () => undefined,
    );
    // Runs before the boot is counted, which fences off every earlier one: a broken worker must not
    // end a working one.
    const chromium = asked.CHROMIUM_PATH ?? (await findChromium(environment['PATH'] ?? ''));
    const settled = await setUpAgent({
      wanted: asked.AGENT_USER,
      dataDir: asked.DATA_DIR,
      imagesDir: asked.IMAGES_DIR,
      redisUrl: asked.REDIS_URL,
      programs: chromium === undefined ? [] : [chromium],
      log,
    });
    const config = { ...asked, DATA_DIR: settled.dataDir, IMAGES_DIR: settled.imagesDir };
    const known = settled.user && createAgentUsers(settled.user, settled.block);
    const uid = settled.user?.uid ?? process.getuid?.();
    const groups = uid === undefined ? undefined : leaseGroups(uid, known?.has);
    const group = groups ? { group: groups.own } : {};
    const users = settled.user && createAgentUsers({ ...settled.user, ...group }, settled.block);
    const homes = createHomes({
      dataDir: config.DATA_DIR,
      imagesDir: config.IMAGES_DIR,
      users,
      isFirstKept: () => hasEarlier(config.DATA_DIR),
    });
    const reader = createFileReader({ userOf: users?.reader, log });
    const createAgent = createProductionAgent({
      config,
      environment,
      machine: { users, groups, chromium },
      reader,
      log,
    });
    const boot = await bootWorker(config, createAgent, log, { hidden, homes, ahead });
    await boot.ready;
    const [{ createProductionDeps }, { runWorker }] = await Promise.all([
      import('./production-deps.ts'),
      import('./worker.ts'),
    ]);
    const parts = await createProductionDeps({ config, environment, homes, log, quit });
    return await runWorker(
      config,
      { ...parts, createAgent, media: { ...parts.media, reader } },
      log,
      boot,
    );
  };
  await runProcess(log, (quit) =>
    withStartProblems(environment['REDIS_URL'], log, () => start(quit)),
  );
}
