import type { Job } from 'bullmq';
import type { Intake } from '../shared/intake.ts';
import type { Log } from '../shared/log.ts';
import type { Message } from '../shared/message.ts';
import { tickId } from '../shared/schedules.ts';
import type { Schedule } from '../shared/schedules.ts';
import { tickText } from './schedule-words.ts';

/**
 * Turns a schedule that is due into a message and a turn of its conversation, in one atomic step. The message's id is that of the tick, so a tick that is worked
 * twice, after a crash, is one message. BullMQ keeps one coming job for each cron: ticks that were missed while everything was down are one tick.
 */
export function createTickProcessor(accept: Intake, log: Log, now: () => number): (job: Job<Schedule, { turn: string }>) => Promise<{ turn: string }> {
  return async (job) => {
    const schedule = job.data;
    const due = dueTime(job);
    const at = now();
    const message: Message = { id: tickId(schedule, due), conversation: schedule.conversation, at: new Date(at).toISOString(), text: tickText(schedule, due, at), media: [] };
    const { outcome, turn } = await accept(message);
    log.info({ conversation: schedule.conversation, schedule: schedule.number, lateMs: at - due, outcome, turn }, 'a schedule is due');
    return { turn };
  };
}

/** When the job was meant to run (ms since 1970): a job of a BullMQ job scheduler carries it at the end of its id, `repeat:<scheduler>:<time>`. */
function dueTime(job: Job<Schedule>): number {
  return job.data.at ?? Number(job.id?.split(':').at(-1));
}
