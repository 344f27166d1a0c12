import type { Redis } from 'ioredis';
import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import { suffixOf } from '../../shared/store/homes/routes.ts';
import { keys, ofHome } from '../../shared/store/redis/keys.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';
import { phoneAt, phones } from '../webhook-requests.ts';

/** How many people are written in one trip. */
const atOnce = 500;

const nameOf = (home: number): string => `home-${home + 1}`;

/** What the names of the keys of a home end in, by its number from 0 on. */
export const suffixAt = (home: number): HomeSuffix => (home === 0 ? '' : suffixOf(nameOf(home)));

/**
 * Registers homes whose computers have fallen asleep, each with a reminder that is due tomorrow,
 * and people who have written before: the first ones in the first home. Those that no relay lists
 * were invited.
 */
export async function registerPeople(redis: Redis, homes: number, people: number): Promise<void> {
  const registry = createHomeRegistry(redis);
  const peopleOfHome = people / homes;
  const tomorrow = Date.now() + 24 * 3600_000;
  for (let home = 0; home < homes; home += 1) {
    const [name, suffix] = [nameOf(home), suffixAt(home)];
    await registry.register(
      { name, id: `disk-${home}`, worker: name, mayBeFirst: true },
      {
        address: home === 0 ? undefined : `http://${name}.flycast:8081`,
        secret: home === 0 ? undefined : 'bench',
        takes: peopleOfHome,
        version: 'bench',
      },
    );
    await redis.hset(keys.home(name), 'people', peopleOfHome);
    await redis.hset(ofHome(keys.vm, suffix), 'state', 'asleep', 'since', Date.now());
    await redis.zadd(keys.delayed(`schedules${suffix}`), tomorrow * 0x1000, `reminder-${home}`);
  }
  const now = new Date().toISOString();
  for (let from = 0; from < people; from += atOnce) {
    const step = redis.pipeline();
    for (let index = from; index < Math.min(from + atOnce, people); index += 1) {
      const [phone, id, home] = [phoneAt(index), `p-${index}`, Math.floor(index / peopleOfHome)];
      step.hset(keys.people, phone, id);
      step.hset(keys.person(id), {
        since: now,
        conversations: phone,
        addresses: `${phone} (WhatsApp)`,
        home: nameOf(home),
      });
      step.hset(keys.conversation(phone), 'wroteAt', now);
      if (home > 0) step.hset(keys.conversation(phone), 'home', nameOf(home));
      step.sadd(keys.known, phone);
      if (index >= phones.length)
        step.hset(keys.allowed, phone, `allowed since ${now}, invited by ${phoneAt(0)}`);
    }
    await step.exec();
  }
}

/** Lets each home show signs of life for an hour, or none. */
export async function showLife(redis: Redis, homes: number, isAwake: boolean): Promise<void> {
  for (let home = 0; home < homes; home += 1) {
    const heartbeat = ofHome(keys.heartbeat, suffixAt(home));
    if (isAwake) await redis.set(heartbeat, `${nameOf(home)}#1`, 'EX', 3600);
    else await redis.del(heartbeat);
  }
}

/** Removes messages and their turns; people and homes stay. */
export async function forgetMessages(redis: Redis): Promise<void> {
  await redis.eval(
    `for _, key in ipairs(redis.call('KEYS', '*')) do
       local kind = string.match(key, '^{[^}]*}:([^:@]+)')
       local isOfMessage = { inbox = 1, message = 1, said = 1, thread = 1, conversations = 1, turns = 1, typing = 1 }
       if isOfMessage[kind] and not string.find(key, ':meta', 1, true) then redis.call('UNLINK', key) end
     end`,
    0,
  );
}

/** How many commands a Redis has run since its start, with those that scripts call. */
export async function countCalls(redis: Redis): Promise<number> {
  return callsIn(await redis.info('commandstats'));
}

/** The sum of the calls in `INFO commandstats`. */
export function callsIn(info: string): number {
  return [...info.matchAll(/^cmdstat_\S+:calls=(\d+)/gm)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  );
}
