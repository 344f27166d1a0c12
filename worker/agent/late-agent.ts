import type { Agent } from './agent.ts';

/** An agent that is created on demand. */
export type LateAgent = Agent & {
  /** Creates it now, unless that has happened. Rejects when it cannot be created. */
  make(): Promise<Agent>;
  /** Pauses the agent; does nothing when it was never created. */
  pause(): Promise<() => void>;
};

/** Calls wait until the agent is created. `stop` does not create an agent just to stop it. */
export function createLateAgent(create: () => Promise<Agent>): LateAgent {
  let making: Promise<Agent> | undefined;
  const make = (): Promise<Agent> => {
    if (!making) {
      making = create();
      // Callers that await it see the rejection.
      making.catch(() => undefined);
    }
    return making;
  };
  return {
    make,
    async *work(turn) {
      yield* (await make()).work(turn);
    },
    prepare: async (turn) => await (await make().catch(() => undefined))?.prepare?.(turn),
    pause: async () =>
      (await (await making?.catch(() => undefined))?.pause?.()) ?? ((): void => undefined),
    release: async (conversation) => (await make()).release(conversation),
    async stop() {
      const agent = await making?.catch(() => undefined);
      await agent?.stop();
    },
  };
}
