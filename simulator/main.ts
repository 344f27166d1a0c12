import { existsSync } from 'node:fs';
import path from 'node:path';
import { refuseArguments } from '../shared/runtime/command-line.ts';
import type { Simulator } from './simulator.ts';

refuseArguments(process.argv.slice(2), {
  command: 'npm start',
  help: `Runs the whole system on this machine: the real relay and worker, a Redis, and a simulated Twilio with a phone page.

  npm start

It needs no account and has no options. With ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN in the environment or in a file .env
the real model answers, otherwise a scripted one; docs/reference.md lists the other variables that apply here, too.
It prefers the ports 4040 (phone page), 8080 (relay) and 8081 (worker), and takes others where these are in use.
“npm run send” sends a message from another terminal. The first Ctrl-C stops everything in order, a second one at once.

Exit codes: 0 stopped, 1 it could not start, 2 wrong usage, 130 ended by a second signal.`,
});

// Loaded after that: the help needs nothing of it.
const [{ runProcess }, { createLog }, { claimRunningFile }, { runSimulator }] = await Promise.all([
  import('../shared/runtime/lifecycle.ts'),
  import('../shared/runtime/log.ts'),
  import('./running-file.ts'),
  import('./simulator.ts'),
]);

const dir = path.join(import.meta.dirname, '..', '.sidepocket');
const ports = { phone: 4040, relay: 8080, worker: 8081 };
/** A system that stops needs up to 25 s: its worker 15, the rest little (ms). */
const stopPatience = 60_000;
if (existsSync('.env')) process.loadEnvFile('.env');
const log = createLog('simulator', process.env['LOG_LEVEL'] || 'warn');

/** The variables that select the real model instead of the scripted one. */
const modelVariables = [
  'ANTHROPIC_API_KEY',
  'CLAUDE_CODE_OAUTH_TOKEN',
  'ANTHROPIC_BASE_URL',
  'ANTHROPIC_MODEL',
];

/** Other variables that apply here, too. */
const choices = [
  'PERMISSIONS',
  'ANSWER_MINUTES',
  'BACKGROUND_MINUTES',
  'QUESTION_HOLD_MINUTES',
  'SUGGESTIONS',
  'CHECKPOINTS',
  'MESSAGES_PER_TURN',
  'BUDGET_USD_PER_TURN',
  'BUDGET_USD_PER_DAY',
  'BUDGET_USD_PER_MONTH',
  'MAX_AGENTS',
  'MAX_LIVE_AGENTS',
  'TRANSCRIBE_URL',
  'TRANSCRIBE_API_KEY',
  'TRANSCRIBE_MODEL',
  'TRANSCRIBE_COMMAND',
  'SPEAK_URL',
  'SPEAK_API_KEY',
  'SPEAK_MODEL',
  'SPEAK_VOICE',
  'SPEAK_COMMAND',
  'ADMIN_WRITE',
  'LOG_LEVEL',
  'GITHUB_TOKEN',
  'AGENT_USER',
  'AGENT_MAX_PROCESSES',
];

function pick(names: string[]): [string, string][] {
  return names.flatMap((name): [string, string][] =>
    process.env[name] ? [[name, process.env[name]]] : [],
  );
}

function realModel(): Record<string, string> {
  const present = pick(modelVariables);
  return present.some(
    ([name]) => name === 'ANTHROPIC_API_KEY' || name === 'CLAUDE_CODE_OAUTH_TOKEN',
  )
    ? Object.fromEntries(present)
    : {};
}

/** The user that Claude Code and its tools run as, and the place of their files. */
function describeAgent({ user, dataDir, programs }: Simulator['agent']): string {
  const own = process.getuid?.() === 0 ? 'root, as AGENT_USER says' : 'your own user';
  return `${user === undefined ? own : `a user of its own, number ${user}`}, with its files in ${dataDir}${programs === undefined ? '' : ` and copies of the programs in ${programs}`}`;
}

/** Why a page is not at the port that it prefers; empty where it is. */
function whyElsewhere(url: string, preferred: number): string {
  return new URL(url).port === String(preferred)
    ? ''
    : `   (port ${preferred} is in use by another program)`;
}

await runProcess(log, async (_quit, signal) => {
  const running = await claimRunningFile({
    file: path.join(dir, 'running.json'),
    program: path.join('simulator', 'main.ts'),
    say: (line) => console.log(line),
    patienceMs: stopPatience,
    signal,
  });
  const model = realModel();
  const sayStopping = (): void => console.log('Stopping …');
  signal.addEventListener('abort', sayStopping, { once: true });
  const start = async (): Promise<Simulator> => {
    console.log('Starting Sidepocket on this machine …');
    return await runSimulator({
      dir,
      model,
      searchPath: process.env['PATH'] ?? '',
      idleMinutes: 1,
      environment: Object.fromEntries(pick(choices)),
      ports,
      say: (line) => console.error(line),
      signal,
      log,
    });
  };
  const simulator = await start().catch(async (error: unknown) => {
    await running.release();
    throw error;
  });
  await running.announce({
    phoneUrl: simulator.phoneUrl,
    relayUrl: simulator.relayUrl,
    redisUrl: simulator.redisUrl,
  });
  console.log(`
  Phone       ${simulator.phoneUrl}${whyElsewhere(simulator.phoneUrl, ports.phone)}
  Dashboard   ${simulator.dashboardUrl}   (password: ${simulator.dashboardPassword})${whyElsewhere(simulator.dashboardUrl, ports.relay)}
  Redis       ${simulator.redisUrl}
  Logs        ${path.relative(process.cwd(), simulator.logsDir) || '.'}
  Model       ${Object.keys(model).length > 0 ? 'the real one, by your key' : 'scripted, since no ANTHROPIC_API_KEY is set'}

  Agent       ${describeAgent(simulator.agent)}

  From another terminal:  npm run send -- "take a screenshot of ${simulator.phoneUrl}"
  Ctrl-C stops everything.
`);
  return {
    async stop() {
      await running.stopping();
      // The file outlives the stop: until its end, what runs here is this system's.
      await simulator.stop();
      await running.release();
    },
  };
});
