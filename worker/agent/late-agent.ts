import type { Agent } from './agent.ts';

/** An agent that is still on its way: whoever wants something of it waits. Nothing is asked of it to stop it but that it came. */
export function createLateAgent(coming: Promise<Agent>): Agent {
  // Whoever waits for it learns of it.
  coming.catch(() => undefined);
  return {
    async *work(turn) {
      yield* (await coming).work(turn);
    },
    prepare: async (turn) => await (await coming.catch(() => undefined))?.prepare?.(turn),
    release: async (conversation) => (await coming).release(conversation),
    async stop() {
      const agent = await coming.catch(() => undefined);
      await agent?.stop();
    },
  };
}
