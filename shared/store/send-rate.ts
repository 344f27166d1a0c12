import { keys } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/**
 * The send rate for one person: one message per `intervalMs` in the long run, up to `burst` at
 * once.
 */
export type SendRateLimit = { intervalMs: number; burst: number };

/** Twilio's sandbox number, shared by all accounts (twilio.com/docs/whatsapp/sandbox). */
export const sandboxNumber = '+14155238886';

/**
 * The send rate for a sender: the sandbox takes 1 message in 3 s; WhatsApp's pair rate is 1 in 6 s
 * with a burst of about 45 (Meta: "pair rate limits"; Twilio reports an excess as 63018). The
 * owner's `own` values take precedence.
 */
export function sendRateFor(
  sender: string,
  own: { PACE_SECONDS?: number | undefined; PACE_BURST?: number | undefined } = {},
): SendRateLimit {
  const usual =
    sender === sandboxNumber ? { intervalMs: 3000, burst: 1 } : { intervalMs: 6000, burst: 45 };
  return {
    intervalMs: own.PACE_SECONDS === undefined ? usual.intervalMs : own.PACE_SECONDS * 1000,
    burst: own.PACE_BURST ?? usual.burst,
  };
}

/** The send rate across all processes. */
export type SendRate = {
  /**
   * Returns 0 if the message may go out now (and counts it), else the milliseconds to wait before
   * the next try.
   */
  reserve(number: string, now: number): Promise<number>;
};

const reserveScript = loadScript(new URL('lua/reserve.lua', import.meta.url), {
  keys: ['pace'],
  args: ['nowMs', 'intervalMs', 'burst'],
});

export function createSendRate(redis: Redis, limit: SendRateLimit): SendRate {
  return {
    async reserve(number, now) {
      const { intervalMs, burst } = limit;
      const waitMs = await runScript(redis, reserveScript, {
        keys: { pace: keys.pace(number) },
        args: { nowMs: now, intervalMs, burst },
      });
      return Number(waitMs);
    },
  };
}
