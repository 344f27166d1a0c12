import { createHash, createHmac, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const salt = 'sidepocket sign-in';
const scryptAsync = promisify<string, string, number, Buffer>(scrypt);

/** A password of which only the scrypt hash is kept. */
export type Password = {
  /** Compares in constant time. */
  isRight(attempt: string): Promise<boolean>;
  /** A key for another purpose, the same as long as the password is the same. */
  key(purpose: string): string;
};

/** The hash is slow on purpose, and made beside the event loop: webhooks must not wait for it. */
export async function createPassword(password: string): Promise<Password> {
  const hash = await scryptAsync(password, salt, 32);
  /** The digest of an attempt that was right: a script that asks often pays for the slow hash once. */
  let known: Buffer | undefined;
  return {
    async isRight(attempt) {
      const digest = createHash('sha256').update(hash).update(attempt).digest();
      if (known && timingSafeEqual(known, digest)) return true;
      if (!timingSafeEqual(hash, await scryptAsync(attempt, salt, 32))) return false;
      known = digest;
      return true;
    },
    key: (purpose) => createHmac('sha256', hash).update(purpose).digest('hex'),
  };
}
