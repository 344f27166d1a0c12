import type { Choices } from '../../shared/store/choices.ts';
import type { Message } from '../../shared/store/message.ts';
import type { NewReply, ReplyFile } from '../../shared/store/reply.ts';
import type { TurnContext } from '../turn/context.ts';
import type { TurnDeps } from '../turn/deps.ts';

/** The worker's parts that commands use. */
export type CommandDeps = Pick<TurnDeps, 'stores' | 'agent' | 'settings' | 'slots'>;

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

/**
 * The answer to the person, optionally with choices to tap, a picture above it, or a message after
 * it.
 */
export type CommandAnswer =
  string | { text: string; choices?: Choices; file?: ReplyFile; next?: NewReply };

/** A text that the worker handles itself instead of Claude. */
export type Command = {
  /** Matches the whole text; its first group is the argument. */
  pattern: { exec(text: string): readonly (string | undefined)[] | null };
  /** A line of `/help`: what to write, and what it does. */
  help?: { usage: string; does: string };
  /** Runs even while Claude is at work; otherwise it waits, and so does every later message. */
  anytime: boolean;
  /** The help shows it to the owner only. */
  ownerOnly?: boolean;
  /** Without a slash it counts only as the first waiting message. */
  firstOnly?: boolean;
  /** Returns the answer; undefined when the message is already settled. */
  run(parts: CommandDeps, call: CommandCall): Promise<CommandAnswer | undefined>;
};

/** Whether a text has the form of a command, ours or Claude Code's; a path is a sentence. */
export function isCommandLike(text: string): boolean {
  return /^\/[a-z][\w:-]*(?:\s|$)/i.test(withoutMarks(text));
}

/** The text to search for a command: a tapped choice may contain one. */
export function commandText(message: Message): string {
  return message.choice?.id.startsWith('/') ? message.choice.id : withoutMarks(message.text);
}

/** Blanks and invisible marks, such as those of direction, which phones put around a text. */
const marksAround = /^[\s\p{Cf}\u{FE0F}]+|(?<![\s\p{Cf}\u{FE0F}])[\s\p{Cf}\u{FE0F}]+$/gu;

function withoutMarks(text: string): string {
  return text.replaceAll(marksAround, '');
}
