import { z } from 'zod';
import { cut } from '../../shared/runtime/cut.ts';
import { parseJson } from '../../shared/runtime/json.ts';
import type { Conversations } from '../../shared/store/conversation.ts';
import { showLine } from './shown-text.ts';
import type { TurnContext } from '../turn/context.ts';

const One = z.object({ session: z.string(), key: z.string(), name: z.string() });
type Allowed = z.infer<typeof One>[];

/** Limit per conversation; the oldest entry is dropped, and asked about again. */
const most = 100;

/** Length limit for a stored name (UTF-16 units). */
const longest = 80;

/**
 * The person's “always” approvals: for this session, also after a restart, until they choose a
 * permission mode. They are kept here and not as rules of Claude Code, which allow more than the
 * exact call (`timeout 5 X`, `X && ls` for `X`).
 */
export type AlwaysAllowed = {
  has(key: string): Promise<boolean>;
  /** Stores the key; `name` is shown to the person. Throws FencedError. */
  add(key: string, name: string): Promise<void>;
};

/** `session` is the current one; without a session nothing is allowed. */
export function createAlwaysAllowed(
  conversations: Conversations,
  { conversation, fence }: Pick<TurnContext, 'conversation' | 'fence'>,
  session: () => string | undefined,
): AlwaysAllowed {
  const read = async (): Promise<Allowed> =>
    parseAllowed((await conversations.read(conversation)).allowed);
  return {
    async has(key) {
      return (await read()).some((entry) => entry.key === key && entry.session === session());
    },
    async add(key, name) {
      const present = session();
      if (present === undefined) return;
      const others = (await read()).filter(
        (entry) => entry.key !== key || entry.session !== present,
      );
      const allowed = [
        ...others,
        { session: present, key, name: cut(showLine(name), longest) },
      ].slice(-most);
      await conversations.write(conversation, fence, { allowed: JSON.stringify(allowed) });
    },
  };
}

/** The names of a session's approvals, from its conversation's stored value. */
export function namesOfAllowed(stored: string | undefined, session: string | undefined): string[] {
  return parseAllowed(stored)
    .filter((entry) => entry.session === session)
    .map(({ name }) => name);
}

/** Entry by entry: what another version has written otherwise is asked about again. */
function parseAllowed(stored: string | undefined): Allowed {
  const entries = parseJson(stored ?? '[]');
  return Array.isArray(entries) ? entries.flatMap((one) => One.safeParse(one).data ?? []) : [];
}
