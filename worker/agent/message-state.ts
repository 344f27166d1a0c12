import type { Home } from './homes/home.ts';

/** Whether a message has reached a session, and whether it has a complete answer there. */
export type MessageState = 'absent' | 'unanswered' | 'answered';

/** A session and where it is; `workspace` is absolute. */
export type SessionPlace = {
  conversation: string;
  home: Home;
  workspace: string;
  session: string;
};
