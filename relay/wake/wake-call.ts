import { request as requestSecurely } from 'node:https';
import { http } from '../../shared/runtime/http/http.ts';
import { reportError } from '../../shared/runtime/errors.ts';
import type { Log } from '../../shared/runtime/log.ts';

/**
 * One attempt to wake the VM. Resolves when it was answered or failed; never throws. `wake` names
 * the wake in the log.
 */
export type WakeCall = (wake: number) => Promise<void>;

/** The time limit of a call (ms): Fly's proxy holds the request while the machine starts. */
const patience = 30_000;

/**
 * Calls `POST <url>/wake` with the secret. A redirect is followed once, on the same host, such as to
 * https: what a home answers must lead the relay nowhere else. A machine that is just stopping
 * refuses or resets the connection; this is logged and counted, and the waker retries. At most one
 * call is open.
 */
export function createWakeCall(
  url: string,
  secret: string | undefined,
  count: (outcome: string) => void,
  log: Log,
): WakeCall {
  let calling = false;
  return async (wake) => {
    if (calling) return;
    calling = true;
    try {
      const address = `${url}/wake`;
      const first = await post(address, secret);
      const onward = redirectOf(first, address);
      const { status } = onward === undefined ? first : await post(onward, secret);
      const isDone = status >= 200 && status < 300;
      count(isDone ? 'ok' : String(status));
      if (!isDone) log.warn({ wake, status }, 'the wake address refused');
    } catch (error) {
      const cause =
        error instanceof Error && error.cause ? reportError(error.cause) : reportError(error);
      count('unreachable');
      log.warn({ wake, err: cause }, 'the wake address was not reached');
    } finally {
      calling = false;
    }
  };
}

type Answer = { status: number; location: string | undefined };

/**
 * One request, over a connection of its own, since a machine that stops drops what is open. Of the
 * body nothing is read: it may have no end.
 */
function post(address: string, secret: string | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const send = address.startsWith('https:') ? requestSecurely : http.request;
    const options = {
      method: 'POST',
      headers: { 'Content-Length': 0, ...(secret ? { Authorization: `Bearer ${secret}` } : {}) },
      agent: false,
      signal: AbortSignal.timeout(patience),
    };
    send(address, options, (response) => {
      const { statusCode = 0, headers } = response;
      response.on('error', reject);
      response.destroy();
      resolve({ status: statusCode, location: headers.location });
    })
      .on('error', reject)
      .end();
  });
}

/** The address on the same host that a response redirects to. */
function redirectOf({ status, location }: Answer, address: string): string | undefined {
  const isRedirect = status >= 300 && status < 400 && location !== undefined;
  const onward = isRedirect ? URL.parse(location, address) : null;
  return onward?.hostname === URL.parse(address)?.hostname ? onward?.href : undefined;
}
