import type { AgentEvent } from '../agent/agent.ts';
import { describeStep } from './tool-descriptions.ts';

/** A line to be said; `index` counts them, from 1. */
export type Told = { text: string; index: number };

/**
 * Tells the person of a turn while it works. It has no clock of its own: times are ms since 1970,
 * and the caller asks again when `nextDue` (ms from now) is over.
 */
export type Narrator = {
  note(event: AgentEvent, now: number): void;
  /** The person got something of this turn by another way. */
  said(now: number): void;
  /** The turn waits for the person: what was going on begins anew now. */
  idle(now: number): void;
  /** What is to be said now, once. */
  due(now: number): Told | undefined;
  /** After how many ms to ask again; undefined when nothing will come before the next event. */
  nextDue(now: number): number | undefined;
  /** What is left to be said before the answer; to be asked until nothing is left. */
  rest(now: number): Told | undefined;
};

/**
 * The first line comes so long after the turn began or the person last got something (ms), the next
 * ones at least so far apart. Neither may be under a minute.
 */
export type ProgressTimes = { firstMs: number; everyMs: number };

export const progressTimes: ProgressTimes = { firstMs: 60_000, everyMs: 90_000 };

/**
 * Work of hours is told more rarely: the next line comes after at least this part of the time so
 * far.
 */
const spacing = 5;

/** What is going on, and since when (ms since 1970). */
type Phase = { doing: string; since: number };

/**
 * Says now and then what a long turn does: “Running the tests, 3 min” for a step that takes long,
 * “Reading src/login.ts (5 min so far)” for one of many. It says nothing in the first minute,
 * nothing soon after the person got something, and no text twice in a turn.
 */
export function createProgress({ firstMs, everyMs }: ProgressTimes, startedAt: number): Narrator {
  /** The tools at work, the last one begun at the end. */
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
    // What was said already says something else a minute later.
    nextDue: (now) => (now < earliest ? earliest - now : told.has(words(now)) ? minute : 0),
    rest: () => undefined,
  };
}

const minute = 60_000;
