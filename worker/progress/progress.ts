import type { AgentEvent } from '../agent/agent.ts';
import { describeStep } from './tool-descriptions.ts';

/** A progress line; `index` counts them, from 1. */
export type Told = { text: string; index: number };

/**
 * Reports a turn's progress to the person. It has no clock of its own: times are ms since 1970, and
 * the caller asks again when `nextDue` (ms from now) is over.
 */
export type Narrator = {
  note(event: AgentEvent, now: number): void;
  /** The person received something of this turn another way. */
  said(now: number): void;
  /** The turn waits for the person: the time of the current steps starts again. */
  idle(now: number): void;
  /** The line that is due now, returned once. */
  due(now: number): Told | undefined;
  /** The delay until the next call (ms); undefined when nothing is due before the next event. */
  nextDue(now: number): number | undefined;
  /** The lines left before the answer; call until undefined. */
  rest(now: number): Told | undefined;
};

/**
 * The delay of the first line after the turn's start or the last thing the person received, and the
 * interval between further lines (ms). Neither may be under a minute.
 */
export type ProgressTimes = { firstMs: number; everyMs: number };

export const progressTimes: ProgressTimes = { firstMs: 60_000, everyMs: 90_000 };

/** Long turns report less often: the interval is at least the time so far divided by this. */
const spacing = 5;

/** The current step, and its start (ms since 1970). */
type Phase = { doing: string; since: number };

/**
 * Reports now and then what a long turn does: “Running the tests, 3 min” for a step that takes
 * long, “Reading src/login.ts (5 min so far)” for one of many. It reports nothing in the first
 * minute, nothing soon after the person received something, and no text twice in a turn.
 */
export function createProgress({ firstMs, everyMs }: ProgressTimes, startedAt: number): Narrator {
  /** The running tools, most recent last. */
  const tools = new Map<string, Phase>();
  const told = new Set<string>();
  let thinking: Phase = { doing: 'Thinking', since: startedAt };
  let retrying: Phase | undefined;
  let begunAt = startedAt;
  let earliest = startedAt + firstMs;
  let index = 0;

  const words = (now: number): string => {
    const { doing, since } = retrying ?? [...tools.values()].at(-1) ?? thinking;
    const minutes = (from: number): number => Math.floor((now - from) / minute);
    if (now - since >= minute) return `${doing}, ${minutes(since)} min`;
    return now - begunAt >= minute ? `${doing} (${minutes(begunAt)} min so far)` : doing;
  };
  const quietUntil = (time: number): void => {
    earliest = Math.max(earliest, time);
  };

  return {
    note(event, now) {
      if (event.kind === 'retrying')
        retrying ??= { doing: "Waiting for Claude's servers", since: now };
      else retrying = undefined;
      if (event.kind === 'tool') {
        const doing = describeStep(event)?.doing;
        if (doing) tools.set(event.id, { doing, since: now });
      }
      if (event.kind === 'tool-end' && tools.delete(event.id))
        thinking = { doing: 'Thinking', since: now };
      if (event.kind === 'answer') {
        begunAt = now;
        thinking = { doing: 'Thinking', since: now };
        quietUntil(now + firstMs);
      }
    },
    said: (now) => quietUntil(now + firstMs),
    idle(now) {
      for (const phase of [thinking, ...tools.values()]) phase.since = now;
      quietUntil(now + firstMs);
    },
    due(now) {
      if (now < earliest) return undefined;
      const text = words(now);
      if (told.has(text)) return undefined;
      told.add(text);
      earliest = now + Math.max(everyMs, (now - begunAt) / spacing);
      index += 1;
      return { text, index };
    },
    // A minute later the text differs from the one already sent.
    nextDue: (now) => (now < earliest ? earliest - now : told.has(words(now)) ? minute : 0),
    rest: () => undefined,
  };
}

const minute = 60_000;
