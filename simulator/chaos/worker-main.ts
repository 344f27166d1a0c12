import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { guardEventLoop } from '../../shared/runtime/event-loop-guard.ts';
import { runProcess } from '../../shared/runtime/lifecycle.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createTwilioMessenger } from '../../shared/twilio/messenger.ts';
import type { Agent } from '../../worker/agent/agent.ts';
import { isOfWorker, killMarked } from '../../worker/agent/sandbox/processes.ts';
import { parseWorkerConfig } from '../../worker/config.ts';
import type { WorkerConfig } from '../../worker/config.ts';
import { accountingOf } from '../../worker/production-agent.ts';
import { runWorker } from '../../worker/worker.ts';
import { createFastAgent } from '../fast-agent.ts';
import { createSplitAgent } from './split-agent.ts';
import { answerFast } from './thinking.ts';

const log = createLog('worker', process.env['LOG_LEVEL'] || 'info');
/** The numbers whose messages Claude Code answers; the fast agent answers the rest. */
const claudeNumbers = new Set(
  (process.env['CHAOS_CLAUDE'] ?? '').split(',').filter((number) => number !== ''),
);
/** Grows with each answer that the fast agent has. */
const answeredFile = process.env['CHAOS_ANSWERED'];
/**
 * The short time-out for an unresponsive Twilio (ms), since a run has little time; Twilio's own
 * speed is not under test here.
 */
const twilioTimeoutMs = 4000;

// A run has little time: the guard kills a frozen process after five seconds instead of thirty.
guardEventLoop('worker', log, { tickMs: 1000, mostTicks: 5 });
// How the run blocks the event loop.
process.on('SIGUSR2', () => {
  for (;;);
});

await runProcess(log, async (quit) => {
  const config = parseWorkerConfig(process.env);
  const account = {
    accountSid: config.TWILIO_ACCOUNT_SID,
    authToken: config.TWILIO_AUTH_TOKEN,
    number: config.TWILIO_WHATSAPP_NUMBER,
    apiUrl: config.TWILIO_API_URL,
  };
  return await runWorker(
    config,
    {
      createMessenger: (contents) => createTwilioMessenger(account, log, twilioTimeoutMs, contents),
      createAgent: async (owner, redis, _secretsOf, home) => {
        await killMarked((mark) => isOfWorker(mark, config.WORKER_ID, config.DATA_DIR));
        const fast = createFastAgent({
          // What a home has of its sessions is in its snapshots.
          dir: (home) => path.join(home.directory, 'transcripts'),
          answer: answerFast,
          onAnswered: () => {
            if (answeredFile) appendFileSync(answeredFile, '.');
          },
        });
        return claudeNumbers.size === 0
          ? fast
          : createSplitAgent(
              await createClaude(config, owner, redis, home),
              (number) => claudeNumbers.has(number),
              fast,
            );
      },
      sendRate: { intervalMs: 20, burst: 100 },
      times: {
        reconciling: { firstMs: 300, lastMs: 1500, blindMs: 2000 },
        silence: { idleMs: 60_000, toolMs: 60_000 },
        lease: { renewMs: 1000, holdMs: 4000 },
        // Each takes restic over a second of CPU.
        snapshots: {
          quietMs: 300,
          apartMs: 15_000,
          overdueMs: 30_000,
          againMs: [1000, 3000, 10_000],
        },
      },
      concurrency: { turns: 10, deliveries: 50 },
      onAsleep: quit,
      onFenced: quit,
    },
    log,
  );
});

async function createClaude(
  config: WorkerConfig,
  owner: string,
  redis: Redis,
  home: string,
): Promise<Agent> {
  const { createClaudeAgent } = await import('../../worker/agent/claude/agent.ts');
  return createClaudeAgent({
    dataDir: config.DATA_DIR,
    owner,
    log,
    accounting: accountingOf(config, redis, home),
    secrets: {
      ANTHROPIC_API_KEY: config.ANTHROPIC_API_KEY,
      ANTHROPIC_BASE_URL: config.ANTHROPIC_BASE_URL,
    },
    environment: { host: process.env },
    session: {
      chromium: config.CHROMIUM_PATH,
      modelPatienceMs: config.MODEL_PATIENCE_SECONDS * 1000,
    },
    pool: { maxLive: 3, idleMs: 10 * 60_000 },
  });
}
