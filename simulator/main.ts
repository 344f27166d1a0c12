import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SetupError } from '../shared/runtime/errors.ts';
import { runProcess } from '../shared/runtime/lifecycle.ts';
import { createLog } from '../shared/runtime/log.ts';
import { createPhoneClient, findPhoneUrl } from './phone/phone-client.ts';
import { runSimulator } from './simulator.ts';
import type { Simulator } from './simulator.ts';

const dir = path.join(import.meta.dirname, '..', '.sidepocket');
const runningFile = path.join(dir, 'running.json');
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
  'MESSAGES_PER_TURN',
  'BUDGET_USD_PER_TURN',
  'BUDGET_USD_PER_DAY',
  'MAX_AGENTS',
  'MAX_LIVE_AGENTS',
  'TRANSCRIBE_URL',
  'TRANSCRIBE_API_KEY',
  'TRANSCRIBE_MODEL',
  'TRANSCRIBE_COMMAND',
  'ADMIN_WRITE',
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

/**
 * The address of a system that already runs from this directory; two systems cannot share its data.
 */
async function findRunning(): Promise<string | undefined> {
  try {
    const url = await findPhoneUrl(runningFile);
    await createPhoneClient(url).system();
    return url;
  } catch {
    return undefined;
  }
}

/** The user that Claude Code and its tools run as, and the place of their files. */
function describeAgent({ user, dataDir, programs }: Simulator['agent']): string {
  const own = process.getuid?.() === 0 ? 'root, as AGENT_USER says' : 'your own user';
  return `${user === undefined ? own : `the user ${user}`}, with its files in ${dataDir}${programs === undefined ? '' : ` and copies of the programs in ${programs}`}`;
}

await runProcess(log, async () => {
  const other = await findRunning();
  if (other) throw new SetupError(`Sidepocket is running here already: ${other}`);
  console.log('Starting Sidepocket on this machine …');
  const model = realModel();
  const simulator = await runSimulator({
    dir,
    model,
    searchPath: process.env['PATH'] ?? '',
    idleMinutes: 1,
    environment: Object.fromEntries(pick(choices)),
    ports: { phone: 4040, relay: 8080, worker: 8081 },
    log,
  });
  await writeFile(
    runningFile,
    JSON.stringify({
      phoneUrl: simulator.phoneUrl,
      relayUrl: simulator.relayUrl,
      redisUrl: simulator.redisUrl,
      pid: process.pid,
    }),
  );
  console.log(`
  Phone       ${simulator.phoneUrl}
  Dashboard   ${simulator.dashboardUrl}   (password: ${simulator.dashboardPassword})
  Redis       ${simulator.redisUrl}
  Logs        ${path.relative(process.cwd(), simulator.logsDir) || '.'}
  Model       ${Object.keys(model).length > 0 ? 'the real one, by your key' : 'scripted, since no ANTHROPIC_API_KEY is set'}

  Agent       ${describeAgent(simulator.agent)}

  From another terminal:  npm run send -- "take a screenshot of ${simulator.phoneUrl}"
  Ctrl-C stops everything.
`);
  return {
    async stop() {
      console.log('Stopping …');
      await rm(runningFile, { force: true });
      await simulator.stop();
    },
  };
});
