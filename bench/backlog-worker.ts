import { randomUUID } from 'node:crypto';
import { createLog } from '../shared/runtime/log.ts';
import type { Agent, AgentEvent, Prompt } from '../worker/agent/agent.ts';
import { parseWorkerConfig } from '../worker/config.ts';
import { leaseTimes } from '../worker/process/lease.ts';
import { runWorker } from '../worker/worker.ts';
import { measureMemory } from './backlog-message.ts';
import type { BacklogJob, BacklogReply } from './backlog-message.ts';
import { createSilentMessenger } from './silent-messenger.ts';

/**
 * The whole worker around an agent that answers immediately: one answer to everything in a
 * conversation.
 */
const config = parseWorkerConfig(JSON.parse(process.argv[2] ?? '{}') as Record<string, string>);
const log = createLog('worker', 'silent');
let answered = 0;
let outOfOrder = 0;
/** The number of the next expected message of each conversation. */
const expected = new Map<string, number>();

/** The prompts that have arrived so far. */
async function takeAll(
  prompts: AsyncIterator<Prompt>,
  first: Prompt,
): Promise<{ taken: Prompt[]; next: Promise<IteratorResult<Prompt>> }> {
  const taken = [first];
  for (let next = prompts.next(); ; next = prompts.next()) {
    const result = await Promise.race([
      next,
      new Promise<undefined>((resolve) => setImmediate(resolve, undefined)),
    ]);
    if (result === undefined || result.done) return { taken, next };
    taken.push(result.value);
  }
}

function check(conversation: string, prompts: Prompt[]): void {
  for (const { text } of prompts) {
    const number = Number(text.split(' ')[1]);
    if (number !== (expected.get(conversation) ?? 0)) outOfOrder += 1;
    expected.set(conversation, number + 1);
    answered += 1;
  }
}

const agent: Agent = {
  async *work(turn): AsyncGenerator<AgentEvent> {
    yield { kind: 'session', id: turn.session ?? randomUUID() };
    const prompts = turn.prompts[Symbol.asyncIterator]();
    for (let next = prompts.next(); ;) {
      const first = await next;
      if (first.done) return;
      const all = await takeAll(prompts, first.value);
      next = all.next;
      check(turn.conversation, all.taken);
      yield {
        kind: 'answer',
        id: randomUUID(),
        text: `answer to ${all.taken.length}`,
        prompts: all.taken.map(({ id }) => id),
        usage: { inputTokens: 10, outputTokens: 10, costUsd: 0.001 },
      };
    }
  },
  release: async () => undefined,
  stop: async () => undefined,
};

await runWorker(
  config,
  {
    createAgent: async () => agent,
    createMessenger: createSilentMessenger,
    sendRate: { intervalMs: 1, burst: 1000 },
    times: {
      reconciling: { firstMs: 2000, lastMs: 25_000, blindMs: 60_000 },
      silence: { idleMs: 60_000, toolMs: 60_000 },
      lease: leaseTimes,
    },
    concurrency: { turns: 16, deliveries: 50 },
    onAsleep: () => undefined,
    onFenced: () => undefined,
  },
  log,
);
process.on('message', (_job: BacklogJob) =>
  process.send?.({
    kind: 'looked',
    ...measureMemory(),
    answered,
    outOfOrder,
  } satisfies BacklogReply),
);
