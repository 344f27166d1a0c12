import { conversationsOf, setAsideWords, sumOf } from '../../shared/store/boxes/set-aside.ts';
import type { SetAsideCounts } from '../../shared/store/boxes/set-aside.ts';
import { limitOf, limitWords } from '../../shared/store/people.ts';
import type { Person } from '../../shared/store/people.ts';
import { dayOf } from '../../shared/store/money/spend.ts';
import type { CommandDeps, Command } from './command.ts';
import { agoInWords } from './format-age.ts';
import { dollars } from './format-cost.ts';
import { unreadNumber } from './invite-commands.ts';
import { ownerCommand } from './owner-only.ts';
import { readLimit } from './read-limit.ts';
import { isSameNumber } from '../../shared/runtime/number-spelling.ts';
import { loadNumbers } from '../people/lazy-modules.ts';

const isNothing = ({ messages, replies, schedules }: SetAsideCounts): boolean =>
  messages + replies + schedules === 0;

/** The owner's list of people, what a person may cost, and what becomes of their set-aside work. */
export const peopleCommands: Command[] = [
  ownerCommand(
    {
      pattern: /^\/people$/i,
      help: { usage: '/people', does: 'who may write to me, and what they cost' },
    },
    async (parts, _call, owner) => await listPeople(parts, owner),
  ),
  ownerCommand(
    {
      pattern: /^\/limit(?:\s+(.+))?$/is,
      help: { usage: '/limit +49 170 1234567 $5', does: 'what one of them may cost in a day' },
    },
    async ({ stores: { allowed, people, spend } }, { argument }, owner) => {
      if (argument === '')
        return 'Text “/limit” with the phone number and dollars a day, such as “/limit +49 170 1234567 $5”; “off” instead of the dollars takes it back.';
      const { readNumber } = await loadNumbers();
      const isNumber = (text: string): boolean => readNumber(text, owner) !== undefined;
      const listed = [...(await allowed.all()).keys()];
      const { number, usd } = readLimit(argument, isNumber, (text) => {
        const read = readNumber(text, owner)?.address;
        return read !== undefined && listed.some((one) => isSameNumber(one, read));
      });
      const read = readNumber(number, owner);
      if (!read) return unreadNumber;
      const { address, shown } = read;
      const person = await people.find(address);
      const words = await Promise.all(
        [address, ...(person?.addresses ?? [])].map((name) => allowed.words(name)),
      );
      if (!words.some((one) => one?.startsWith('allowed')))
        return `${shown} may not write to me. “/people” lists who may.`;
      const money = (amount: number): string => dollars(amount, spend.isPretend);
      if (usd === undefined) {
        const present = person && limitOf(person);
        return present === undefined
          ? `${shown} has no limit of their own. “/limit ${address} $5” sets one.`
          : `${shown} may cost ${money(present)} a day. “/limit ${address} off” takes that back.`;
      }
      if (usd === 'bad')
        return 'I cannot read that as dollars a day. Write an amount from $0 to $10000, such as $5 or $2.50, or “off”.';
      const { id } = person ?? (await people.of(address));
      const limit = usd === 'off' ? '' : limitWords(usd, owner, new Date());
      await people.note(id, { limit });
      return usd === 'off'
        ? `${shown} has no limit of their own any more.`
        : `${shown} may cost ${money(usd)} a day from now on. Beyond it I do nothing more for them that day.`;
    },
  ),
  // Not listed in the help, because the owner is asked when there is something to decide.
  ownerCommand({ pattern: /^\/people\s+(.+)$/is }, async (parts, { argument }) => {
    const { allowed, people, setAside } = parts.stores;
    const [, what, address] = /^(do|drop)\s+(\S+)$/i.exec(argument) ?? [];
    if (what === undefined || address === undefined)
      return 'Text “/people” for the list, and “/people do NUMBER” or “/people drop NUMBER” about what is set aside.';
    const conversations = await conversationsOf(people, address);
    if (isNothing(await sumOf(conversations, setAside.counts)))
      return `Nothing of ${address} is set aside any more.`;
    if (what.toLowerCase() === 'drop')
      return `Dropped: ${setAsideWords(await sumOf(conversations, setAside.drop))} of ${address}.`;
    if (!(await allowed.has(address)))
      return `${address} may not write. Text “/invite ${address}” first.`;
    const restored = await sumOf(conversations, setAside.requeue);
    const words = setAsideWords(restored);
    return [
      ...(words === '' ? [] : [`Going on with ${words} of ${address}.`]),
      ...unreadableWords(restored.unreadable, address),
    ].join(' ');
  }),
];

/** Says that schedules could not be restored. */
function unreadableWords(count: number, address: string): string[] {
  if (count === 0) return [];
  const what = count === 1 ? 'a schedule' : `${count} schedules`;
  return [`I cannot read ${what} of ${address}, so I left that out: please have it planned anew.`];
}

/** The most people that are listed one by one. */
const mostListed = 30;

async function listPeople({ stores }: CommandDeps, owner: string): Promise<string> {
  const { allowed, people, conversations, spend } = stores;
  const [listed, { timezone }, { showNumber }] = await Promise.all([
    allowed.all(),
    conversations.read(owner),
    loadNumbers(),
  ]);
  const now = Date.now();
  const lines: string[] = [];
  // The owner first, then in the order in which they came.
  const place = ([address, words]: [string, string]): string =>
    address === owner ? '' : words.replace('the beginning', '0');
  const order = [...listed].toSorted((one, other) => (place(one) < place(other) ? -1 : 1));
  const ids = await people.ids(order.map(([address]) => address));
  // Two addresses may be one person; only those who are shown are read.
  const everybody = [...Map.groupBy(order, ([address], index) => ids[index] ?? address).values()];
  for (const [[address, words] = ['', '']] of everybody.slice(0, mostListed)) {
    const person = await people.find(address);
    const names = person && person.conversations.length > 0 ? person.conversations : [address];
    const states = await Promise.all(names.map((name) => conversations.read(name)));
    const wrote = states.flatMap(({ wroteAt }) => (wroteAt ? [Date.parse(wroteAt)] : []));
    const day = dayOf(now, states.find((state) => state.timezone)?.timezone);
    const costs = await Promise.all(names.map((name) => spend.today(day, name)));
    lines.push(
      personWords({
        who: whoWords(person, showNumber(address), names.includes(owner)),
        words,
        costUsd: costs.reduce((sum, cost) => sum + cost, 0),
        limitUsd: person && limitOf(person),
        wroteAt: wrote.length > 0 ? Math.max(...wrote) : undefined,
        now,
        timezone,
        isPretend: spend.isPretend,
      }),
    );
  }
  const rest = everybody.length - lines.length;
  const more = rest > 0 ? [`… and ${rest} more`] : [];
  const numbered = lines.map((line, index) => `${index + 1}. ${line}`);
  return [
    ...numbered,
    ...more,
    '',
    'Text “/invite”, “/remove” or “/limit” with a number to change that.',
  ].join('\n');
}

function whoWords(person: Person | undefined, shown: string, isOwner: boolean): string {
  if (isOwner) return `*${shown}* (you)`;
  return person?.name === undefined ? `*${shown}*` : `*${shown}* (${person.name})`;
}

/** What the list says about a person; times are ms since 1970, money is today's. */
export type PersonEntry = {
  who: string;
  /** Their words in the list of who may write. */
  words: string;
  costUsd: number;
  limitUsd: number | undefined;
  wroteAt: number | undefined;
  now: number;
  timezone: string | undefined;
  isPretend: boolean;
};

/** A line of the list of people. */
function personWords(entry: PersonEntry): string {
  const { who, words, costUsd, limitUsd, wroteAt, now, timezone, isPretend } = entry;
  const [, since = '', by = ''] = /^allowed since ([^,]+), (.*)$/.exec(words) ?? [];
  const day = since === 'the beginning' ? since : dateWords(Date.parse(since), timezone);
  const expiry = Date.parse(/ until (\S+)$/.exec(by)?.[1] ?? '');
  const how = by.startsWith('invited') ? 'invited' : 'allowed';
  if (!Number.isNaN(expiry))
    return expiry < now
      ? `${who}: invited on ${day}, but has not written in time; “/invite” once more`
      : `${who}: invited on ${day}, has not written yet; ${daysLeft(expiry - now)} left`;
  const cost = `today ${dollars(costUsd, isPretend)}`;
  const limit = limitUsd === undefined ? '' : ` of ${dollars(limitUsd, isPretend)}`;
  const last = wroteAt === undefined ? 'has not written yet' : `wrote ${agoInWords(wroteAt, now)}`;
  const date = day === 'the beginning' ? `from ${day}` : `since ${day}`;
  return `${who}: ${how} ${date}, ${cost}${limit}, ${last}`;
}

function daysLeft(ms: number): string {
  const days = Math.ceil(ms / (24 * 3600_000));
  return days === 1 ? 'a day' : `${days} days`;
}

function dateWords(ms: number, timezone = 'UTC'): string {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    day: 'numeric',
    month: 'long',
    year: 'numeric',
  }).format(ms);
}
