import { existsSync } from 'node:fs';
import { createLog } from '../shared/log.ts';
import { runProcess } from '../shared/lifecycle.ts';
import { parseRelayConfig } from './config.ts';
import { runRelay } from './relay.ts';

if (existsSync('.env')) process.loadEnvFile('.env');

const log = createLog('relay', process.env['LOG_LEVEL'] || 'info');

await runProcess(log, async () => await runRelay(parseRelayConfig(process.env), log));
