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
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // A refused request is still answered, so leaving the loop early must not close its connection.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > formLimit) throw new BadRequest(413, 'form too large');
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof BadRequest) throw error;
    throw new BadRequest(400, 'the request broke off');
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
