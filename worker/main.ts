import { existsSync } from 'node:fs';
import { keepCompiledCode } from '../shared/runtime/compile-cache.ts';
import { refuseArguments } from '../shared/runtime/command-line.ts';
import { withdrawEnvironment } from '../shared/runtime/withdrawn-environment.ts';

refuseArguments(process.argv.slice(2), {
  command: 'npm run worker',
  help: `Runs the worker: gives what people write to Claude Code on this machine, and sends the answers.

  npm run worker

It has no options. Variables from the environment and from a file .env configure it: .env.example has the needed ones,
docs/reference.md lists all, and “npm run doctor -- --for worker” looks whether everything is there.
The first Ctrl-C or SIGTERM stops it in order, a second one at once.

Exit codes: 0 stopped or asleep, 1 it could not start, 2 wrong usage, 130 ended by a second signal.`,
});
withdrawEnvironment(process.env);
keepCompiledCode();
if (existsSync('.env')) process.loadEnvFile('.env');

// Imported after the compile cache is enabled, so that the cache includes it.
const { runWorkerProcess } = await import('./production.ts');
await runWorkerProcess(process.env);
