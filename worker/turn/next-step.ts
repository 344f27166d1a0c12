import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import { commandText } from '../commands/command.ts';
import { findCommand } from '../commands/find-command.ts';
import type { FoundCommand } from '../commands/find-command.ts';
import { readAnswer } from '../questions/question.ts';
import type { OpenQuestion } from '../questions/question.ts';
import { isStop } from './stop.ts';

/** What a turn knows when it decides what to do with the messages that wait. */
export type Situation = {
  /** Messages that this turn has taken up already. */
  taken: ReadonlySet<string>;
  /** The turn has as much as one turn may have: what is for Claude waits for the next. */
  full?: boolean;
  /** Claude has been given something in this turn. */
  busy: boolean;
  question: OpenQuestion | undefined;
  /**
   * Whether a message came before the question's deadline, however late it is looked at; without
   * this, each did.
   */
  inTime?: (message: Message) => boolean;
  /** The session at work, or the one that would be gone on with. */
  session: string | undefined;
  /**
   * What a message quotes, as far as it is one of ours: the reply's id and the session it was said
   * in.
   */
  quoted: (message: Message) => { id: string; session?: string | undefined } | undefined;
  /** What a tap gets that belongs to a question and does not answer the open one. */
  tapSentence: (message: Message) => string | undefined;
};

/**
 * What to do next. `later`: the message waits for a turn of its own; after a `barrier` everything
 * waits.
 */
export type NextStep =
  | { kind: 'command'; message: Message; found: FoundCommand }
  | { kind: 'answer'; message: Message; words: string[] }
  | { kind: 'settled'; message: Message; sentence: string }
  | { kind: 'prompt'; message: Message }
  | { kind: 'barrier'; message: Message };

const queued = /^\/queue\s+/i;

/** The text of a message without the word that only says when to do it. */
export function withoutQueue(message: Message): Message {
  return queued.test(message.text)
    ? { ...message, text: message.text.replace(queued, '') }
    : message;
}

/** The answer that a message gives to the open question. */
function answerOf(
  message: Message,
  { question, inTime = () => true, quoted }: Situation,
): string[] | undefined {
  return question && inTime(message)
    ? readAnswer(question, message, quoted(message)?.id)
    : undefined;
}

/**
 * Decides what to do next with a conversation's waiting messages, oldest first; undefined when
 * there is nothing to do now. `from` is where to go on when the step before was a prompt and
 * nothing else has changed: what it left behind need not be looked at again.
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
 * What goes before everything that was said earlier: a stop, and a tap on a question. `step` is
 * undefined when it is seen to elsewhere.
 */
function urgentStep(
  messages: Message[],
  situation: Situation,
): { step: NextStep | undefined } | undefined {
  const { taken, busy, tapSentence } = situation;
  const stop = messages.find(isStop);
  // What runs is ended by the stop itself, which also takes back what was said before it.
  if (stop) return { step: busy ? undefined : asCommand(stop, true) };
  // A tap is about its question, whatever was said before it.
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
  const { taken, full, busy, session, quoted } = situation;
  for (let index = from; index < messages.length; index += 1) {
    const message = messages[index];
    if (!message || taken.has(message.id)) continue;
    const words = answerOf(message, situation);
    if (words) return { kind: 'answer', message, words };
    const command = asCommand(message, !busy && message === messages[0]);
    if (command && (command.found.command.anytime || !busy)) return command;
    const toOther = quoted(message)?.session;
    if (command || (busy && toOther !== undefined && toOther !== session))
      return { kind: 'barrier', message };
    if (full || (busy && wantsOwnTurn(message))) continue;
    return { kind: 'prompt', message };
  }
  return undefined;
}

/** Only a person's message is a command. */
function asCommand(
  message: Message,
  isFirst: boolean,
): Extract<NextStep, { kind: 'command' }> | undefined {
  const found = isFromPerson(message) ? findCommand(message, isFirst) : undefined;
  return found && { kind: 'command', message, found };
}

/**
 * What is queued by the person, planned by a schedule, or meant for Claude Code's own commands is
 * not said into the middle of something else.
 */
export function wantsOwnTurn(message: Message): boolean {
  return !isFromPerson(message) || commandText(message).startsWith('/');
}
