import { nextRun } from '../../shared/runtime/cron.ts';
import type { Schedule } from '../../shared/store/schedules.ts';
import { formatMoment, isTimeZone, parseMoment } from '../../shared/runtime/time-zone.ts';

/** Claude's request, with one of `when` (ISO 8601), `inMinutes` and `cron`. */
export type ScheduleRequest = {
  prompt: string;
  when?: string | undefined;
  inMinutes?: number | undefined;
  cron?: string | undefined;
  timezone?: string | undefined;
};

/** Length limit for a prompt (characters). */
const longestPrompt = 4000;

/** The latest accepted time (ms from now): five years. */
const furthestMs = 5 * 366 * 24 * 3600_000;

const askZone =
  'The person’s time zone is not known. Ask the person which one it is (a city is enough), then call this tool again with `timezone` as an IANA name such as Europe/Berlin. It is remembered then.';

/** The schedule to create, or a sentence for the model that states the problem. */
export type ReadRequest =
  | { schedule: Pick<Schedule, 'prompt' | 'timezone' | 'cron' | 'at'>; next: number }
  | { problem: string };

/** Parses a request. `known` is the person's time zone, if stored; `now` is in ms since 1970. */
export function readScheduleRequest(
  { prompt, when, inMinutes, cron, timezone }: ScheduleRequest,
  known: string | undefined,
  now: number,
): ReadRequest {
  const text = prompt.toWellFormed().trim();
  if (text === '') return { problem: 'The prompt is empty. Say what is to be done then.' };
  if (text.length > longestPrompt)
    return { problem: `The prompt has ${text.length} characters; ${longestPrompt} are the most.` };
  if ([when, inMinutes, cron].filter((value) => value !== undefined).length !== 1)
    return { problem: 'Give exactly one of when, in_minutes and cron.' };
  if (timezone !== undefined && !isTimeZone(timezone))
    return { problem: `“${timezone}” is not a time zone. Use an IANA name such as Europe/Berlin.` };
  const zone = timezone ?? known;
  const time =
    cron === undefined ? readTime(when, inMinutes, zone, now) : readCron(cron, zone, now);
  if ('problem' in time) return time;
  return {
    schedule: {
      prompt: text,
      timezone: zone ?? 'UTC',
      ...(cron === undefined ? { at: time.next } : { cron: cron.trim() }),
    },
    next: time.next,
  };
}

type ReadTime = { next: number } | { problem: string };

function readTime(
  when: string | undefined,
  inMinutes: number | undefined,
  zone: string | undefined,
  now: number,
): ReadTime {
  const moment = when === undefined ? undefined : parseMoment(when, zone ?? 'UTC');
  if (when !== undefined && !moment)
    return { problem: `“${when}” is not a time. Write it as ISO 8601, such as 2026-01-31T09:00.` };
  if (moment?.isLocal && zone === undefined) return { problem: askZone };
  const next = moment?.time ?? Math.round(now + (inMinutes ?? 0) * 60_000);
  if (!(next > now))
    return { problem: `That time has passed. It is ${formatMoment(now, zone ?? 'UTC')} now.` };
  return next - now > furthestMs ? { problem: 'That is more than five years away.' } : { next };
}

function readCron(cron: string, zone: string | undefined, now: number): ReadTime {
  const wrong = `“${cron}” is not a cron expression. Five fields are wanted: minute, hour, day of the month, month, day of the week; such as 0 9 * * 1-5.`;
  if (cron.trim().split(/\s+/).length !== 5) return { problem: wrong };
  if (zone === undefined) return { problem: askZone };
  try {
    // The same function plans it, so that whatever passes here also runs.
    const next = nextRun(cron.trim(), zone, now);
    return next === undefined ? { problem: `“${cron}” never comes.` } : { next };
  } catch {
    return { problem: wrong };
  }
}
