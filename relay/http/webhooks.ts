import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Tracer } from '../../shared/runtime/tracing.ts';
import { createRateLimit } from './rate-limit.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { BadRequest } from '../../shared/twilio/bad-request.ts';
import type { Backfill } from '../backfill.ts';
import type { WebhookMeter } from '../webhook-meter.ts';
import type { FormHandlers } from './form-handlers.ts';
import { answerAndClose } from './server.ts';
import type { SignedForms } from './signed-form.ts';

export type WebhookDeps = {
  readSigned: SignedForms;
  handlers: FormHandlers;
  meter: Pick<WebhookMeter, 'count' | 'answered'>;
  /** Looks later for what could not be stored. */
  backfill: Pick<Backfill, 'somethingWasRefused'>;
  trace: Tracer;
  log: Log;
};

/**
 * Twilio reads an empty TwiML document as "no reply" (twilio.com/docs/messaging/twiml); text/plain
 * would be sent to the person.
 */
const nothingToSay = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

/** The most refusals logged per minute: a flood must not flood the log. */
const refusalsLogged = 600;

/**
 * Twilio's two webhooks, as a plain handler in front of Express, whose dispatch would cost more
 * than all of this. Returns false for other requests. The checks run in the order 415, 413, 403,
 * 400; 200 comes only after Redis has stored the message. An address that has sent too many
 * requests without a valid signature gets 429 instead of any of these: at once if the header cannot
 * be a signature, else when the signature is wrong, since Twilio's own requests may come from the
 * same address. A form that is slow to check is queued, so that a Twilio webhook waits for one such
 * form at most.
 */
export function createWebhooks({
  readSigned,
  handlers: { takeMessage, takeStatus },
  meter,
  backfill,
  trace,
  log,
}: WebhookDeps): (request: IncomingMessage, response: ServerResponse) => boolean {
  const lines = createRateLimit(refusalsLogged);

  const handle = async (request: IncomingMessage, url: string, path: string): Promise<void> => {
    const form = await readSigned(request, url);
    // Only a request signed by Twilio starts a trace.
    if (path === '/webhook') await trace('message', 'server', (note) => takeMessage(form, note));
    else
      await trace('status', 'server', (note) =>
        takeStatus(form, new URLSearchParams(url.slice(path.length)), note),
      );
  };

  return (request, response) => {
    const url = request.url ?? '';
    const path = url.split('?', 1)[0] ?? '';
    if (request.method !== 'POST' || (path !== '/webhook' && path !== '/webhook/status'))
      return false;
    const start = performance.now();
    const answer = (status: number, body: string): void => {
      respond(response, status, body);
      meter.answered(path, status, performance.now() - start);
    };
    const refuse = ({ status, message }: BadRequest): void => {
      // The rate limit has already logged this address.
      if (status !== 429 && lines.take('refused'))
        log.warn({ path, status, reason: message }, 'refused');
      if (status === 429 || status === 503) {
        turnAway(request, response, status);
        meter.answered(path, status, performance.now() - start);
        return;
      }
      // The rest of a refused body is read and dropped: closing with unread bytes would reset the
      // connection before the answer arrives.
      request.resume();
      answer(status, '');
    };
    handle(request, url, path).then(
      () => answer(200, nothingToSay),
      (error: unknown) => {
        if (error instanceof BadRequest) return refuse(error);
        meter.count('not stored');
        backfill.somethingWasRefused();
        log.error({ path, err: error }, 'not stored');
        answer(503, '');
      },
    );
    return true;
  };
}

/** Closes the connection as well: further requests on it would get the same answer. */
function turnAway(request: IncomingMessage, response: ServerResponse, status: 429 | 503): void {
  if (response.headersSent) return;
  answerAndClose(request, response, status, {
    'X-Content-Type-Options': 'nosniff',
    'Retry-After': status === 429 ? '60' : '1',
  });
}

function respond(response: ServerResponse, status: number, body: string): void {
  if (response.headersSent) return;
  response.writeHead(status, {
    'Content-Type': 'text/xml; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'X-Content-Type-Options': 'nosniff',
    ...(status === 503 ? { 'Retry-After': '1' } : {}),
  });
  response.end(body);
}
