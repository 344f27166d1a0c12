import type { HomeSuffix } from '../redis/keys.ts';

/**
 * Which home the conversations have, as far as this process knows. It is a guess: each script that
 * acts on it checks it, and names the right home.
 */
export type Routes = {
  /** The home that this process takes a conversation for; its own unless noted otherwise. */
  guess(conversation: string): HomeSuffix;
  note(conversation: string, home: HomeSuffix): void;
};

/** How many conversations are remembered: 10,000 take about a megabyte. */
const mostRemembered = 10_000;

/** `own` is the home of the process: of a relay, the first. */
export function createRoutes(own: HomeSuffix): Routes {
  const known = new Map<string, HomeSuffix>();
  return {
    guess: (conversation) => known.get(conversation) ?? own,
    note(conversation, home) {
      known.delete(conversation);
      if (home === own) return;
      known.set(conversation, home);
      const [oldest] = known.keys();
      if (known.size > mostRemembered && oldest !== undefined) known.delete(oldest);
    },
  };
}

/** What a script's reply begins with when the conversation's home is another than the caller's. */
const named = 'home ';

/** The home that a script names instead of acting; undefined when it has acted. */
export function homeNamedBy(reply: unknown): HomeSuffix | undefined {
  if (typeof reply !== 'string' || !reply.startsWith(named)) return undefined;
  return suffixOf(reply.slice(named.length));
}

/** A suffix as a script returns it. */
export function suffixOf(text: string): HomeSuffix {
  return text === '' ? '' : `@${text.replace(/^@/, '')}`;
}

/** The home of a queue of this kind, such as `@east` of `turns@east`. */
export function homeOfQueue(kind: string, queue: string): HomeSuffix {
  return suffixOf(queue.slice(kind.length));
}
