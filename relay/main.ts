import { existsSync } from 'node:fs';
import { createLog } from '../shared/log.ts';
import { runProcess } from '../shared/lifecycle.ts';
import { startTracing } from '../shared/telemetry.ts';
import { parseRelayConfig } from './config.ts';
import { relayParts, runRelay } from './relay.ts';

if (existsSync('.env')) process.loadEnvFile('.env');

const log = createLog('relay', process.env['LOG_LEVEL'] || 'info');

await runProcess(log, async () => {
  const config = parseRelayConfig(process.env);
  return await runRelay(config, log, { ...relayParts(config, log), tracing: await startTracing(config, 'sidepocket-relay') });
});
