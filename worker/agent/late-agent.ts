import type { Agent } from './agent.ts';

/** An agent that is made when it is needed. */
export type LateAgent = Agent & {
  /** Makes it now, if nothing has done so. Rejects when it cannot be made. */
  make(): Promise<Agent>;
  /** As the agent's own; one that was not made has nothing to pause. */
  pause(): Promise<() => void>;
};

/**
 * Whoever asks something of it waits until it is there. One that nobody needed is not made to be
 * stopped.
 */
export function createLateAgent(create: () => Promise<Agent>): LateAgent {
  let making: Promise<Agent> | undefined;
  const make = (): Promise<Agent> => {
    if (!making) {
      making = create();
      // Whoever waits for it learns of it.
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
