import type { Home } from './homes/home.ts';

/**
 * Whether a message has reached a session, and whether it has a complete answer there. `before`: it
 * is older than the session, so another one may have answered it. `lost`: this disk has no
 * transcript of the session.
 */
export type MessageState = 'lost' | 'before' | 'absent' | 'unanswered' | 'answered';

/** A message to look up; `at` is when the person wrote it (ISO 8601). */
export type AskedMessage = { id: string; at: string };

/** A session and where it is; `workspace` is absolute. */
export type SessionPlace = {
  conversation: string;
  home: Home;
  workspace: string;
  session: string;
};
