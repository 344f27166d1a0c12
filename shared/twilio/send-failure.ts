import { reportError } from '../runtime/errors.ts';
import { SendFailure } from '../delivery/messenger.ts';
import { refusalAction } from './error-codes.ts';

/** Node's codes for an unreachable host: the request was certainly not processed. */
const unreached = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']);

/**
 * Maps the SDK's errors. A refusal has Twilio's code or an HTTP status; a failed connection is
 * definite; anything else (time-out, reset, an answer that is not JSON) leaves the outcome unknown
 * (twilio.com/docs/api/errors/20500).
 */
export function toSendFailure(error: unknown): SendFailure {
  if (error instanceof SendFailure) return error;
  const { message, code } = reportError(error);
  const status =
    error instanceof Error && 'status' in error && typeof error.status === 'number'
      ? error.status
      : undefined;
  if (status !== undefined) {
    const twilioCode = code && /^\d+$/.test(code) ? Number(code) : undefined;
    return new SendFailure(refusalAction(twilioCode, status), message, twilioCode);
  }
  return new SendFailure(
    code && unreached.has(code) ? 'later' : 'reconcile',
    code ? `${code}: ${message}` : message,
  );
}
