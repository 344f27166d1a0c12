import type { Agent } from './agent.ts';

/** An agent that is created on demand. */
export type LazyAgent = Agent & {
  /** Creates it now, unless that has happened. Rejects when it cannot be created. */
  make(): Promise<Agent>;
  /** Pauses the agent; does nothing when it was never created. */
  pause(): Promise<() => void>;
};

/**
 * Calls wait until the agent is created. `stop` does not create an agent just to stop it, and stops
 * it once.
 */
export function createLazyAgent(create: () => Promise<Agent>): LazyAgent {
  let making: Promise<Agent> | undefined;
  let made: Agent | undefined;
  let stopping: Promise<void> | undefined;
  const onMade: ((agent: Agent) => void)[] = [];
  const make = (): Promise<Agent> => {
    if (!making) {
      making = create().then((agent) => {
        made = agent;
        for (const use of onMade) use(agent);
        return agent;
      });
      // Callers that await it see the rejection.
      making.catch(() => undefined);
    }
    return making;
  };
  const stop = async (): Promise<void> => {
    const agent = await making?.catch(() => undefined);
    await agent?.stop();
  };
  return {
    make,
    async *work(turn) {
      yield* (await make()).work(turn);
    },
    background: {
      listen(listener) {
        if (made) made.background?.listen(listener);
        else onMade.push((agent) => agent.background?.listen(listener));
      },
      busy: () => made?.background?.busy() ?? [],
      mostSessions: () => made?.background?.mostSessions() ?? Infinity,
      end: async (...task) => (await made?.background?.end(...task)) ?? false,
      dismiss: async (conversation) => made?.background?.dismiss(conversation),
    },
    prepare: async (turn) => await (await make().catch(() => undefined))?.prepare?.(turn),
    lookUpModel: async (name) => (await make()).lookUpModel?.(name),
    lookUpMessages: async (...asked) => (await make()).lookUpMessages?.(...asked),
    pause: async () =>
      (await (await making?.catch(() => undefined))?.pause?.()) ?? ((): void => undefined),
    release: async (conversation) => (await make()).release(conversation),
    stop: () => (stopping ??= stop()),
  };
}
