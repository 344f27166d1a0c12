import type { IncomingMessage } from 'node:http';

/** A request that is answered with this status and nothing else; `message` is for the log. */
export class BadRequest extends Error {
  override name = 'BadRequest';
  readonly status: 400 | 403 | 413 | 415 | 429 | 503;

  constructor(status: BadRequest['status'], message: string) {
    super(message);
    this.status = status;
  }
}

/** The largest form taken (bytes). A WhatsApp message has 1,600 characters; Twilio's other parameters are short. */
export const formLimit = 64 * 1024;

/** The most parameters taken: Twilio sends about 25, and 2 more for each of at most 10 files. */
export const mostParameters = 200;

/** What every body may hold without being counted (bytes). Twilio's forms have about 1 kB, and 4 kB with the longest text in English. */
export const smallForm = 8 * 1024;

/**
 * What all bodies together may hold beyond that (bytes), from their first byte until their signature is checked. Fifty
 * connections with the largest form are 3 MB.
 */
const mostHeld = 6 * 1024 * 1024;

/** The bodies that are being read. */
export type Bodies = {
  /**
   * Reads a posted form. `keep` false: only looks whether it would be taken, and returns nothing. `within` is how long it may
   * take (ms). `release` is to be called when the form is of no use any more. Throws BadRequest: 415 when it is not a
   * form, 413 when it is over 64 kB or has over 200 parameters, 400 when it breaks off, 429 when it takes too long, 503
   * when there is no room for it; Twilio tries again then.
   */
  read(request: IncomingMessage, options: { keep: boolean; within?: number | undefined }): Promise<{ body: Buffer; release: () => void }>;
};

/** A body on its way: how many of its bytes are counted, and how it is given up. */
type Reading = { counted: number; fail: (error: BadRequest) => void };

/** `most` is what all may hold (bytes). When it is too much, the body that has taken longest so far gives way. */
export function createBodies(most: number = mostHeld): Bodies {
  let held = 0;
  const unfinished = new Set<Reading>();
  const release = (reading: Reading): void => {
    held -= reading.counted;
    reading.counted = 0;
  };
  const hold = (reading: Reading, size: number): void => {
    const counted = Math.max(size - smallForm, 0);
    held += counted - reading.counted;
    reading.counted = counted;
    for (const oldest of unfinished) {
      if (held <= most) return;
      oldest.fail(new BadRequest(503, 'no room for a form that takes so long'));
    }
  };
  const readBody = (request: IncomingMessage, keep: boolean, within: number | undefined): Promise<{ chunks: Buffer[]; reading: Reading }> =>
    new Promise((resolve, reject) => {
      let chunks: Buffer[] = [];
      let [size, separators] = [0, 0];
      const reading: Reading = {
        counted: 0,
        fail(error) {
          if (!unfinished.delete(reading)) return;
          clearTimeout(timer);
          release(reading);
          // The rest of it comes by as well and is dropped: a refused request is still answered.
          chunks = [];
          reject(error);
        },
      };
      unfinished.add(reading);
      const timer = within === undefined ? undefined : setTimeout(() => reading.fail(new BadRequest(429, 'the form did not come in time')), within);
      // By events: an iterator over the request would cost more than what is done with the form.
      request.on('data', (chunk: Buffer) => {
        if (!unfinished.has(reading)) return;
        size += chunk.length;
        separators += prepare(chunk);
        if (size > formLimit) return reading.fail(new BadRequest(413, 'form too large'));
        if (separators >= mostParameters) return reading.fail(new BadRequest(413, 'too many parameters'));
        if (!keep) return;
        chunks.push(chunk);
        hold(reading, size);
      });
      request.on('end', () => {
        if (!unfinished.delete(reading)) return;
        clearTimeout(timer);
        resolve({ chunks, reading });
      });
      request.on('close', () => reading.fail(new BadRequest(400, 'the request broke off')));
    });
  return {
    async read(request, { keep, within }) {
      const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
      if (type !== 'application/x-www-form-urlencoded') throw new BadRequest(415, 'not a form');
      if (Number(request.headers['content-length'] ?? 0) > formLimit) throw new BadRequest(413, 'form too large');
      const { chunks, reading } = await readBody(request, keep, within);
      return { body: Buffer.concat(chunks), release: () => release(reading) };
    },
  };
}

const [ampersand, semicolon, plus, space] = [0x26, 0x3b, 0x2b, 0x20];

/**
 * Counts what separates parameters, and writes blanks as blanks: a plus sign means one, and 64 kB of them would take the
 * parser 3 ms.
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
