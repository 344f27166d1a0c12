import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChatMessage } from '../simulator/chat.ts';
import { runSimulator } from '../simulator/simulator.ts';
import type { Simulator } from '../simulator/simulator.ts';
import type { BenchOptions } from './section.ts';

/** The whole system with the real Claude Code, awake, and a phone. */
export type SystemStage = {
  simulator: Simulator;
  /** Sends a text, waits for its answer and returns it as the phone shows it. */
  say(text: string): Promise<ChatMessage>;
};

/** `environment` are further variables for relay and worker. */
export async function withSystem<T>(
  { searchPath, log, signal }: BenchOptions,
  environment: Record<string, string>,
  use: (stage: SystemStage) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-bench-'));
  try {
    const simulator = await runSimulator({
      dir,
      model: {},
      searchPath,
      idleMinutes: 60,
      environment,
      ports: { phone: 0, relay: 0, worker: 0 },
      log,
    });
    try {
      const phone = simulator.system().phones[0] ?? '';
      const replies = (): ChatMessage[] =>
        simulator.chat.messages(phone).filter(({ direction }) => direction === 'outbound');
      return await use({
        simulator,
        async say(text) {
          const before = replies().length;
          await simulator.chat.receive(phone, { text });
          for (
            const deadline = Date.now() + 60_000;
            Date.now() < deadline;
            await sleep(5, undefined, { signal })
          ) {
            const answer = replies()[before];
            if (answer) return answer;
          }
          throw new Error('waited a minute in vain for an answer');
        },
      });
    } finally {
      await simulator.stop();
    }
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}
