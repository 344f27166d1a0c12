import { existsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { createLog } from '../shared/log.ts';
import { reconcilingTimes } from '../shared/delivery.ts';
import { runProcess } from '../shared/lifecycle.ts';
import { startTracing } from '../shared/telemetry.ts';
import { createTwilioMessenger, requestTimeoutMs } from '../shared/twilio-messenger.ts';
import { paceFor } from '../shared/pace.ts';
import { settleAgent } from './agent/agent-settling.ts';
import { findChromium } from './agent/browser.ts';
import { claudeDirectory } from './agent/environment.ts';
import { isOfWorker, killMarked } from './agent/processes.ts';
import { parseWorkerConfig } from './config.ts';
import { leaseTimes } from './lease.ts';
import { createTranscriber } from './media/transcriber.ts';
import { maxAgents } from './max-agents.ts';
import { runWorker } from './worker.ts';

if (existsSync('.env')) process.loadEnvFile('.env');

const log = createLog('worker', process.env['LOG_LEVEL'] || 'info');

await runProcess(log, async (quit) => {
  const config = parseWorkerConfig(process.env);
  // The SDK reads transcripts in this process; it must look where Claude Code writes them.
  process.env['CLAUDE_CONFIG_DIR'] = claudeDirectory(config.DATA_DIR);
  const account = { accountSid: config.TWILIO_ACCOUNT_SID, authToken: config.TWILIO_AUTH_TOKEN, number: config.TWILIO_WHATSAPP_NUMBER, apiUrl: config.TWILIO_API_URL };
  const user = await settleAgent({ wanted: config.AGENT_USER, dataDir: config.DATA_DIR, imagesDir: config.IMAGES_DIR, redisUrl: config.REDIS_URL, log });
  return await runWorker(
    config,
    {
      user,
      tracing: await startTracing(config, 'sidepocket-worker'),
      transcribe: createTranscriber(config, process.env, user),
      createMessenger: (contents) => createTwilioMessenger(account, log, requestTimeoutMs, contents),
      createAgent: async (owner) => {
        const orphans = await killMarked((mark) => isOfWorker(mark, config.WORKER_ID, config.DATA_DIR), { user });
        if (orphans > 0) log.warn({ orphans }, 'ended what an earlier boot left running');
        const { createClaudeAgent } = await import('./agent/claude.ts');
        return createClaudeAgent({
          dataDir: config.DATA_DIR, imagesDir: config.IMAGES_DIR, user, owner, log,
          chromium: config.CHROMIUM_PATH ?? (await findChromium(process.env['PATH'] ?? '')),
          secrets: {
            ANTHROPIC_API_KEY: config.ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN: config.CLAUDE_CODE_OAUTH_TOKEN,
            ANTHROPIC_BASE_URL: config.ANTHROPIC_BASE_URL, ANTHROPIC_MODEL: config.ANTHROPIC_MODEL, GITHUB_TOKEN: config.GITHUB_TOKEN,
          },
          host: process.env, watchesCost: config.BUDGET_USD_PER_TURN !== undefined || config.BUDGET_USD_PER_DAY !== undefined, modelPatienceMs: config.MODEL_PATIENCE_SECONDS * 1000, maxLive: 3, idleMs: 10 * 60_000,
        });
      },
      pace: paceFor(config.TWILIO_WHATSAPP_NUMBER, config),
      reconciling: reconcilingTimes,
      silence: { idleMs: 5 * 60_000, toolMs: 10 * 60_000 },
      lease: leaseTimes,
      concurrency: { turns: config.MAX_AGENTS ?? maxAgents(totalmem(), process.constrainedMemory()), deliveries: 50 },
      onAsleep: quit, onFenced: quit,
    },
    log,
  );
});
