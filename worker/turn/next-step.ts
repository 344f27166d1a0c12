import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import { commandText, isCommandLike } from '../commands/command.ts';
import { findCommand } from '../commands/find-command.ts';
import type { FoundCommand } from '../commands/find-command.ts';
import { readAnswer } from '../questions/question.ts';
import type { OpenQuestion } from '../questions/question.ts';
import { anewName } from './format-messages.ts';
import { isStop } from './stop.ts';

/** The inputs for deciding about the waiting messages. */
export type Situation = {
  /** Messages that this turn has taken up. */
  taken: ReadonlySet<string>;
  /** The turn has reached its limit: further messages for Claude wait for the next. */
  full?: boolean;
  /**
   * Whether a message must be looked up before Claude gets it, since a store that has lost its
   * latest writes may not know that it was answered: it and all later messages wait for the next
   * turn, except answers to the open question. By default no message must.
   */
  isUnchecked?: (message: Message) => boolean;
  /** The turn that decides. */
  turn?: string;
  /** Claude has received something in this turn. */
  busy: boolean;
  question: OpenQuestion | undefined;
  /**
   * Whether a message came before the question's deadline, however late it is processed; by default
   * every message did.
   */
  inTime?: (message: Message) => boolean;
  /** The current session, or the one to resume. */
  session: string | undefined;
  /** Our reply that a message quotes: its id and its session. */
  quoted: (message: Message) => { id: string; session?: string | undefined } | undefined;
  /** The reply to a tap that belongs to a question and does not answer the open one. */
  tapSentence: (message: Message) => string | undefined;
};

/** The next step. At a `barrier`, this message and all later ones wait. */
export type NextStep =
  | { kind: 'command'; message: Message; found: FoundCommand }
  | { kind: 'answer'; message: Message; words: string[] }
  | { kind: 'settled'; message: Message; sentence: string }
  | { kind: 'prompt'; message: Message }
  | { kind: 'barrier'; message: Message };

const beginning = new RegExp(`^${anewName}\\s+\\S`, 'i');

/** Whether a message asks for a fresh conversation that begins with it, as in `/new look at x`. */
export function beginsAnew(message: Message): boolean {
  return isFromPerson(message) && beginning.test(message.text);
}

/** A message's answer to the open question. */
function answerOf(
  message: Message,
  { question, inTime = () => true, quoted }: Situation,
): string[] | undefined {
  return question && inTime(message)
    ? readAnswer(question, message, quoted(message)?.id)
    : undefined;
}

/**
 * Decides the next step for a conversation's waiting messages, oldest first; undefined when there
 * is nothing to do now. `from` is where to continue when the previous step was a prompt and nothing
 * else has changed: earlier messages need no second look.
 */
export function nextStep(
  messages: Message[],
  situation: Situation,
  from = 0,
): NextStep | undefined {
  const first = from === 0 ? urgentStep(messages, situation) : undefined;
  return first ? first.step : ordinaryStep(messages, situation, from);
}

/**
 * The step that precedes all earlier messages: a stop, or a tap on a question. `step` is undefined
 * when it is handled elsewhere.
 */
function urgentStep(
  messages: Message[],
  situation: Situation,
): { step: NextStep | undefined } | undefined {
  const { taken, turn, busy, question, tapSentence } = situation;
  // Without work under way “cancel it” is a request about something else.
  const stop = messages.find((message) => isStop(message, !busy || question !== undefined, turn));
  // The stop itself ends a running turn, and also withdraws earlier messages.
  if (stop) return { step: busy ? undefined : asCommand(stop, true) };
  // A tap belongs to its question, whatever came before it.
  for (const message of messages) {
    const sentence = taken.has(message.id) ? undefined : tapSentence(message);
    if (sentence === undefined) continue;
    const words = answerOf(message, situation);
    return {
      step: words ? { kind: 'answer', message, words } : { kind: 'settled', message, sentence },
    };
  }
  return undefined;
}

function ordinaryStep(
  messages: Message[],
  situation: Situation,
  from: number,
): NextStep | undefined {
  const { taken, full, isUnchecked, busy, session, quoted } = situation;
  let isHeld = false;
  for (let index = from; index < messages.length; index += 1) {
    const message = messages[index];
    if (!message || taken.has(message.id)) continue;
    const words = answerOf(message, situation);
    if (words) return { kind: 'answer', message, words };
    // What comes after it must not overtake it.
    isHeld ||= isUnchecked?.(message) === true;
    if (isHeld) continue;
    const command = asCommand(message, !busy && message === messages[0]);
    if (command && (command.found.command.anytime || !busy)) return command;
    const toOther = quoted(message)?.session;
    if (command || (busy && toOther !== undefined && toOther !== session))
      return { kind: 'barrier', message };
    if (full || (busy && wantsOwnTurn(message) && !isHeardBeside(message, situation))) continue;
    return { kind: 'prompt', message };
  }
  return undefined;
}

/**
 * Whether a message about work in the background goes with the turn that asks in the same session:
 * a turn of its own would have to wait for the person.
 */
function isHeardBeside({ work }: Message, { question, session }: Situation): boolean {
  return question !== undefined && work !== undefined && work.session === session;
}

/** Only a person's message can be a command, or what came from a page. */
function asCommand(
  message: Message,
  isFirst: boolean,
): Extract<NextStep, { kind: 'command' }> | undefined {
  const { sealed, stops } = message;
  const isAsked = isFromPerson(message) || sealed !== undefined || stops !== undefined;
  const found = isAsked ? findCommand(message, isFirst) : undefined;
  return found && { kind: 'command', message, found };
}

/**
 * Whether a message needs a separate turn: queued messages, scheduled ones, and Claude Code's own
 * commands must not interrupt other work.
 */
export function wantsOwnTurn(message: Message): boolean {
  return !isFromPerson(message) || isCommandLike(commandText(message));
}
