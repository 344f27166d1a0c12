import { hostname } from 'node:os';
import { z } from 'zod';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { isInvited, isListed, isOut } from '../../shared/store/allowed.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { otherSpelling } from '../../shared/runtime/number-spelling.ts';
import { isPhoneNumber } from '../../shared/runtime/person-address.ts';
import type { PersonAddress } from '../../shared/runtime/person-address.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { setAsideSeconds } from '../../shared/store/redis/retention.ts';
import { runScript } from '../../shared/store/redis/script.ts';
import { loadScript } from '../../shared/store/redis/script-file.ts';

/**
 * The result of publishing the list: the people removed from it. `isOurs`: the list in Redis is
 * this relay's, not that of a relay that started later.
 */
export type Published = { isOurs: boolean; removed: string[] };

/**
 * Who may write: this relay's variable until it has read Redis, then the list of the relay that
 * started last, with those whom the owner has invited and without those removed in the chat.
 */
export type AllowList = {
  current(): readonly PersonAddress[];
  /**
   * Writes the variable's list into Redis, unless the list there is from a relay that started
   * later, which then applies. Safe to repeat. Throws when Redis is away.
   */
  publish(): Promise<Published>;
  /**
   * Checks whether Redis allows one of these addresses, which this list does not: a relay that
   * started later, or the owner in the chat, has added it. Returns whether the list has changed.
   * Throws when Redis is away.
   */
  refresh(addresses: readonly string[]): Promise<boolean>;
};

const publishScript = loadScript(new URL('lua/allow.lua', import.meta.url), {
  keys: ['allowed'],
  args: ['prefix', 'started', 'relayWords', 'owner', 'listed', 'setAsideSeconds'],
});

const Outcome = z.tuple([z.number()]).rest(z.string());

export type AllowListDeps = {
  redis: Redis;
  allowed: readonly PersonAddress[];
  owner: PersonAddress;
  log: Log;
  /** The uptime of this relay (ms). */ uptimeMs?: () => number;
};

/** The relay's start is in Redis's time, so that the clocks of two machines need not agree. */
export function createAllowList({
  redis,
  allowed,
  owner,
  log,
  uptimeMs = stopwatch(),
}: AllowListDeps): AllowList {
  let current = allowed;
  let started: string | undefined;

  const startOf = async (): Promise<string> => {
    const [seconds, micros] = await redis.time();
    return new Date(Number(seconds) * 1000 + Number(micros) / 1000 - uptimeMs()).toISOString();
  };
  const read = async (): Promise<boolean> => {
    const fields = await redis.hgetall(keys.allowed);
    const theirs = /started (\S+)/.exec(fields['list'] ?? '')?.[1];
    const isTheirs = theirs !== undefined && started !== undefined && theirs > started;
    const [invited, listed] = [isInvited, isListed].map((is) =>
      Object.keys(fields)
        .filter((address) => is(fields[address]))
        .toSorted(),
    );
    const isIn = (address: string): boolean => address === owner || !isOut(fields[address]);
    const own = [...allowed.filter(isIn), ...(invited ?? [])];
    const next = [...new Set(isTheirs ? listed : own)];
    const before = new Set<string>(current);
    const hasChanged =
      next.length !== current.length || next.some((address) => !before.has(address));
    if (hasChanged) current = next;
    return hasChanged;
  };
  return {
    current: () => current,
    async publish() {
      started ??= await startOf();
      const relayWords = `ALLOWED_SENDERS of the relay on ${hostname()} that started ${started}`;
      const outcome = await runScript(redis, publishScript, {
        keys: { allowed: keys.allowed },
        args: {
          prefix,
          started,
          relayWords,
          owner,
          listed: JSON.stringify(withSpellings(allowed)),
          setAsideSeconds,
        },
      });
      const [isOurs, ...removed] = Outcome.parse(outcome);
      if (isOurs !== 1)
        log.warn(
          'the list of a relay that started later stands: ALLOWED_SENDERS of this one is not used',
        );
      await read();
      return { isOurs: isOurs === 1, removed };
    },
    async refresh(addresses) {
      if (addresses.length === 0) return false;
      const entries = await redis.hmget(keys.allowed, ...addresses);
      if (!entries.some((words) => words?.startsWith('allowed'))) return false;
      started ??= await startOf();
      return await read();
    },
  };
}

/**
 * Each address on the list and its other spelling in WhatsApp, each with words that distinguish
 * them.
 */
function withSpellings(allowed: readonly PersonAddress[]): string[] {
  const listed = new Set<string>(allowed);
  const others = [...listed].flatMap((address) => {
    const other = isPhoneNumber(address) ? otherSpelling(address) : undefined;
    return other === undefined || listed.has(other)
      ? []
      : [other, `as the other spelling of ${address}`];
  });
  return [...[...listed].flatMap((address) => [address, '']), ...others];
}

function stopwatch(): () => number {
  const begin = performance.now();
  return () => performance.now() - begin;
}
