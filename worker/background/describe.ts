import { cut } from '../../shared/runtime/cut.ts';

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

/** Sentence about a task that goes on for long. */
export function stillWords(description: string): string {
  return `${name(description)} still runs in the background and keeps the computer awake. Text “stop” to end it.`;
}

/** A task as a line of a list. */
export function taskLine(
  { description, startedAt }: { description: string; startedAt: number },
  number: number,
  now: number,
): string {
  const minutes = Math.floor((now - startedAt) / 60_000);
  const since = minutes < 1 ? 'since just now' : `for ${minutes} min`;
  return `${number}. ${cut(description, longest)} (${since})`;
}
