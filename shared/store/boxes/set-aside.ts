import { z } from 'zod';
import { otherSpelling } from '../../runtime/number-spelling.ts';
import { isPhoneNumber } from '../../runtime/person-address.ts';
import { createAllowed, isOut } from '../allowed.ts';
import type { Allowed } from '../allowed.ts';
import { createDeadLetters } from './dead-letters.ts';
import { suffixOf } from '../homes/routes.ts';
import type { People } from '../people.ts';
import { keys, ofHome, prefix } from '../redis/keys.ts';
import type { TellOwner } from '../owner.ts';
import type { Deliveries, Turns } from '../queues.ts';
import type { Control } from '../redis/pubsub.ts';
import type { Redis } from '../redis/redis.ts';
import { setAsideSeconds } from '../redis/retention.ts';
import type { NewReply } from '../reply.ts';
import { runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';
import type { Schedules } from '../schedules.ts';

/** How much of a person's waiting work is set aside, or restored. */
export type SetAsideCounts = {
  messages: number;
  replies: number;
  schedules: number;
  /** Schedules that could not be restored, since this version cannot read them. */
  unreadable?: number;
};

/** The waiting work of people who may no longer write. */
export type SetAside = {
  counts(conversation: string): Promise<SetAsideCounts>;
  /** Those of these addresses whose people have any, in one command for 500. */
  among(addresses: readonly string[]): Promise<string[]>;
  /**
   * Sets aside the waiting work of conversations whose people may not write; leaves the others
   * alone. Returns those that had something.
   */
  sweep(conversations: string[]): Promise<string[]>;
  /**
   * Restores everything to its place once the person may write again and the owner agrees. Returns
   * how much was restored; does nothing while the person may not write. Schedules that this version
   * cannot read go to the dead list.
   */
  requeue(conversation: string): Promise<SetAsideCounts>;
  /** Deletes it. Returns how much was deleted. */
  drop(conversation: string): Promise<SetAsideCounts>;
};

const sweepScript = loadScript(new URL('lua/set-aside-removed.lua', import.meta.url), {
  keys: ['allowed'],
  args: ['prefix', 'setAsideSeconds'],
  rest: 'conversations',
});

const amongScript = loadScript(new URL('lua/with-set-aside.lua', import.meta.url), {
  args: ['prefix'],
  rest: 'addresses',
});

const requeueScript = loadScript(new URL('lua/requeue-removed.lua', import.meta.url), {
  keys: ['allowed', 'asideMessages', 'asideReplies', 'inbox', 'outbox'],
  args: ['prefix', 'conversation', 'now'],
});

const Moved = z.tuple([z.number(), z.number()]);

/** How many conversations one step checks: the script blocks Redis meanwhile. */
const batch = 500;

export function createSetAside(
  redis: Redis,
  turns: Pick<Turns, 'runAndAdd' | 'add'>,
  deliveries: Pick<Deliveries, 'add'>,
  schedules: Schedules,
): SetAside {
  const dead = createDeadLetters(redis);
  const boxes = (conversation: string): [string, string] => [
    keys.setAsideMessages(conversation),
    keys.setAsideReplies(conversation),
  ];
  const counts = async (conversation: string): Promise<SetAsideCounts> => {
    const [messages, replies] = boxes(conversation);
    const [inMessages, inReplies, inSchedules] = await Promise.all([
      redis.llen(messages),
      redis.llen(replies),
      redis.hlen(keys.setAsideSchedules(conversation)),
    ]);
    return { messages: inMessages, replies: inReplies, schedules: inSchedules };
  };
  return {
    counts,
    async among(addresses) {
      const found: string[] = [];
      for (let index = 0; index < addresses.length; index += batch) {
        const rest = addresses.slice(index, index + batch).map(withSpelling);
        const some = await runScript(redis, amongScript, { args: { prefix }, rest });
        found.push(...z.array(z.string()).parse(some));
      }
      return found;
    },
    async sweep(conversations) {
      const moved: string[] = [];
      for (let index = 0; index < conversations.length; index += batch) {
        const rest = conversations.slice(index, index + batch);
        const some = await runScript(redis, sweepScript, {
          keys: { allowed: keys.allowed },
          args: { prefix, setAsideSeconds },
          rest,
        });
        moved.push(...z.array(z.string()).parse(some));
      }
      return moved;
    },
    async requeue(conversation) {
      if (!(await createAllowed(redis).has(conversation)))
        return { messages: 0, replies: 0, schedules: 0 };
      const [asideMessages, asideReplies] = boxes(conversation);
      const moved = await runScript(redis, requeueScript, {
        keys: {
          allowed: keys.allowed,
          asideMessages,
          asideReplies,
          inbox: keys.inbox(conversation),
          outbox: keys.outbox(conversation),
        },
        args: { prefix, conversation, now: new Date().toISOString() },
      });
      const [messages, replies] = Moved.parse(moved);
      // After a crash before these, the sweep adds the jobs, and asking again restores the
      // schedules.
      if (messages > 0) await turns.add(conversation);
      if (replies > 0) await deliveries.add(conversation);
      const restored = await schedules.requeue(conversation);
      const left = await redis.hvals(keys.setAsideSchedules(conversation));
      for (const entry of left) await dead.add('schedules', conversation, entry);
      await redis.del(keys.setAsideSchedules(conversation));
      const unreadable = left.length > 0 ? { unreadable: left.length } : {};
      return { messages, replies, schedules: restored, ...unreadable };
    },
    async drop(conversation) {
      const dropped = await counts(conversation);
      const replies = await redis.lrange(keys.setAsideReplies(conversation), 0, -1);
      await redis.del(
        ...replies.map(keys.reply),
        ...boxes(conversation),
        keys.setAsideSchedules(conversation),
      );
      return dropped;
    },
  };
}

/**
 * Tells the owner what was set aside of a person who may not write any more, if anything was,
 * unless the owner has removed them in the chat and knows.
 */
export async function tellOfSetAside(
  { setAside, allowed, tellOwner }: { setAside: SetAside; allowed: Allowed; tellOwner: TellOwner },
  conversation: string,
): Promise<void> {
  if (isOut(await allowed.words(conversation))) return;
  const words = setAsideWords(await setAside.counts(conversation));
  if (words !== '')
    await tellOwner(
      'removed',
      `${conversation} may not write any more. I set aside what waited: ${words}.`,
    );
}

/** Makes a running turn of a removed person check its inbox, and end. */
export async function announceRemoval(redis: Redis, conversation: string): Promise<void> {
  const said: Control = { kind: 'message', conversation, id: 'removed', putOff: false };
  const home = suffixOf((await redis.hget(keys.conversation(conversation), 'home')) ?? '');
  await redis.publish(ofHome(keys.arrivals, home), JSON.stringify(said));
}

/** An address and, behind a space, its other spelling in WhatsApp, if it has one. */
function withSpelling(address: string): string {
  const other = isPhoneNumber(address) ? otherSpelling(address) : undefined;
  return other === undefined ? address : `${address} ${other}`;
}

/** The conversations of an address's person: at least the address itself. */
export async function conversationsOf(
  people: Pick<People, 'find'>,
  address: string,
): Promise<string[]> {
  const person = await people.find(address);
  return [...new Set([address, ...(person?.conversations ?? [])])];
}

/** Does one step with each conversation, and returns the sum of the counts. */
export async function sumOf(
  conversations: readonly string[],
  step: (conversation: string) => Promise<SetAsideCounts>,
): Promise<Required<SetAsideCounts>> {
  const sum = { messages: 0, replies: 0, schedules: 0, unreadable: 0 };
  for (const conversation of conversations) {
    const { messages, replies, schedules, unreadable = 0 } = await step(conversation);
    sum.messages += messages;
    sum.replies += replies;
    sum.schedules += schedules;
    sum.unreadable += unreadable;
  }
  return sum;
}

/**
 * The question to the owner about a person who may write again and has work set aside in any of
 * their conversations; undefined when nothing is set aside. It is asked once for each time the
 * person is back.
 */
export async function returnedQuestion(
  {
    setAside,
    allowed,
    people,
  }: { setAside: Pick<SetAside, 'counts'>; allowed: Allowed; people: Pick<People, 'find'> },
  owner: string,
  address: string,
): Promise<NewReply | undefined> {
  const counts = await sumOf(await conversationsOf(people, address), setAside.counts);
  const words = setAsideWords(counts);
  if (words === '') return undefined;
  const since = /^allowed since ([^,]+)/.exec((await allowed.words(address)) ?? '')?.[1] ?? '';
  const id = `returned.${address}.${Date.parse(since) || 0}`;
  const items = [
    { id: `/people do ${address}`, title: 'Do it' },
    { id: `/people drop ${address}`, title: 'Drop it' },
  ];
  const isOne = counts.messages + counts.replies + counts.schedules === 1;
  return {
    id,
    conversation: owner,
    turn: id,
    text: `${address} may write again. From before, ${words} ${isOne ? 'is' : 'are'} still set aside. Shall I do it, or drop it? Text “/people do ${address}” or “/people drop ${address}”.`,
    choices: { kind: 'buttons', items, told: true },
  };
}

/** The set-aside work in words: `2 messages, 1 reply and 1 schedule`; '' if there is nothing. */
export function setAsideWords({ messages, replies, schedules }: SetAsideCounts): string {
  const counted = ([count, one, many]: [number, string, string]): string[] =>
    count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
  const kinds: [number, string, string][] = [
    [messages, 'message', 'messages'],
    [replies, 'reply', 'replies'],
    [schedules, 'schedule', 'schedules'],
  ];
  const parts = kinds.flatMap(counted);
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
