import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../shared/runtime/log.ts';
import type { Agent, AgentEvent } from '../../worker/agent/agent.ts';
import { parseWorkerConfig } from '../../worker/config.ts';
import { leaseTimes } from '../../worker/process/lease.ts';
import { runWorker } from '../../worker/worker.ts';
import { createSilentMessenger } from '../silent-messenger.ts';
import type { HomeJob, HomeLook } from './homes.ts';

/**
 * The computer of one home: the whole worker around an agent that waits before each answer for as
 * long as its message says (ms), and a carrier that takes everything.
 */
const { variables, lanes } = JSON.parse(process.argv[2] ?? '{}') as HomeJob;
const looked: HomeLook = { answered: 0, lastAt: 0 };

const answer = 'done';

const agent: Agent = {
  async *work(turn): AsyncGenerator<AgentEvent> {
    yield { kind: 'session', id: turn.session ?? randomUUID() };
    for await (const prompt of turn.prompts) {
      // The message says how long its answer takes.
      await sleep(Number(prompt.text));
      yield {
        kind: 'answer',
        id: randomUUID(),
        text: answer,
        prompts: [prompt.id],
        usage: { inputTokens: 10, outputTokens: 10, costUsd: 0.001 },
      };
    }
  },
  release: async () => undefined,
  stop: async () => undefined,
};

await runWorker(
  parseWorkerConfig(variables),
  {
    createAgent: async () => agent,
    createMessenger: () => ({
      ...createSilentMessenger(),
      send: async ({ text }) => {
        // What it says about the queue is not counted.
        if (text === answer) {
          looked.answered += 1;
          looked.lastAt = Date.now();
        }
        return { sid: `SM${randomBytes(16).toString('hex')}` };
      },
    }),
    sendRate: { intervalMs: 1, burst: 1000 },
    times: {
      reconciling: { firstMs: 2000, lastMs: 25_000, blindMs: 60_000 },
      silence: { idleMs: 60_000, toolMs: 60_000 },
      lease: leaseTimes,
    },
    concurrency: { turns: lanes, deliveries: 50 },
    onAsleep: () => undefined,
    onFenced: () => undefined,
  },
  createLog('worker', 'silent'),
);
process.on('message', () => process.send?.(looked));
