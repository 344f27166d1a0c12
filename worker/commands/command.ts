import type { Allowed } from '../../shared/store/allowed.ts';
import type { Choices } from '../../shared/store/choices.ts';
import type { Conversations } from '../../shared/store/conversation.ts';
import type { Inbox } from '../../shared/store/boxes/inbox.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import type { Schedules } from '../../shared/store/schedules.ts';
import type { Sessions } from '../../shared/store/sessions.ts';
import type { SetAside } from '../../shared/store/boxes/set-aside.ts';
import type { Spend } from '../../shared/store/spend.ts';
import type { PermissionMode } from '../agent/agent.ts';
import type { Slots } from '../turn/slots.ts';
import type { TurnContext } from '../turn/context.ts';

/** What commands need of the worker. */
export type CommandParts = {
  inbox: Inbox;
  outbox: Outbox;
  conversations: Conversations;
  schedules: Schedules;
  sessions: Sessions;
  spend: Spend;
  /** Who may write, and what those had waiting who may not. */
  allowed: Allowed;
  setAside: SetAside;
  /** The mode that holds until the person chooses another. */
  permissions: PermissionMode;
  /** The worker stops itself after this time without work (minutes); undefined: never. */
  idleMinutes: number | undefined;
  /** How many turns work in this worker now, and how many may. */
  slots: Slots;
};

/**
 * A command that was found in a message, and the turn that obeys it. `busy` tells that Claude is at
 * work in this conversation.
 */
export type CommandCall = {
  message: Message;
  argument: string;
  context: TurnContext;
  busy: boolean;
};

/** What is said to the person, with something to tap. */
export type CommandAnswer = string | { text: string; choices: Choices };

/** A text that the worker itself obeys instead of Claude. */
export type Command = {
  /** Matches the whole text; its first group is the argument. */
  pattern: RegExp;
  /** A line of `/help`: what to write, and what it does. */
  help?: { usage: string; does: string };
  /** Obeyed also while Claude is at work; else it waits, and so does what was said after it. */
  anytime: boolean;
  /** It counts without a slash only where nothing was said before it. */
  firstOnly?: boolean;
  /** Returns what to say; undefined when the message is dealt with already. */
  run(parts: CommandParts, call: CommandCall): Promise<CommandAnswer | undefined>;
};

/** The text in which a command is looked for: a tapped choice may stand for one. */
export function commandText(message: Message): string {
  return message.choice?.id.startsWith('/') ? message.choice.id : message.text.trim();
}
