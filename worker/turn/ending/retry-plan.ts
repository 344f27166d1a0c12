import type { AgentFailure } from '../../agent/agent-failure.ts';
import { failureSentence, filesWait, limitWithoutTime } from './failure-sentence.ts';

/** How long a turn is delayed (ms), and the message to the person. */
export type Wait = { ms: number; sentence: string };

const minute = 60_000;

/** The backoff for what has no known end: an hour in all. */
const pauses = [1, 2, 5, 10, 15, 30].map((minutes) => minutes * minute);

/**
 * How long a failed turn waits before it resumes by itself: for a usage limit, and for files whose
 * store does not answer. For an overloaded or absent service Claude Code itself has waited, as long
 * as `MODEL_PATIENCE_SECONDS` allows. Undefined when the turn does not wait; `outcome.ts` decides
 * then whether it is retried or given up.
 * `waited` is how often the turn was already delayed for it, `now` ms since 1970, `timezone` the
 * person's (IANA name).
 */
export function planWait(
  { kind, resetsAt }: Pick<AgentFailure, 'kind' | 'resetsAt'>,
  waited: number,
  now: number,
  timezone?: string,
): Wait | undefined {
  if (kind !== 'usage-limit' && kind !== 'files-away') return undefined;
  if (resetsAt && resetsAt.getTime() > now)
    return {
      ms: Math.max(resetsAt.getTime() - now, 1000),
      sentence: failureSentence(kind, resetsAt, timezone, new Date(now)),
    };
  // A limit that persists beyond its stated end has no reliable one.
  const ms = pauses[waited];
  const sentence = kind === 'files-away' ? filesWait : limitWithoutTime;
  return ms === undefined ? undefined : { ms, sentence };
}
