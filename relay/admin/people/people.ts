import { waitingSets } from '../../../shared/store/boxes/sweep.ts';
import { createHomeRegistry } from '../../../shared/store/homes/registry.ts';
import { keys } from '../../../shared/store/redis/keys.ts';
import type { Redis } from '../../../shared/store/redis/redis.ts';
import type { Directory } from '../../../shared/store/people/directory.ts';
import type { Person } from '../../../shared/store/people.ts';
import type { Spend } from '../../../shared/store/money/spend.ts';
import { dayOf, monthOf } from '../../../shared/store/money/spend.ts';

/**
 * A conversation in the list: what waits in its boxes, its cost (US dollars), and when the person
 * last wrote (ms since 1970).
 */
export type ConversationLine = {
  conversation: string;
  person: Person | undefined;
  waiting: number;
  sending: number;
  parked: number;
  todayUsd: number;
  monthUsd: number;
  wroteAt: number | undefined;
};

/** How many conversations are listed. */
const mostListed = 200;

/**
 * Reads the conversations of all people, and some without a record, or `only` these; the last to
 * write come first.
 */
export async function readPeople(
  redis: Redis,
  spend: Spend,
  { people, timezone }: Directory,
  now: number,
  only?: string[],
): Promise<ConversationLine[]> {
  const byConversation = new Map(
    people.flatMap((person) => person.conversations.map((one) => [one, person] as const)),
  );
  const names = only ?? (await findNames(redis, [...byConversation.keys()]));
  const today = dayOf(now, timezone);
  const [ofToday, ofMonth] = await Promise.all([
    spend.costs(today, names),
    spend.costs(monthOf(today), names),
  ]);
  const step = redis.pipeline();
  for (const name of names) {
    step.llen(keys.inbox(name)).llen(keys.outbox(name)).llen(keys.parked(name));
    step.hget(keys.conversation(name), 'wroteAt');
  }
  const found = ((await step.exec()) ?? []).map(([, value]) => value);
  const lines = names.map((conversation, index): ConversationLine => {
    const [waiting, sending, parked, wroteAt] = found.slice(index * 4, index * 4 + 4);
    const wrote = Date.parse(String(wroteAt));
    return {
      conversation,
      person: byConversation.get(conversation),
      waiting: Number(waiting ?? 0),
      sending: Number(sending ?? 0),
      parked: Number(parked ?? 0),
      todayUsd: ofToday[index] ?? 0,
      monthUsd: ofMonth[index] ?? 0,
      wroteAt: Number.isNaN(wrote) ? undefined : wrote,
    };
  });
  return lines.toSorted((a, b) => (b.wroteAt ?? 0) - (a.wroteAt ?? 0));
}

/** Those with something waiting come first, then the people, then some others. */
async function findNames(redis: Redis, ofPeople: string[]): Promise<string[]> {
  const waiting = waitingSets(await createHomeRegistry(redis).suffixes());
  const [known, busy] = await Promise.all([
    redis.srandmember(keys.known, mostListed),
    Promise.all(waiting.map((set) => redis.srandmember(set, mostListed))),
  ]);
  return [...new Set([...busy.flat(), ...ofPeople, ...known])].slice(0, mostListed);
}
