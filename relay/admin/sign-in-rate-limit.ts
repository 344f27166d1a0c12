import { setTimeout as wait } from 'node:timers/promises';
import { createRateLimit } from '../http/rate-limit.ts';
import type { Password } from './password.ts';

/** Wrong passwords a minute from one address, after which it has to wait. */
const wrongPerAddress = 10;

/**
 * Wrong passwords a minute from all addresses together, after which the answer to a wrong one is
 * late: this long (ms).
 */
const wrongInAll = 100;
const lateMs = 1000;

/** How many answers may be late at once: each keeps a connection. */
const mostLate = 50;

export type Outcome = 'right' | 'wrong' | 'too many';

/** Tries a password that came from an address. What others do never keeps the right one out. */
export type Attempts = (address: string, attempt: string) => Promise<Outcome>;

/** `now` is in ms since 1970; `delay` waits for so many ms. */
export function createAttempts(
  password: Password,
  now: () => number = Date.now,
  delay: (ms: number) => Promise<unknown> = wait,
): Attempts {
  const [byAddress, inAll] = [
    createRateLimit(wrongPerAddress, now),
    createRateLimit(wrongInAll, now),
  ];
  let late = 0;
  return async (address, attempt) => {
    if (byAddress.isUsedUp(address)) return 'too many';
    if (password.isRight(attempt)) return 'right';
    byAddress.take(address);
    if (inAll.take('all') || late >= mostLate) return 'wrong';
    late += 1;
    await delay(lateMs).finally(() => (late -= 1));
    return 'wrong';
  };
}
