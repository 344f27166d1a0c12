import { totalmem } from 'node:os';
import type { Environment } from '../shared/runtime/env.ts';
import type { Log } from '../shared/runtime/log.ts';
import { reconcilingTimes } from '../shared/delivery/deliver.ts';
import { sendRateFor } from '../shared/store/send-rate.ts';
import { startTracing } from '../shared/runtime/telemetry.ts';
import { createTwilioMessenger, requestTimeoutMs } from '../shared/twilio/messenger.ts';
import type { Homes } from './agent/homes/homes.ts';
import type { WorkerConfig } from './config.ts';
import { leaseTimes } from './process/lease.ts';
import { maxAgents } from './concurrency.ts';
import type { WorkerDeps } from './worker-deps.ts';

/** `quit` ends the process gracefully. */
export type ProductionDeps = {
  config: WorkerConfig;
  environment: Environment;
  homes: Homes;
  log: Log;
  quit: () => void;
};

/** Creates the parts of a production worker, except its agent. */
export async function createProductionDeps({
  config,
  environment,
  homes,
  log,
  quit,
}: ProductionDeps): Promise<Omit<WorkerDeps, 'createAgent'>> {
  const account = {
    accountSid: config.TWILIO_ACCOUNT_SID,
    authToken: config.TWILIO_AUTH_TOKEN,
    number: config.TWILIO_WHATSAPP_NUMBER,
    apiUrl: config.TWILIO_API_URL,
  };
  return {
    homes,
    tracing: await startTracing(config, 'sidepocket-worker'),
    media: await loadVoice(config, environment),
    createMessenger: (contents) => createTwilioMessenger(account, log, requestTimeoutMs, contents),
    sendRate: sendRateFor(config.TWILIO_WHATSAPP_NUMBER, config),
    times: {
      startedAt: Date.now() - process.uptime() * 1000,
      reconciling: reconcilingTimes,
      silence: { idleMs: 5 * 60_000, toolMs: 10 * 60_000 },
      lease: leaseTimes,
    },
    concurrency: {
      turns: config.MAX_AGENTS ?? maxAgents(totalmem(), process.constrainedMemory()),
      deliveries: 50,
    },
    onAsleep: quit,
    onFenced: quit,
  };
}

/** The transcriber and the speaker, each loaded only where one is configured. */
async function loadVoice(
  config: WorkerConfig,
  environment: Environment,
): Promise<NonNullable<WorkerDeps['media']>> {
  const isHeard = (config.TRANSCRIBE_URL ?? config.TRANSCRIBE_COMMAND) !== undefined;
  const isSpoken = (config.SPEAK_URL ?? config.SPEAK_COMMAND) !== undefined;
  const [heard, spoken] = await Promise.all([
    isHeard ? import('./media/transcriber.ts') : undefined,
    isSpoken ? import('./media/speaker.ts') : undefined,
  ]);
  return {
    transcribe: heard?.createTranscriber(config, environment),
    speak: spoken?.createSpeaker(config, environment),
  };
}
