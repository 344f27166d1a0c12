import { createHmac, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { isSameSecret } from '../../shared/runtime/constant-time.ts';

const salt = 'sidepocket sign-in';
const scryptAsync = promisify<string, string, number, Buffer>(scrypt);

/** The dashboard's password, as digests. */
export type Password = {
  /**
   * Compares in constant time. An attempt costs some microseconds, so thousands of guesses do not
   * slow webhooks.
   */
  isRight(attempt: string): boolean;
  /** Derives a key for another purpose; stable while the password is the same. */
  key(purpose: string): string;
};

/**
 * Only the keys use the slow hash, once, because their signatures leave this process: a stolen
 * cookie must not allow guessing passwords by the million. Attempts are rate-limited by address and
 * compared by a digest that stays in this process.
 */
export async function createPassword(password: string): Promise<Password> {
  const hash = await scryptAsync(password, salt, 32);
  const ours = randomBytes(32);
  const digestOf = (text: string): Buffer =>
    createHmac('sha256', ours).update(text, 'utf8').digest();
  const right = digestOf(password);
  return {
    isRight: (attempt) => isSameSecret(digestOf(attempt), right),
    key: (purpose) => createHmac('sha256', hash).update(purpose).digest('hex'),
  };
}
