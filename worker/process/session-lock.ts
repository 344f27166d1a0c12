import type { Control } from '../../shared/store/redis/pubsub.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { callKey } from '../../shared/store/redis/idempotent.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { runScript } from '../../shared/store/redis/script.ts';
import { loadScript } from '../../shared/store/redis/script-file.ts';

/**
 * How long another worker may take to close a session's process before it is considered lost (ms),
 * and the interval of the checks.
 */
const patienceMs = 10_000;
const lookMs = 50;

/**
 * Allows one process at a time per session, across workers that share a data directory: a worker
 * claims a conversation before it works on it, and the previous holder closes its process first.
 */
export type SessionLock = {
  /**
   * Returns when no other living worker has a process for this conversation. Also releases a
   * process that this worker kept from before another worker had the conversation.
   */
  claim(conversation: string): Promise<void>;
  /** Claims it unless another living worker has it. */
  claimIfFree(conversation: string): Promise<boolean>;
  /** Handles requests on the control channel to release a conversation. */
  onControl(control: Control): void;
};

const claimScript = loadScript(new URL('lua/claim.lua', import.meta.url), {
  keys: ['live', 'call'],
  args: ['owner', 'prefix', 'channel', 'conversation'],
});

const yieldScript = loadScript(new URL('lua/yield.lua', import.meta.url), {
  keys: ['live'],
  args: ['owner'],
});

/** `release` closes this worker's process for a conversation. */
export function createSessionLock(
  redis: Redis,
  owner: string,
  release: (conversation: string) => Promise<void>,
  log: Log,
): SessionLock {
  const attempt = async (conversation: string, channel: string): Promise<string> => {
    const where = { live: keys.live(conversation), call: callKey() };
    return String(
      await runScript(redis, claimScript, {
        keys: where,
        args: { owner, prefix, channel, conversation },
      }),
    );
  };
  const isOurs = (outcome: string): boolean => outcome === 'claimed' || outcome === 'taken over';
  return {
    async claim(conversation) {
      const deadline = Date.now() + patienceMs;
      let outcome = await attempt(conversation, keys.control);
      if (outcome === 'claimed') return;
      for (; !isOurs(outcome); outcome = await attempt(conversation, keys.control)) {
        if (Date.now() > deadline) {
          log.warn({ conversation, holder: outcome }, 'another worker did not release a session');
          await redis.del(keys.live(conversation));
        }
        await new Promise((resolve) => setTimeout(resolve, lookMs));
      }
      await release(conversation);
    },
    claimIfFree: async (conversation) => isOurs(await attempt(conversation, '')),
    onControl(control) {
      if (control.kind !== 'release' || control.owner !== owner) return;
      release(control.conversation)
        .then(() =>
          runScript(redis, yieldScript, {
            keys: { live: keys.live(control.conversation) },
            args: { owner },
          }),
        )
        .catch((error: unknown) =>
          log.warn(
            { err: error, conversation: control.conversation },
            'releasing a session failed',
          ),
        );
    },
  };
}
