import type { TurnEvent } from './mailbox.ts';

/** What decides about Claude's input. */
export type InputState = {
  /** Messages that Claude has received and not answered. */
  open: number;
  /** Messages that were taken up are being read: their files are fetched and transcribed. */
  isReading: boolean;
  /** Something may have come in that no look at the inbox has seen. */
  isLookDue: boolean;
};

/**
 * What to do about Claude's input now. One look at a time, and none while messages are read, so
 * that nothing is passed on twice or out of order; everything that comes in until then is seen by
 * one look. The input is closed when everything is answered and nothing is left to look for.
 */
export function nextMove({ open, isReading, isLookDue }: InputState): 'wait' | 'look' | 'close' {
  if (isReading) return 'wait';
  if (isLookDue) return 'look';
  return open === 0 ? 'close' : 'wait';
}

/** An inbox of at most this many messages is read again after each answer. */
const shortInbox = 50;

/**
 * Whether the inbox is read again after an answer that left `left` messages there; `expected` is
 * what the last look lets expect. Not an empty inbox, and not a long one with nothing new: later
 * messages are announced.
 */
export function needsLook(left: number, expected: number): boolean {
  return left > 0 && (left <= shortInbox || left !== expected);
}

/** Whether an event is about a message that no look has seen, or may be. */
export function isNews(event: TurnEvent, hasSeen: (id: string) => boolean): boolean {
  return event.kind === 'message' && (event.id === undefined || !hasSeen(event.id));
}

/** What decides whether the agent goes while its person thinks. */
export type HeldQuestion = {
  /** The question that waits now, if one does. */
  open: string | undefined;
  /** The number of running tools. */
  tools: number;
  now: number;
};

/**
 * Whether the turn is released while its question waits. The asking call is itself a running tool;
 * others running beside it must not be lost. An answer or the deadline may have come meanwhile.
 */
export function mayRelease(
  { question, deadline }: Extract<TurnEvent, { kind: 'question-held' }>,
  { open, tools, now }: HeldQuestion,
): boolean {
  return open === question && deadline > now && tools <= 1;
}
