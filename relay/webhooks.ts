import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Tracer } from '../shared/tracing.ts';
import type { Doorkeeper } from './doorkeeper.ts';
import { BadRequest, readForm } from './form.ts';
import type { Verifier } from './signature.ts';
import { createSignedForms } from './signed-forms.ts';
import type { SignedFormParts } from './signed-forms.ts';

export type WebhookParts = SignedFormParts & {
  verify: Verifier;
  doorkeeper: Doorkeeper;
  trace: Tracer;
  /** Tells how long Twilio waited for the answer (ms). */
  onAnswered: (path: string, status: number, ms: number) => void;
};

/** Twilio reads an empty TwiML document as "no reply" (twilio.com/docs/messaging/twiml); text/plain would be sent to the person. */
const nothingToSay = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

/**
 * Twilio's two webhooks, as a plain handler in front of Express, whose dispatch would cost more than all of this. Returns false
 * when the request is for somebody else. The checks run in the order 415, 413, 403, 400; 200 comes only after Redis has the message. Whoever has sent too much
 * without a right signature gets 429 instead of any of these, and without a signature at once.
 */
export function createWebhooks(parts: WebhookParts): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { verify, doorkeeper, log } = parts;
  const { takeMessage, takeStatus } = createSignedForms(parts);

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
