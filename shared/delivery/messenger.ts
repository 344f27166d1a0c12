import type { Choices } from '../store/choices.ts';
import type { RefusalAction } from '../store/reply.ts';

/**
 * One message to a person. `to` is a person's address; `mediaUrl` and `statusCallback` are
 * addresses that the carrier can reach. With a `template` (a ContentSid) the carrier sends that,
 * and the text only says what it will look like. `choices` are tapped under the text, or written
 * out in it with numbers: with `asText`, beside a file, and when the carrier does not take them
 * otherwise.
 */
export type Outgoing = {
  to: string;
  text: string;
  mediaUrl?: string;
  template?: string;
  choices?: Choices;
  asText?: boolean;
  statusCallback: string;
};

/**
 * An incoming message as the carrier remembers it, enough to take it in late; its files are asked
 * for when they are wanted. Twilio's list has neither the id of a tapped button (its title is the
 * text) nor what was quoted, and of a place nothing at all
 * (twilio.com/docs/messaging/api/message-resource).
 */
export type Remembered = {
  id: string;
  from: string;
  to: string;
  text: string;
  at: Date;
  media: () => Promise<{ url: string; type: string }[]>;
};

/**
 * Some of what the carrier remembers, oldest first. `again` reads the same page once more, so that
 * it need not be kept.
 */
export type RememberedPage = { messages: Remembered[]; again: () => Promise<Remembered[]> };

/** A message of ours that did not arrive after all. */
export type Undelivered = { sid: string; to: string; code: number | undefined };

/**
 * The channel to people. Contract: `send` either returns the carrier's id of an accepted message or
 * throws SendFailure, whose action says what is known; nothing else leaves it. It never sends twice
 * by itself: choices are written out when it is certain that the message did not go out with
 * something to tap.
 */
export interface Messenger {
  /**
   * Loads what sending needs, where that takes a while, so that the first message need not wait for
   * it. Never throws.
   */
  warmUp?(): Promise<void>;
  /**
   * `notAfter` (ms since 1970): later than that nothing leaves this machine any more, however long
   * it was halted in between. The failure is `reconcile` then, since another worker may have sent
   * the message meanwhile.
   */
  send(message: Outgoing, notAfter?: number): Promise<{ sid: string }>;
  /**
   * Ids of messages equal to this one, in either form, that the carrier accepted at or after
   * `since`: those that failed last, else the oldest first. Throws SendFailure.
   */
  find(message: Outgoing, since: Date): Promise<string[]>;
  /** Shows "typing…" and marks the message as read. Never throws: it is a courtesy. */
  showTyping(messageId: string): Promise<void>;
  /**
   * All messages that people sent since then, page by page, the newest page first. Throws
   * SendFailure.
   */
  received(since: Date): AsyncIterable<RememberedPage>;
  /**
   * Our messages to this person that the carrier accepted at or after `since`, oldest first. Throws
   * SendFailure.
   */
  sentTo?(person: string, since: Date): Promise<{ sid: string; text: string; at: Date }[]>;
  /**
   * All of our messages since then that did not arrive after all, newest first. Throws SendFailure.
   */
  undelivered(since: Date): AsyncIterable<Undelivered>;
}

/**
 * A send that did not end in an accepted message. Holds no request and no credentials, so it may be
 * logged and kept.
 */
export class SendFailure extends Error {
  override name = 'SendFailure';
  readonly action: RefusalAction;
  readonly code: number | undefined;

  constructor(action: RefusalAction, message: string, code?: number) {
    super(message);
    this.action = action;
    this.code = code;
  }
}
