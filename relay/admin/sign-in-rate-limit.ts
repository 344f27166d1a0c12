import { setTimeout as wait } from 'node:timers/promises';
import { createRateLimit } from '../http/rate-limit.ts';
import type { Password } from './password.ts';

/** Wrong passwords per address and minute before the address has to wait. */
const wrongPerAddress = 10;

/**
 * Wrong passwords per minute from all addresses before answers to wrong passwords are delayed, and
 * the delay (ms).
 */
const wrongInAll = 100;
const lateMs = 1000;

/** How many answers may be delayed at once: each holds a connection. */
const mostLate = 50;

export type Outcome = 'right' | 'wrong' | 'too many';

/** Tries a password from an address. Attempts by others never block the right password. */
export type Attempts = (address: string, attempt: string) => Promise<Outcome>;

/** `now` is in ms since 1970; `delay` waits for the given ms. */
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
