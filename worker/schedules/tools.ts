import type { Conversations } from '../../shared/store/conversation.ts';
import { reportError } from '../../shared/runtime/errors.ts';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import type { Fence } from '../../shared/store/boxes/inbox.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import type { Schedule, Schedules } from '../../shared/store/schedules.ts';
import { formatMoment } from '../../shared/runtime/time-zone.ts';
import type { ScheduleTools } from '../agent/agent.ts';
import { readScheduleRequest } from './request.ts';
import type { ScheduleRequest } from './request.ts';
import { judgeRepeating } from './limits.ts';
import type { ScheduleLimits } from './limits.ts';
import { closedWindowWords, windowMs } from '../turn/window.ts';
import { newScheduleWords, scheduleLine, scheduleWords } from './describe.ts';

export type ScheduleToolStores = {
  schedules: Schedules;
  conversations: Conversations;
  outbox: Outbox;
};

/** The requesting turn, and the number of this run of it. */
export type RequestingTurn = { turn: string; run: number; conversation: string; fence: Fence };

export type ScheduleToolSettings = {
  limits: ScheduleLimits;
  /** Whether a WhatsApp template announces waiting answers. */
  hasTemplate: boolean;
};

/** Limit on schedules per person. */
const mostSchedules = 50;

/** The tools by which Claude plans its own turns. They answer the model in sentences. */
export function createScheduleTools(
  { schedules, conversations, outbox }: ScheduleToolStores,
  { turn, run, conversation, fence }: RequestingTurn,
  { limits, hasTemplate }: ScheduleToolSettings,
  now: () => number,
): ScheduleTools {
  /**
   * Announces a repeating schedule to the person, independent of Claude. The reply's id derives
   * from the schedule, so that it is sent once.
   */
  const tell = async (schedule: Schedule): Promise<void> => {
    if (schedule.cron !== undefined)
      await outbox.put(
        [
          {
            id: `schedule-new.${conversation}.${schedule.number}`,
            conversation,
            turn,
            text: newScheduleWords(schedule, closedWindowWords(hasTemplate)),
          },
        ],
        fence,
      );
  };

  const add = async ({
    callId,
    ...request
  }: ScheduleRequest & { callId?: string | undefined }): Promise<string> => {
    const { timezone: known } = await conversations.read(conversation);
    const read = readScheduleRequest(request, known, now());
    if ('problem' in read) return read.problem;
    if (request.timezone !== undefined && request.timezone !== known)
      await conversations.write(conversation, fence, { timezone: request.timezone });
    const all = await schedules.listPerson(conversation);
    const present = all.filter((schedule) => schedule.conversation === conversation);
    const { prompt, cron, at, timezone } = read.schedule;
    // A turn resumed after a crash may request the same schedule again.
    const same = present.find(
      (other) =>
        other.prompt === prompt &&
        other.cron === cron &&
        other.at === at &&
        other.timezone === timezone,
    );
    if (same) {
      await tell(same);
      const paused = same.paused
        ? ` It is paused, since the person did not write; “/schedules resume ${same.number}” from them starts it again.`
        : '';
      return `That is scheduled already, as number ${same.number}.${paused}`;
    }
    if (all.length >= mostSchedules)
      return `There are ${mostSchedules} schedules already, which is the most. Cancel one first.`;
    const problem = judgeRepeating(read.schedule, all, limits, now());
    if (problem !== undefined) return problem;
    const call =
      callId === undefined
        ? undefined
        : { id: callId, request: JSON.stringify(Object.entries(request).toSorted()), turn, run };
    const added = await schedules.add({ conversation, ...read.schedule }, fence, call);
    await tell(added);
    const isFar = cron === undefined && read.next - now() > windowMs;
    const far = isFar
      ? ` Tell the person: when they have not written for a day by then, ${closedWindowWords(hasTemplate)}.`
      : '';
    const planned = `Scheduled as number ${added.number}: ${scheduleWords(added)}`;
    // A single time is its own next one, and names UTC by itself.
    const zone = cron === undefined && timezone === 'UTC' ? '' : ` (${timezone})`;
    const next =
      cron === undefined ? '' : ` It comes next on ${formatMoment(read.next, timezone)}.`;
    return `${planned}${zone}.${next}${far}`;
  };

  const list = async (): Promise<string> => {
    const present = await schedules.list(conversation);
    return present.length === 0 ? 'Nothing is scheduled.' : present.map(scheduleLine).join('\n');
  };

  const cancel = async (id: string): Promise<string> => {
    const cancelled = await schedules.cancel(conversation, Number(id));
    return cancelled
      ? `Cancelled: ${scheduleWords(cancelled)}.`
      : `There is no schedule ${id}. list_schedules shows which there are.`;
  };

  let last: Promise<unknown> = Promise.resolve();
  /** Serialises the calls, so that the limit holds even when Claude makes several at once. */
  const inTurn = async (work: () => Promise<string>): Promise<string> => {
    const mine = last.then(work).catch((error: unknown) => {
      if (error instanceof FencedError)
        return 'This turn was taken over by another worker. Stop working now.';
      return `That did not work: ${reportError(error).message}`;
    });
    last = mine;
    return await mine;
  };

  return {
    scheduleTurn: (request) => inTurn(() => add(request)),
    listSchedules: () => inTurn(list),
    cancelSchedule: ({ id }) => inTurn(() => cancel(id)),
  };
}
