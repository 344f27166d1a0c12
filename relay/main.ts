import { existsSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { keepCompiledCode } from '../shared/runtime/compile-cache.ts';
import { refuseArguments } from '../shared/runtime/command-line.ts';
import { withdrawEnvironment } from '../shared/runtime/withdrawn-environment.ts';
import { keepHeapSmall } from './small-heap.ts';

refuseArguments(process.argv.slice(2), {
  command: 'npm run relay',
  help: `Runs the relay: takes Twilio's webhooks in, wakes the worker, and serves the dashboard.

  npm run relay

It has no options. Variables from the environment and from a file .env configure it: .env.example has the needed ones,
docs/reference.md lists all, and “npm run doctor -- --for relay” looks whether everything is there.
The first Ctrl-C or SIGTERM stops it in order, a second one at once.

Exit codes: 0 stopped, 1 it could not start, 2 wrong usage, 130 ended by a second signal.`,
});
// In the image no other program runs as this user, and a second start takes a tenth of a second.
if (process.env['SIDEPOCKET_ALONE'] !== '1') withdrawEnvironment(process.env);
keepCompiledCode();
if (existsSync('.env')) process.loadEnvFile('.env');

// Loaded here so that the cache contains it.
const { runRelayProcess } = await import('./production.ts');
// Cached code is tied to the engine's current flags, so the cache is written before they change.
flushCompileCache();
keepHeapSmall();
await runRelayProcess(process.env);
