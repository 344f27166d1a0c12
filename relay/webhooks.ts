import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Intake } from '../shared/intake.ts';
import type { Log } from '../shared/log.ts';
import type { SpanAttributes, Tracer } from '../shared/tracing.ts';
import type { Message } from '../shared/message.ts';
import type { Doorkeeper } from './doorkeeper.ts';
import { BadRequest, readForm } from './form.ts';
import type { SenderLimit } from './sender-limit.ts';
import type { Verifier } from './signature.ts';
import { parseMessage, parseStatus } from './webhook.ts';
import type { StatusReport } from './webhook.ts';

export type WebhookParts = {
  verify: Verifier;
  doorkeeper: Doorkeeper;
  senders: SenderLimit;
  isAllowed: (sender: string) => boolean;
  accept: Intake;
  noteStatus: (report: StatusReport) => Promise<void>;
  trace: Tracer;
  /** Counts what became of an incoming message, and how long Twilio waited for the answer (ms). */
  count: (outcome: string) => void;
  onAnswered: (path: string, status: number, ms: number) => void;
  /** Called after a new message was stored; must not throw. */
  onAccepted: (message: Message) => void;
  /** Called when a message may have been stored earlier, or by an attempt whose end is not known; must not throw. */
  onUnclear: () => void;
  log: Log;
  now: () => Date;
};

/** Twilio reads an empty TwiML document as "no reply" (twilio.com/docs/messaging/twiml); text/plain would be sent to the person. */
const nothingToSay = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

/** A message that Redis has not taken after this time (ms) is refused, so that Twilio, told 503, tries again. */
const patience = 1700;

/**
 * Twilio's two webhooks, as a plain handler in front of Express, whose dispatch would cost more than all of this. Returns false
 * when the request is for somebody else. The checks run in the order 415, 413, 403, 400; 200 comes only after Redis has the message. Whoever has sent too much
 * without a right signature gets 429 instead of any of these, and without a signature at once.
 */
export function createWebhooks(parts: WebhookParts): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { verify, doorkeeper, senders, isAllowed, accept, noteStatus, log } = parts;

  type Note = (attributes: SpanAttributes) => void;
  const takeMessage = async (form: URLSearchParams, note: Note): Promise<void> => {
    const message = parseMessage(form, parts.now());
    if (!isAllowed(message.conversation)) {
      parts.count('not allowed');
      log.warn({ from: message.conversation }, 'a sender who is not allowed');
      return;
    }
    if (!senders.admit(message.conversation)) {
      parts.count('over the limit');
      return;
    }
    const { outcome, turn } = await within(patience, accept(message)).catch((error: unknown) => {
      senders.giveBack(message.conversation);
      parts.onUnclear();
      throw error;
    });
    if (outcome !== 'new') senders.giveBack(message.conversation);
    parts.count(outcome);
    note({ turn, message: message.id, outcome });
    log.info({ turn, message: message.id, conversation: message.conversation, outcome }, 'accepted');
    if (outcome === 'duplicate') parts.onUnclear();
    else parts.onAccepted(message);
  };

  const takeStatus = async (form: URLSearchParams, query: URLSearchParams, note: Note): Promise<void> => {
    const report = parseStatus(form, query);
    if (report) note({ turn: report.turn, reply: report.reply, status: report.status });
    if (report) await within(patience, noteStatus(report));
  };

  /** Reads a form that Twilio has signed. Throws BadRequest. */
  const readSigned = async (request: IncomingMessage, url: string): Promise<URLSearchParams> => {
    const signature = request.headers['x-twilio-signature'];
    if (signature === undefined && doorkeeper.turnsAway(request)) throw new BadRequest(429, 'too many wrong requests');
    try {
      const form = await readForm(request);
      if (typeof signature !== 'string' || !verify(url, form, signature)) throw new BadRequest(403, 'no valid signature');
      return form;
    } catch (error) {
      if (doorkeeper.turnsAway(request)) throw new BadRequest(429, 'too many wrong requests');
      doorkeeper.noteWrong(request);
      throw error;
    }
  };

  const handle = async (request: IncomingMessage, url: string, path: string): Promise<void> => {
    const form = await readSigned(request, url);
    // Only what Twilio has signed begins a trace.
    if (path === '/webhook') await parts.trace('message', 'server', (note) => takeMessage(form, note));
    else await parts.trace('status', 'server', (note) => takeStatus(form, new URLSearchParams(url.slice(path.length)), note));
  };

  return (request, response) => {
    const url = request.url ?? '';
    const path = url.split('?', 1)[0] ?? '';
    if (request.method !== 'POST' || (path !== '/webhook' && path !== '/webhook/status')) return false;
    const start = performance.now();
    const answer = (status: number, body: string): void => {
      respond(response, status, body);
      parts.onAnswered(path, status, performance.now() - start);
    };
    handle(request, url, path).then(
      () => answer(200, nothingToSay),
      (error: unknown) => {
        if (error instanceof BadRequest) {
          // The doorkeeper has said that this address is turned away.
          if (error.status !== 429) log.warn({ path, status: error.status, reason: error.message }, 'refused');
          // The rest of a refused body is read and dropped: closing over unread bytes would reset the connection before the answer arrives.
          request.resume();
          answer(error.status, '');
        } else {
          parts.count('not stored');
          log.error({ path, err: error }, 'not stored');
          answer(503, '');
        }
      },
    );
    return true;
  };
}

function respond(response: ServerResponse, status: number, body: string): void {
  if (response.headersSent) return;
  response.writeHead(status, {
    'Content-Type': 'text/xml; charset=utf-8', 'Content-Length': Buffer.byteLength(body), 'X-Content-Type-Options': 'nosniff',
    ...(status === 503 ? { 'Retry-After': '1' } : {}), ...(status === 429 ? { 'Retry-After': '60' } : {}),
  });
  response.end(body);
}

/** The work's result, or an error after `ms`. The work goes on: what it still stores is harmless, since a repeated webhook is a duplicate. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const deadline = Promise.withResolvers<never>();
  const timer = setTimeout(() => deadline.reject(new Error(`Redis took longer than ${ms} ms`)), ms);
  try {
    return await Promise.race([work, deadline.promise]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
