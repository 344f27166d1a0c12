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
 * Calls `POST <url>/wake` with the secret. A machine that is just stopping refuses or resets the
 * connection; this is logged and counted, and the waker retries. At most one call is open.
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
      const response = await fetch(`${url}/wake`, {
        method: 'POST',
        headers: secret ? { Authorization: `Bearer ${secret}` } : {},
        signal: AbortSignal.timeout(patience),
      });
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
