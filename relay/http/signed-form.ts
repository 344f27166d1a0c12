import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { UnsignedRateLimit } from './unsigned-rate-limit.ts';
import { createBodies, smallForm } from './form.ts';
import { BadRequest } from '../../shared/twilio/bad-request.ts';
import { looksSigned } from '../../shared/twilio/signature.ts';
import type { Verifier } from '../../shared/twilio/signature.ts';

/**
 * How long a form may take from an address that is over its limit (ms). Twilio sends it together
 * with the header.
 */
const suspectMs = 1000;

/**
 * Reads the form of a request that Twilio has signed for this address (`url`: path and query).
 * Throws BadRequest, in the order 415, 413, 403, 400; an address that has sent too many requests
 * without a valid signature gets 429 instead of any of these: at once if the header cannot be a
 * signature, else when the signature is wrong or the form does not arrive, since Twilio's own
 * requests may come from the same address.
 */
export type SignedForms = (request: IncomingMessage, url: string) => Promise<URLSearchParams>;

/**
 * Keeps unsigned requests cheap: checks the header before the body and the body's bytes before
 * parsing, and gives a form that is slow to check its own turn of the event loop, so that a Twilio
 * webhook waits for one such form at most.
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
      // Lack of room is not the request's fault.
      if (!(error instanceof BadRequest && error.status === 503))
        unsignedRateLimit.noteWrong(request);
      throw error;
    }
  };
}

const turnedAway = (): BadRequest => new BadRequest(429, 'too many wrong requests');

/**
 * Queues work that blocks the event loop: each item gets its own turn of the loop, first come,
 * first served.
 */
function createOneEachTurn(): () => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return () => (last = last.then(() => nextTurn()));
}
