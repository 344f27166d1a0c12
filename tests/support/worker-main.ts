/**
 * A worker process for crash tests: the real worker around an agent without a model. What it does
 * with a text is in the text: `hang X` never ends the first time, `slow X` ends the first time
 * after a second with an answer of its own, `freeze X` stops the event loop for good each time,
 * `die X` kills the process the first time the answer is in the transcript, anything else is
 * answered at once, but for `fail X`, which the model refuses, `ask X`, which asks which of two
 * colours, `plan X`, which plans a turn a minute later, and `long X`, whose answer is a page. TEST_KILL_AT names the steps of moves (`to TARGET STEP`) after which it kills
 * itself, each the first time.
 */
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { guardEventLoop, guardTimes } from '../../shared/runtime/event-loop-guard.ts';
import { parseJson } from '../../shared/runtime/json.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { runProcess } from '../../shared/runtime/lifecycle.ts';
import { createTwilioMessenger, requestTimeoutMs } from '../../shared/twilio/messenger.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { createFastAgent } from '../../simulator/fast-agent.ts';
import { parseWorkerConfig } from '../../worker/config.ts';
import { runWorker } from '../../worker/worker.ts';
import { seenFile } from './seen-file.ts';

const killAt = (process.env['TEST_KILL_AT'] ?? '').split(', ');

/** Ends the process when it has taken a step of a move that it dies at. */
function dieAfter(line: string): void {
  const { msg, to, step } = (parseJson(line) ?? {}) as Record<string, unknown>;
  const name = `to ${String(to)} ${String(step)}`;
  const dataDir = process.env['DATA_DIR'] ?? '';
  if (msg !== 'a move' || !killAt.includes(name) || existsSync(seenFile(dataDir, name))) return;
  writeFileSync(seenFile(dataDir, name), '');
  process.kill(process.pid, 'SIGKILL');
}

const log = createLog('worker', 'info', {
  write(line) {
    process.stdout.write(line);
    dieAfter(line);
  },
});

await runProcess(log, async (quit) => {
  const config = parseWorkerConfig(process.env);
  // Thirty ticks as in production, each of this time (ms).
  const tickMs = Number(process.env['GUARD_TICK_MS'] ?? 0);
  if (tickMs > 0) guardEventLoop('worker', log, { tickMs, mostTicks: guardTimes.mostTicks });
  /** True the first time it is asked about a text, across processes. */
  const isFirst = (text: string): boolean => {
    const file = seenFile(config.DATA_DIR, text);
    if (existsSync(file)) return false;
    writeFileSync(file, '');
    return true;
  };
  const agent = createFastAgent({
    dir: process.env['TEST_TRANSCRIPTS'] || path.join(config.DATA_DIR, 'transcripts'),
    answer: async (text, { tools, signal }, tool) => {
      if (text.startsWith('fail')) throw new AgentFailure('refused', 'not today');
      if (text.startsWith('ask')) {
        const options = [{ label: 'Red' }, { label: 'Blue' }];
        const asked = [{ question: `Which colour for ${text}?`, options, multiple: false }];
        return `You chose ${(await tools.ask(asked, signal)).join()} for ${text}`;
      }
      if (text.startsWith('plan'))
        return await tools.scheduleTurn({ prompt: `look at ${text}`, inMinutes: 1 });
      if (text.startsWith('long')) return `${text}: ${'many words '.repeat(900)}`;
      tool('Bash');
      if (text.startsWith('hang') && isFirst(text)) await new Promise(() => undefined);
      if (text.startsWith('freeze')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      if (text.startsWith('slow') && isFirst(text)) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        return `late answer to ${text}`;
      }
      return `answer to ${text}`;
    },
    onAnswered: (text) => {
      if (text.startsWith('die') && isFirst(text)) process.kill(process.pid, 'SIGKILL');
    },
  });
  const account = {
    accountSid: config.TWILIO_ACCOUNT_SID,
    authToken: config.TWILIO_AUTH_TOKEN,
    number: config.TWILIO_WHATSAPP_NUMBER,
    apiUrl: config.TWILIO_API_URL,
  };
  return await runWorker(
    config,
    {
      createAgent: async () => agent,
      createMessenger: (contents) =>
        createTwilioMessenger(account, log, requestTimeoutMs, contents),
      sendRate: { intervalMs: 1, burst: 1000 },
      times: {
        reconciling: { firstMs: 100, lastMs: 1500, blindMs: 2000 },
        silence: { idleMs: 60_000, toolMs: 60_000 },
        lease: { renewMs: 300, holdMs: Number(process.env['TEST_LEASE_MS'] ?? 1500) },
      },
      concurrency: { turns: 5, deliveries: 50 },
      onAsleep: quit,
      onFenced: quit,
    },
    log,
  );
});
