import type { Environment } from '../shared/runtime/env.ts';
import { guardEventLoop } from '../shared/runtime/event-loop-guard.ts';
import { createLog } from '../shared/runtime/log.ts';
import { runProcess } from '../shared/runtime/lifecycle.ts';
import { startTracing } from '../shared/runtime/telemetry.ts';
import { parseRelayConfig } from './config.ts';
import { relayDeps, runRelay } from './relay.ts';

/** The relay as production runs it, until it is stopped. `environment` is the process's own. */
export async function runRelayProcess(environment: Environment): Promise<void> {
  const log = createLog('relay', environment['LOG_LEVEL'] || 'info');
  await runProcess(log, async () => {
    const config = parseRelayConfig(environment);
    const relay = await runRelay(config, log, {
      ...relayDeps(config, log),
      tracing: await startTracing(config, 'sidepocket-relay'),
    });
    guardEventLoop('relay', log);
    return relay;
  });
}
