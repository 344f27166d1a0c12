import type { IncomingMessage } from 'node:http';
import { BadRequest } from '../../shared/twilio/bad-request.ts';
import { createYoungCollector } from '../small-heap.ts';

/**
 * The largest accepted form (bytes). A WhatsApp message has 1,600 characters; Twilio's other
 * parameters are short.
 */
const formLimit = 64 * 1024;

/** The most parameters accepted: Twilio sends about 25, and 2 more for each of at most 10 files. */
export const mostParameters = 200;

/**
 * Bodies up to this size are not counted (bytes). Twilio's forms have about 1 kB, and 4 kB with the
 * longest text in English.
 */
export const smallForm = 8 * 1024;

/**
 * The memory for all larger bodies together (bytes), from the first byte until the signature is
 * checked. Each uses a pooled block of 64 kB: fifty connections with the largest form use 3 MB.
 */
const mostHeld = 6 * 1024 * 1024;

/** Node's read buffers are collected after this many bytes of larger bodies. */
const collectEvery = 1024 * 1024;

/** How many blocks stay in the pool. */
const mostSpare = 16;

/** The bodies being read. */
export type Bodies = {
  /**
   * Reads a posted form. `keep` false: only checks whether it would be accepted, and returns
   * nothing. `within` is the time limit (ms). Call `release` when the body is no longer needed: its
   * memory is reused. Throws BadRequest: 415 when it is not a form, 413 when it is over 64 kB or
   * has over 200 parameters, 400 when it breaks off, 429 when it takes too long, 503 when there is
   * no room for it; Twilio retries then.
   */
  read(
    request: IncomingMessage,
    options: { keep: boolean; within?: number | undefined },
  ): Promise<{ body: Buffer; release: () => void }>;
};

/** A body being read: its bytes so far, whether they are in a pooled block, and how to abort it. */
type Reading = {
  bytes: Buffer;
  size: number;
  hasBlock: boolean;
  fail: (error: BadRequest) => void;
};

/** `most` bounds all bodies together (bytes). Beyond it, the oldest unfinished body is aborted. */
export function createBodies(most: number = mostHeld): Bodies {
  let blocks = 0;
  const noteBytes = createYoungCollector(collectEvery);
  const spare: Buffer[] = [];
  const unfinished = new Set<Reading>();
  const release = (reading: Reading): void => {
    if (!reading.hasBlock) return;
    reading.hasBlock = false;
    blocks -= 1;
    if (spare.length < mostSpare) spare.push(reading.bytes);
    reading.bytes = nothing;
  };
  /**
   * Copies the chunk: each of Node's reads has a buffer of 64 kB, however short the read, which
   * lives until V8 collects it.
   */
  const append = (reading: Reading, chunk: Buffer): void => {
    const size = reading.size + chunk.length;
    if (size > smallForm && !reading.hasBlock) {
      const block = spare.pop() ?? Buffer.allocUnsafeSlow(formLimit);
      reading.bytes.copy(block, 0, 0, reading.size);
      Object.assign(reading, { bytes: block, hasBlock: true });
      blocks += 1;
      for (const oldest of unfinished) {
        const isOverFull = oldest.hasBlock && blocks * formLimit > most;
        if (isOverFull) oldest.fail(new BadRequest(503, 'no room for a form that takes so long'));
      }
      if (!unfinished.has(reading)) return;
    }
    if (reading.hasBlock) chunk.copy(reading.bytes, reading.size);
    else
      reading.bytes =
        reading.size === 0 ? Buffer.from(chunk) : Buffer.concat([reading.bytes, chunk]);
    reading.size = size;
  };
  const readBody = (
    request: IncomingMessage,
    keep: boolean,
    within: number | undefined,
  ): Promise<Reading> =>
    new Promise((resolve, reject) => {
      let [size, separators] = [0, 0];
      const reading: Reading = {
        bytes: nothing,
        size: 0,
        hasBlock: false,
        fail(error) {
          if (!unfinished.delete(reading)) return;
          clearTimeout(timer);
          // The rest is read and dropped: a refused request still gets an answer.
          release(reading);
          reject(error);
        },
      };
      unfinished.add(reading);
      const timer =
        within === undefined
          ? undefined
          : setTimeout(
              () => reading.fail(new BadRequest(429, 'the form did not come in time')),
              within,
            );
      // By events: an async iterator would cost more than handling the form.
      request.on('data', (chunk: Buffer) => {
        if (!unfinished.has(reading)) return;
        size += chunk.length;
        separators += prepare(chunk);
        if (size > smallForm) noteBytes(chunk.length);
        if (size > formLimit) return reading.fail(new BadRequest(413, 'form too large'));
        if (separators >= mostParameters)
          return reading.fail(new BadRequest(413, 'too many parameters'));
        if (keep) append(reading, chunk);
      });
      request.on('end', () => {
        if (!unfinished.delete(reading)) return;
        clearTimeout(timer);
        resolve(reading);
      });
      request.on('close', () => {
        // Each request ends with this event, and an error takes as long as parsing a form.
        if (unfinished.has(reading)) reading.fail(new BadRequest(400, 'the request broke off'));
      });
    });
  return {
    async read(request, { keep, within }) {
      const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
      if (type !== 'application/x-www-form-urlencoded') throw new BadRequest(415, 'not a form');
      if (Number(request.headers['content-length'] ?? 0) > formLimit)
        throw new BadRequest(413, 'form too large');
      const reading = await readBody(request, keep, within);
      return { body: reading.bytes.subarray(0, reading.size), release: () => release(reading) };
    },
  };
}

const nothing = Buffer.alloc(0);

const [ampersand, semicolon, plus, space] = [0x26, 0x3b, 0x2b, 0x20];

/**
 * Counts the separators of parameters, and replaces plus signs, which mean blanks, by blanks: 64 kB
 * of plus signs would take the parser 3 ms.
 */
function prepare(chunk: Buffer): number {
  let separators = 0;
  for (let index = 0; index < chunk.length; index += 1) {
    const byte = chunk[index];
    if (byte === ampersand || byte === semicolon) separators += 1;
    else if (byte === plus) chunk[index] = space;
  }
  return separators;
}
