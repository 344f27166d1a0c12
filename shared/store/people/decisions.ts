import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { otherSpelling } from '../../runtime/number-spelling.ts';
import { isPhoneNumber } from '../../runtime/person-address.ts';
import type { PersonAddress } from '../../runtime/person-address.ts';
import { keys, prefix } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import { setAsideSeconds } from '../redis/retention.ts';
import { runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/** What the owner is asked about a person before it is done. */
const kinds = ['invite', 'remove'] as const;
export type Decision = { kind: (typeof kinds)[number]; address: PersonAddress };

/**
 * What became of a tap: `already` may the person write, too `many` invitations are open, the person
 * is the `owner`, or `unknown`. `used`: an earlier tap has decided; `gone`: the question is too
 * old.
 */
const outcomes = ['done', 'cancelled', 'already', 'many', 'owner', 'unknown', 'used'] as const;
export type Decided = (Decision & { outcome: (typeof outcomes)[number] }) | { outcome: 'gone' };

/**
 * The owner's decisions about people. A question is noted before it is asked and is answered once,
 * by a tap; so neither a text nor a second tap decides.
 */
export type Decisions = {
  /**
   * Notes a question for an hour. Returns the token for its buttons. `names` are all addresses of
   * the person, by default the one address.
   */
  ask(decision: Decision, names?: readonly string[]): Promise<string>;
  /**
   * Does what was asked if the owner has agreed. `message` is the id of the message with the tap:
   * it may be repeated. What a removed person has waiting is set aside, except for schedules.
   */
  decide(token: string, message: string, isAgreed: boolean, owner: string): Promise<Decided>;
};

/** How long an invitation waits for the person's first message (ms). */
export const invitationMs = 7 * 24 * 3600_000;

/** How many invitations may wait. */
export const mostInvitations = 20;

const questionSeconds = 3600;

/** How long a decision is remembered for the message that made it (s). */
const decidedSeconds = 24 * 3600;

const decideScript = loadScript(new URL('lua/decide.lua', import.meta.url), {
  keys: ['ask', 'allowed'],
  args: [
    'prefix',
    'message',
    'choice',
    'owner',
    'now',
    'expiry',
    'mostOpen',
    'setAsideSeconds',
    'lifetimeSeconds',
  ],
});

const Outcome = z.union([
  z.tuple([z.enum(outcomes), z.enum(kinds), z.string()]),
  z.tuple([z.literal('gone'), z.string(), z.string()]),
]);

export function createDecisions(redis: Redis, now: () => number = Date.now): Decisions {
  return {
    async ask({ kind, address }, names = [address]) {
      const token = randomBytes(12).toString('hex');
      const spellings = names.filter(isPhoneNumber).flatMap((name) => otherSpelling(name) ?? []);
      const ask = keys.personQuestion(token);
      await redis
        .multi()
        .hset(ask, { kind, address, spelling: spellings.join(', ') })
        .expire(ask, questionSeconds)
        .exec();
      return token;
    },
    async decide(token, message, isAgreed, owner) {
      const reply = await runScript(redis, decideScript, {
        keys: { ask: keys.personQuestion(token), allowed: keys.allowed },
        args: {
          prefix,
          message,
          choice: isAgreed ? 'yes' : 'no',
          owner,
          now: new Date(now()).toISOString(),
          expiry: new Date(now() + invitationMs).toISOString(),
          mostOpen: mostInvitations,
          setAsideSeconds,
          lifetimeSeconds: decidedSeconds,
        },
      });
      const [outcome, kind, address] = Outcome.parse(reply);
      return outcome === 'gone' ? { outcome } : { outcome, kind, address };
    },
  };
}
