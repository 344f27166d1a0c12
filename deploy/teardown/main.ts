import { existsSync } from 'node:fs';
import path from 'node:path';
import { createAsking } from '../asking.ts';
import { runCommand } from '../command.ts';
import { createFly } from '../fly.ts';
import { takeComputerAway } from './computer.ts';
import { parseTeardownOptions, teardownHelp } from './options.ts';
import { tearDown } from './teardown.ts';

const root = path.join(import.meta.dirname, '..', '..');
if (existsSync('.env')) process.loadEnvFile('.env');

process.exitCode = await runCommand(
  'teardown',
  (line) => console.error(line),
  async () => {
    const options = parseTeardownOptions(process.argv.slice(2));
    if (options === 'help') return console.log(teardownHelp);
    const isAtTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
    const parts = {
      fly: createFly(process.env, root, (text) => process.stdout.write(text)),
      environment: process.env,
      asking: isAtTerminal ? createAsking() : undefined,
      say: (line: string) => console.log(line),
    };
    await (options.computer === undefined
      ? tearDown(options, parts)
      : takeComputerAway(options.computer, options, parts));
  },
);
