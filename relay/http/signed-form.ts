import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { UnsignedRateLimit } from './unsigned-rate-limit.ts';
import { createBodies, smallForm } from './form.ts';
import { BadRequest } from '../../shared/twilio/bad-request.ts';
import { looksSigned } from '../../shared/twilio/signature.ts';
import type { Verifier } from '../../shared/twilio/signature.ts';

/**
 * How long a form may take that comes from an address which has been turned away (ms). Twilio sends
 * it with the header.
 */
const suspectMs = 1000;

/**
 * Reads the form of a request that Twilio has signed for this address (`url`: path and query).
 * Throws BadRequest, in the order 415, 413, 403, 400; an address that has sent too much without a
 * right signature gets 429 instead of any of these: at once where there is nothing in the form of a
 * signature, else when it turns out to be wrong or does not come, since Twilio's own requests may
 * come from there, too.
 */
export type SignedForms = (request: IncomingMessage, url: string) => Promise<URLSearchParams>;

/**
 * What is not signed costs little: the header is looked at before the body, the body's bytes before
 * it is parsed, and a form that takes long to check waits for a turn of the event loop of its own,
 * so that a webhook of Twilio's waits for one such form at most.
 */
export function createSignedForms(
  verify: Verifier,
  unsignedRateLimit: UnsignedRateLimit,
): SignedForms {
  const bodies = createBodies();
  const myTurn = createOneEachTurn();
  const readSigned = async (request: IncomingMessage, url: string): Promise<URLSearchParams> => {
    const signature = request.headers['x-twilio-signature'];
    const isSigned = looksSigned(signature);
    const within =
      unsignedRateLimit.turnsAway(request) && !unsignedRateLimit.trusts(request)
        ? suspectMs
        : undefined;
    const { body, release } = await bodies.read(request, { keep: isSigned, within });
    try {
      if (!isSigned) throw new BadRequest(403, 'no valid signature');
      if (body.length > smallForm) await myTurn();
      const form = new URLSearchParams(body.toString('utf8'));
      if (!verify(url, form, signature)) throw new BadRequest(403, 'no valid signature');
      unsignedRateLimit.noteSigned(request);
      return form;
    } finally {
      release();
    }
  };
  return async (request, url) => {
    if (!looksSigned(request.headers['x-twilio-signature']) && unsignedRateLimit.turnsAway(request))
      throw turnedAway();
    try {
      return await readSigned(request, url);
    } catch (error) {
      if (unsignedRateLimit.turnsAway(request)) throw turnedAway();
      // That there is no room is not this request's fault.
      if (!(error instanceof BadRequest && error.status === 503))
        unsignedRateLimit.noteWrong(request);
      throw error;
    }
  };
}

const turnedAway = (): BadRequest => new BadRequest(429, 'too many wrong requests');

/**
 * Makes a line for work that keeps the event loop busy: each wait ends in a turn of the loop of its
 * own, first come, first served.
 */
function createOneEachTurn(): () => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return () => (last = last.then(() => nextTurn()));
}
