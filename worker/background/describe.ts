import { cut } from '../../shared/runtime/cut.ts';
import type { UnsavedReason } from '../agent/background.ts';
import { dollars } from '../commands/format-cost.ts';

/** Length limit for a description (characters). */
const longest = 80;

const name = (description: string): string => `“${cut(description, longest)}”`;

/** Sentence about a task that was ended for its time. */
export function overdueWords(description: string, minutes: number): string {
  const time = minutes % 60 === 0 ? hours(minutes / 60) : `${minutes} minutes`;
  return `I ended ${name(description)}: it had been running in the background for ${time}, which is the longest I let anything run there.`;
}

const hours = (count: number): string => (count === 1 ? 'an hour' : `${count} hours`);

/** Sentence about a task beyond the most that may run. */
export function tooManyWords(description: string, most: number): string {
  return `I ended ${name(description)}: ${most} things were running in the background already, which is the most I let run at once.`;
}

/**
 * When the computer sleeps without work (minutes), and an hour's price (US dollars); undefined when
 * it never sleeps.
 */
export type Awake = { idleMinutes: number; usdPerHour: number | undefined } | undefined;

/** Sentence about a task in a session beyond those that the memory has room for. */
export function noRoomWords(description: string): string {
  return `I ended ${name(description)}: as much runs in the background already as this computer has memory for. Ask me again when some of it has ended.`;
}

/** Sentence about long-running tasks; at least one description. */
export function stillWords(descriptions: readonly string[], awake: Awake): string {
  const names = new Intl.ListFormat('en-GB').format(descriptions.map(name));
  const [run, keep, end] =
    descriptions.length === 1
      ? ['runs', 'keeps', 'Text “stop” to end it.']
      : ['run', 'keep', 'Text “stop” to choose what to end.'];
  const hour = priceWords(awake);
  const price = hour === '' ? '' : `, which costs ${hour}`;
  const cost = awake ? ` and ${keep} the computer awake${price}` : '';
  return `${names} still ${run} in the background${cost}. ${end}`;
}

/**
 * Adds to progress lines what runs in the background beside the work: at the first line, and when
 * it has changed.
 */
export function createAlongside(): (line: string, descriptions: readonly string[]) => string {
  let said = '';
  return (line, descriptions) => {
    const present = descriptions.join('\n');
    const isNews = present !== said;
    said = present;
    const [first, ...others] = descriptions;
    if (!isNews || first === undefined) return line;
    const subject =
      others.length === 0 ? `${name(first)} runs` : `${descriptions.length} things run`;
    return `${line}. ${subject} in the background.`;
  };
}

/** Sentence about a session that could not be written to the disk. */
export function unsavedWords(why: UnsavedReason): string {
  const full =
    why === 'quota'
      ? 'My share of this computer’s disk is used up'
      : 'This computer’s disk is full';
  return `${full}, so part of our conversation was not saved, and I may not remember it later. Please have some space freed; until then more may be lost.`;
}

/** What an hour of the computer costs; '' when it is not known. */
export function priceWords(awake: Awake): string {
  if (awake?.usdPerHour === undefined) return '';
  const amount = dollars(awake.usdPerHour, false);
  return `${amount.startsWith('$') ? 'about ' : ''}${amount} an hour`;
}

/** A task as a line of a list. */
export function taskLine(
  { description, startedAt }: { description: string; startedAt: number },
  number: number,
  now: number,
): string {
  const minutes = Math.floor((now - startedAt) / 60_000);
  const since = minutes < 1 ? 'just begun' : `for ${minutes} min`;
  return `${number}. ${cut(description, longest)} (${since})`;
}
