import type { Control } from '../shared/control.ts';
import { keys, prefix } from '../shared/keys.ts';
import type { Log } from '../shared/log.ts';
import { callKey } from '../shared/once.ts';
import type { Redis } from '../shared/redis.ts';
import { runScript } from '../shared/script.ts';
import type { Script } from '../shared/script.ts';

/** How long another worker may take to close a session's process before it is taken for lost (ms), and how often its answer is looked for. */
const patienceMs = 10_000;
const lookMs = 50;

/**
 * One process at a time on a session, across workers that share a data directory: who wants to work a conversation claims it, and whoever holds a
 * process for it closes that first.
 */
export type LiveClaims = {
  /** Returns when no other living worker has a process for this conversation. What this one still kept for it from before another had it is let go, too. */
  claim(conversation: string): Promise<void>;
  /** Claims it unless another living worker has it. */
  claimIfFree(conversation: string): Promise<boolean>;
  /** Hears what others say on the control channel: a request to let a conversation go. */
  onControl(control: Control): void;
};

const claimScript: Script = {
  name: 'sidepocketClaim',
  keys: 2,
  // KEYS: live, call. ARGV: owner, prefix, channel to ask the holder on (or none), conversation. An owner is WORKER_ID#boot; one whose lease is not its own is gone.
  lua: `
    -- derives lease:*
    if redis.call('EXISTS', KEYS[2]) == 1 then return 'taken over' end
    local current = redis.call('GET', KEYS[1])
    if current and current ~= ARGV[1] then
      local worker, boot = string.match(current, '^(.*)#(%d+)$')
      if worker and redis.call('GET', ARGV[2] .. ':lease:' .. worker) == boot then
        if ARGV[3] ~= '' then redis.call('PUBLISH', ARGV[3], cjson.encode({ kind = 'release', conversation = ARGV[4], owner = current })) end
        return current
      end
    end
    redis.call('SET', KEYS[1], ARGV[1], 'EX', 86400)
    if not current or current == ARGV[1] then return 'claimed' end
    -- Sent again after a reply that was lost it says the same: what was kept from before must go.
    redis.call('SET', KEYS[2], '1', 'EX', 3600)
    return 'taken over'`,
};

const yieldScript: Script = {
  name: 'sidepocketYield',
  keys: 1,
  lua: `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1`,
};

/** `release` closes what this worker holds for a conversation. */
export function createLiveClaims(redis: Redis, owner: string, release: (conversation: string) => Promise<void>, log: Log): LiveClaims {
  const attempt = async (conversation: string, channel: string): Promise<string> => String(await runScript(redis, claimScript, [keys.live(conversation), callKey(), owner, prefix, channel, conversation]));
  const isOurs = (outcome: string): boolean => outcome === 'claimed' || outcome === 'taken over';
  return {
    async claim(conversation) {
      const deadline = Date.now() + patienceMs;
      let outcome = await attempt(conversation, keys.control);
      if (outcome === 'claimed') return;
      for (; !isOurs(outcome); outcome = await attempt(conversation, keys.control)) {
        if (Date.now() > deadline) {
          log.warn({ conversation, holder: outcome }, 'another worker did not let a session go');
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
        .then(() => runScript(redis, yieldScript, [keys.live(control.conversation), owner]))
        .catch((error: unknown) => log.warn({ err: error, conversation: control.conversation }, 'a session was not released'));
    },
  };
}
