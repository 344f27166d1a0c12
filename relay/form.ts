import type { IncomingMessage } from 'node:http';

/** A request that is answered with this status and nothing else; `message` is for the log. */
export class BadRequest extends Error {
  override name = 'BadRequest';
  readonly status: 400 | 403 | 413 | 415 | 429;

  constructor(status: BadRequest['status'], message: string) {
    super(message);
    this.status = status;
  }
}

/** The largest form taken (bytes). A WhatsApp message has 1,600 characters; Twilio's other parameters are short. */
export const formLimit = 64 * 1024;

/** Reads a posted form. Throws BadRequest: 415 when it is not a form, 413 when it is over 64 kB, 400 when it breaks off. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') throw new BadRequest(415, 'not a form');
  if (Number(request.headers['content-length'] ?? 0) > formLimit) throw new BadRequest(413, 'form too large');
  return new URLSearchParams(await readBody(request));
}

/** By events: an iterator over the request would cost more than what is done with the form. */
function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      // The rest of it comes by as well and is dropped: a refused request is still answered.
      if (size > formLimit) reject(new BadRequest(413, 'form too large'));
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.on('close', () => {
      if (!request.complete) reject(new BadRequest(400, 'the request broke off'));
    });
  });
}
