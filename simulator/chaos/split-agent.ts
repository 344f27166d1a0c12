import type { Agent } from '../../worker/agent/agent.ts';

/** One agent for the conversations that `isFirst` names, another for the rest. */
export function createSplitAgent(
  first: Agent,
  isFirst: (conversation: string) => boolean,
  rest: Agent,
): Agent {
  const of = (conversation: string): Agent => (isFirst(conversation) ? first : rest);
  return {
    // Only Claude Code leaves work running.
    ...(first.background ? { background: first.background } : {}),
    work: (turn) => of(turn.conversation).work(turn),
    lookUpMessages: async (place, ids) => await of(place.conversation).lookUpMessages?.(place, ids),
    release: (conversation) => of(conversation).release(conversation),
    stop: async () => void (await Promise.all([first.stop(), rest.stop()])),
  };
}
