import type { Background } from '../../shared/store/background.ts';
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
import type { Agent, PermissionMode } from '../agent/agent.ts';
import type { Awake } from '../background/describe.ts';
import type { SecretDesk } from '../secrets/secret-desk.ts';
import type { Slots } from '../turn/slots.ts';
import type { TurnContext } from '../turn/context.ts';

/** The worker's parts that commands use. */
export type CommandParts = {
  inbox: Inbox;
  outbox: Outbox;
  conversations: Conversations;
  schedules: Schedules;
  sessions: Sessions;
  spend: Spend;
  /** What runs in the background; the agent can end it, and knows which models there are. */
  background: Background;
  agent: Pick<Agent, 'background' | 'lookUpModel'>;
  /** The allowed senders, and the items set aside of people who are no longer allowed. */
  allowed: Allowed;
  setAside: SetAside;
  /** The default mode, until the person chooses another. */
  permissions: PermissionMode;
  /** When the worker stops itself, and what it means that something runs in the background. */
  awake: Awake;
  /** A person's secrets and links. */
  secrets: SecretDesk;
  /** The worker's slots for turns, free and taken. */
  slots: Slots;
};

/**
 * A command found in a message, and the turn that runs it. `busy` means that Claude is at work in
 * this conversation.
 */
export type CommandCall = {
  message: Message;
  argument: string;
  context: TurnContext;
  busy: boolean;
};

/** The answer to the person, optionally with choices to tap. */
export type CommandAnswer = string | { text: string; choices: Choices };

/** A text that the worker handles itself instead of Claude. */
export type Command = {
  /** Matches the whole text; its first group is the argument. */
  pattern: { exec(text: string): readonly (string | undefined)[] | null };
  /** A line of `/help`: what to write, and what it does. */
  help?: { usage: string; does: string };
  /** Runs even while Claude is at work; otherwise it waits, and so does every later message. */
  anytime: boolean;
  /** Without a slash it counts only as the first waiting message. */
  firstOnly?: boolean;
  /** Returns the answer; undefined when the message is already settled. */
  run(parts: CommandParts, call: CommandCall): Promise<CommandAnswer | undefined>;
};

/** Whether a text has the form of a command, ours or Claude Code's; a path is a sentence. */
export function isCommandLike(text: string): boolean {
  return /^\/[a-z][\w:-]*(?:\s|$)/i.test(text.trim());
}

/** The text to search for a command: a tapped choice may contain one. */
export function commandText(message: Message): string {
  return message.choice?.id.startsWith('/') ? message.choice.id : message.text.trim();
}
