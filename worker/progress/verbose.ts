import type { AgentEvent } from '../agent/agent.ts';
import type { Narrator, Told } from './progress.ts';
import { describeStep } from './tool-descriptions.ts';

/**
 * How long steps are collected into one message (ms), and the minimum interval between two
 * messages.
 */
export type StepTimes = { gatherMs: number; everyMs: number };

/** WhatsApp's sustained rate is one message per person in 6 s (Twilio's error 63018). */
export const stepTimes: StepTimes = { gatherMs: 3000, everyMs: 6000 };

/** Length limit for one message (characters), well under Twilio's 1600. */
const longest = 1400;

/**
 * Reports every step as a short line, each once and in order, several of them in one message. The
 * remaining steps come before the answer.
 */
export function createSteps({ gatherMs, everyMs }: StepTimes): Narrator {
  const seen = new Set<string>();
  const waiting: string[] = [];
  let firstAt = 0;
  let earliest = 0;
  let index = 0;

  const note = (event: AgentEvent, now: number): void => {
    if (event.kind !== 'tool' || seen.has(event.id)) return;
    seen.add(event.id);
    const line = describeStep(event)?.line;
    if (line === undefined) return;
    if (waiting.length === 0) firstAt = now;
    waiting.push(`▸ ${line}`);
  };
  const take = (now: number): Told | undefined => {
    let text = waiting.shift();
    if (text === undefined) return undefined;
    for (
      let next = waiting[0];
      next !== undefined && text.length + next.length < longest;
      next = waiting[0]
    ) {
      text = `${text}\n${next}`;
      waiting.shift();
    }
    earliest = now + everyMs;
    index += 1;
    return { text, index };
  };
  const wait = (now: number): number => Math.max(firstAt + gatherMs, earliest) - now;

  return {
    note,
    said: () => undefined,
    idle: () => undefined,
    due: (now) => (waiting.length > 0 && wait(now) <= 0 ? take(now) : undefined),
    nextDue: (now) => (waiting.length > 0 ? Math.max(wait(now), 0) : undefined),
    rest: take,
  };
}
