import type { Choices } from '../store/choices.ts';
import type { RefusalAction } from '../store/reply.ts';

/**
 * One message to a person. `to` is a person's address; `mediaUrl` and `statusCallback` are
 * addresses that the carrier can reach. With a `template` (a ContentSid) the carrier sends that,
 * and the text only describes what it will look like. `choices` appear as buttons under the text,
 * or as a numbered list in it: with `asText`, beside a file, and when the carrier does not accept
 * buttons.
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
 * An incoming message in the carrier's list, enough to backfill it; its files are requested on
 * demand. Twilio's list has neither the id of a tapped button (its title is the text) nor the
 * quoted message, and nothing at all of a location
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
 * A page of the carrier's list, oldest first. `again` reads the same page once more, so that it
 * need not be kept in memory.
 */
export type RememberedPage = { messages: Remembered[]; again: () => Promise<Remembered[]> };

/** A message of ours in the carrier's list, and the reason why it did not arrive, if it failed. */
export type FoundMessage = {
  sid: string;
  refusal?: { action: RefusalAction; code: number | undefined };
};

/**
 * How many of the carrier's copies of messages are deleted, and how many stay; the reason is that
 * of the last refusal.
 */
export type ErasedCopies = { gone: number; left: number; reason?: string };

/** A message of ours that failed after it was accepted. */
export type Undelivered = { sid: string; to: string; code: number | undefined };

/**
 * The channel to people. Contract: `send` either returns the carrier's id of an accepted message or
 * throws SendFailure, whose action says what is known; it throws nothing else. It never sends twice
 * by itself: choices are written out only when the message with buttons certainly did not go out.
 */
export interface Messenger {
  /**
   * Preloads what sending needs, if loading is slow, so that the first message need not wait. Never
   * throws.
   */
  warmUp?(): Promise<void>;
  /**
   * After `notAfter` (ms since 1970) nothing is written to the network, even if the process was
   * halted in between. The failure is `reconcile` then, since another worker may have sent the
   * message meanwhile.
   */
  send(message: Outgoing, notAfter?: number): Promise<{ sid: string }>;
  /**
   * Messages identical to this one, in either form, that the carrier accepted at or after `since`:
   * failed ones last, otherwise the oldest first. Throws SendFailure.
   */
  find(message: Outgoing, since: Date): Promise<FoundMessage[]>;
  /** Shows "typing…" and marks the message as read. Never throws: it is best effort. */
  showTyping(messageId: string): Promise<void>;
  /** All incoming messages since then, page by page, the newest page first. Throws SendFailure. */
  received(since: Date): AsyncIterable<RememberedPage>;
  /**
   * Our messages to this person that the carrier accepted at or after `since`, oldest first. Throws
   * SendFailure.
   */
  sentTo?(person: string, since: Date): Promise<{ sid: string; text: string; at: Date }[]>;
  /**
   * When the carrier received each message of this person since then, by id, in whole seconds. Throws
   * SendFailure.
   */
  receivedFrom?(person: string, since: Date): Promise<ReadonlyMap<string, Date>>;
  /**
   * All of our messages since then that failed after they were accepted, newest first. Throws
   * SendFailure.
   */
  undelivered(since: Date): AsyncIterable<Undelivered>;
  /**
   * Deletes the carrier's copies of all messages from and to this person up to `until`, with their
   * files. May be repeated. Throws SendFailure when the list cannot be read.
   */
  eraseCopies?(person: string, until: Date): Promise<ErasedCopies>;
}

/**
 * A send that did not end in an accepted message. Contains no request and no credentials, so it may
 * be logged and stored.
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
