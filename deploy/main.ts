import { existsSync } from 'node:fs';
import path from 'node:path';
import { createLog } from '../shared/runtime/log.ts';
import { createAsking } from './asking.ts';
import { deploy } from './deploy.ts';
import { createFly } from './fly.ts';
import { deployHelp, parseDeployOptions } from './options.ts';
import { runCommand } from './command.ts';

const root = path.join(import.meta.dirname, '..');
if (existsSync('.env')) process.loadEnvFile('.env');

process.exitCode = await runCommand(
  'deploy',
  (line) => console.error(line),
  async () => {
    const options = parseDeployOptions(process.argv.slice(2));
    if (options === 'help') return console.log(deployHelp);
    const isAtTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
    await deploy(options, {
      fly: createFly(process.env, root, (text) => process.stdout.write(text)),
      environment: process.env,
      asking: isAtTerminal ? createAsking() : undefined,
      say: (line) => console.log(line),
      root,
      patience: { patienceMs: 180_000, everyMs: 3000 },
      log: createLog('deploy', 'silent'),
    });
  },
);
