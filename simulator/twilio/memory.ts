import type { CallbackAttempt, DeliveryAttempt } from './signed-delivery.ts';

/** One POST to Messages, with any outcome. */
export type CreateAttempt = {
  /** The form's parameters; `MediaUrl` has only the first of several. */
  params: Record<string, string>;
  /**
   * `pending` is a request whose answer is still being made. A fault's name says that the fault
   * answered.
   */
  outcome: string;
  /** The resulting message; undefined without one. */
  sid: string | undefined;
  /** The code of a refusal. */
  code: number | undefined;
  at: string;
};

/**
 * One request of the twin for a MediaUrl, or of the product for the media of an inbound message.
 */
export type MediaFetch = {
  by: 'twin' | 'product';
  method: string;
  url: string;
  status: number;
  /** Whether credentials came along; to the redirect's address they must not. */
  authorized: boolean;
  at: string;
};

/** One POST to the typing indicator. */
export type TypingRequest = { messageId: string; channel: string; status: number; at: string };

/** An entry of Twilio's debugger: an error code, the address concerned, and the message. */
export type Alert = { code: number; url: string; sid: string; at: string };

/** The events so far, for assertions; every list is chronological. */
export class TwinMemory {
  readonly attempts: CreateAttempt[] = [];
  readonly webhooks: DeliveryAttempt[] = [];
  readonly callbacks: CallbackAttempt[] = [];
  readonly typing: TypingRequest[] = [];
  readonly mediaFetches: MediaFetch[] = [];
  readonly alerts: Alert[] = [];

  /** Records an error for the debugger. */
  alert(code: number, url: string, sid: string): void {
    this.alerts.push({ code, url, sid, at: new Date().toISOString() });
  }
}
