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
  const post = async (address: string): Promise<Response> => {
    const response = await fetch(address, {
      method: 'POST',
      headers: secret ? { Authorization: `Bearer ${secret}` } : {},
      redirect: 'manual',
      signal: AbortSignal.timeout(patience),
    });
    // Nothing is read of what may have no end.
    await response.body?.cancel();
    return response;
  };
  return async (wake) => {
    if (calling) return;
    calling = true;
    try {
      const address = `${url}/wake`;
      const first = await post(address);
      const onward = redirectOf(first, address);
      const response = onward === undefined ? first : await post(onward);
      count(response.ok ? 'ok' : String(response.status));
      if (!response.ok) log.warn({ wake, status: response.status }, 'the wake address refused');
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

/** The address on the same host that a response redirects to. */
function redirectOf({ status, headers }: Response, address: string): string | undefined {
  const location = status >= 300 && status < 400 ? headers.get('location') : null;
  const onward = location === null ? null : URL.parse(location, address);
  return onward?.hostname === URL.parse(address)?.hostname ? onward?.href : undefined;
}
