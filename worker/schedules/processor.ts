import type { Job } from 'bullmq';
import { z } from 'zod';
import type { Allowed } from '../../shared/store/allowed.ts';
import type { Choices } from '../../shared/store/choices.ts';
import type { DeadLetters } from '../../shared/store/boxes/dead-letters.ts';
import type { Intake } from '../../shared/store/boxes/intake.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { PersonAddress } from '../../shared/runtime/person-address.ts';
import type { ScheduleRuns } from '../../shared/store/schedule-runs.ts';
import { Schedule, tickId } from '../../shared/store/schedules.ts';
import type { Schedules } from '../../shared/store/schedules.ts';
import { dayOf } from '../../shared/store/money/spend.ts';
import { isTooDense } from './limits.ts';
import type { ScheduleLimits } from './limits.ts';
import {
  denseScheduleWords,
  fullDayWords,
  pausedScheduleWords,
  reminderWords,
  tickText,
} from './describe.ts';

export type TickStores = {
  allowed: Pick<Allowed, 'has'>;
  schedules: Pick<Schedules, 'setAside' | 'pause'>;
  runs: ScheduleRuns;
  outbox: Pick<Outbox, 'put'>;
  dead: DeadLetters;
};

export type TickDeps = {
  accept: Intake;
  onSetAside: (conversation: string) => Promise<void>;
  limits: ScheduleLimits;
  /** The queue of this worker's home, where it also works those of others. */
  ownQueue?: string;
  log: Log;
  now: () => number;
};

/**
 * A schedule is paused after this many consecutive runs whose answers wait for the person to write.
 */
const mostParked = 7;

/**
 * Turns a due schedule into a message and a turn of its conversation, in one atomic step. The
 * message has the tick's id, so a tick processed twice, after a crash, is one message. BullMQ keeps
 * one upcoming job per cron: ticks missed while everything was down become one tick. Beyond a
 * person's daily maximum a tick is skipped, and the person is notified. A repeating schedule whose
 * answers all wait for the person to write is paused, and the person is notified. A schedule of a
 * person who is no longer allowed to write does not run: all of theirs are set aside. A tick of
 * another home, whose computer does not come up, is said to the person as well: its turn waits for
 * the computer.
 */
export function createTickProcessor(
  { allowed, schedules, runs, outbox, dead }: TickStores,
  { accept, onSetAside, limits, ownQueue, log, now }: TickDeps,
): (job: Job<unknown, { turn: string }>) => Promise<{ turn: string }> {
  const rhythms = new Map<string, boolean>();
  const runsTooOften = (schedule: Schedule, at: number): boolean => {
    const name = `${schedule.cron}|${schedule.timezone}`;
    const known = rhythms.get(name) ?? isTooDense(schedule, limits, at);
    rhythms.set(name, known);
    return known;
  };
  const say = async (
    schedule: Schedule,
    id: string,
    text: string,
    choices?: Choices,
  ): Promise<void> =>
    void (await outbox.put([
      { id, conversation: schedule.conversation, turn: id, text, ...(choices ? { choices } : {}) },
    ]));

  /** Asks the person once about a schedule created when schedules could run more often. */
  const ask = async (schedule: Schedule): Promise<void> => {
    const { conversation, number } = schedule;
    const items = [
      { id: `/schedules keep ${number}`, title: 'Keep' },
      { id: `/schedules cancel ${number}`, title: 'Cancel' },
    ];
    // Sent before it is recorded: after a crash in between, the outbox drops the repeated message.
    await say(
      schedule,
      `schedule-often.${conversation}.${number}`,
      denseScheduleWords(schedule, limits.minutesApart, limits.runsPerDay),
      { kind: 'buttons', items, told: true },
    );
    await runs.noteAsked(conversation, number);
  };

  /** Sent before it is recorded, as above. */
  const pause = async (schedule: Schedule, due: number): Promise<void> => {
    const { conversation, number } = schedule;
    const items = [
      { id: `/schedules resume ${number}`, title: 'Start again' },
      { id: `/schedules cancel ${number}`, title: 'Cancel' },
    ];
    await say(
      schedule,
      `schedule-paused.${tickId(schedule, due)}`,
      pausedScheduleWords(schedule, mostParked),
      { kind: 'buttons', items, told: true },
    );
    await schedules.pause(schedule);
    log.warn(
      { conversation, schedule: number, parked: mostParked },
      'paused a schedule: its answers wait for the person to write',
    );
  };

  /**
   * Puts an unreadable schedule on the dead list. It stays planned, because the version that wrote
   * it may come back. The person is notified once, for as long as the outbox remembers the message.
   */
  const setAside = async (job: Job<unknown>): Promise<void> => {
    const turn = job.repeatJobKey ?? job.id ?? '';
    const conversation =
      z.object({ conversation: PersonAddress }).safeParse(job.data).data?.conversation ??
      conversationOfSchedule(turn) ??
      '';
    log.error({ conversation, job: job.id }, 'unreadable schedule moved to the dead list');
    if (conversation !== '')
      await outbox.put([
        {
          id: `${turn}.unreadable`,
          conversation,
          turn,
          text: 'Something you had scheduled is due, but I cannot read what it was. Text “/schedules” for the ones that I know.',
        },
      ]);
    await dead.add('schedules', conversation, JSON.stringify(job.data));
  };
  const stop = async (schedule: Schedule): Promise<{ turn: string }> => {
    const count = await schedules.setAside(schedule.conversation, schedule);
    log.warn(
      { conversation: schedule.conversation, schedules: count },
      'set aside the schedules of a person no longer allowed to write',
    );
    await onSetAside(schedule.conversation);
    return { turn: '' };
  };
  return async (job) => {
    const schedule = Schedule.safeParse(job.data).data;
    if (!schedule) {
      await setAside(job);
      return { turn: '' };
    }
    if (!(await allowed.has(schedule.conversation))) return await stop(schedule);
    const due = schedule.at ?? dueTime(job);
    const at = now();
    const kind = schedule.cron === undefined ? 'once' : 'repeating';
    const choice =
      kind === 'once' ? undefined : await runs.choice(schedule.conversation, schedule.number);
    if (
      kind === 'repeating' &&
      (await runs.parked(schedule.conversation, schedule.number)) >= mostParked
    ) {
      await pause(schedule, due);
      return { turn: '' };
    }
    const day = dayOf(at, schedule.timezone);
    if (
      choice !== 'kept' &&
      !(await runs.admit(
        schedule.conversation,
        day,
        kind,
        tickId(schedule, due),
        limits.runsPerDay,
      ))
    ) {
      await say(
        schedule,
        `schedule-full.${schedule.conversation}.${day}.${kind}`,
        fullDayWords(limits.runsPerDay),
      );
      log.warn(
        {
          conversation: schedule.conversation,
          schedule: schedule.number,
          perDay: limits.runsPerDay,
        },
        'skipped a due schedule: the daily runs are used up',
      );
      return { turn: '' };
    }
    const message: Message = {
      id: tickId(schedule, due),
      conversation: schedule.conversation,
      at: new Date(at).toISOString(),
      text: tickText(schedule, due, at),
      media: [],
      human: false,
    };
    // Said first: after a crash in between, the outbox drops the repeated one.
    if (ownQueue !== undefined && job.queueName !== ownQueue)
      await say(schedule, `${message.id}.reminder`, reminderWords(schedule));
    const { outcome, turn } = await accept(message);
    // The person was removed between the check and the step.
    if (outcome === 'refused') return await stop(schedule);
    log.info(
      {
        conversation: schedule.conversation,
        schedule: schedule.number,
        lateMs: at - due,
        outcome,
        turn,
      },
      'a schedule is due',
    );
    if (kind === 'repeating' && choice === undefined && runsTooOften(schedule, at))
      await ask(schedule);
    return { turn };
  };
}

/**
 * When a repeated job was due (ms since 1970): a job of a BullMQ job scheduler has it at the end of
 * its id, `repeat:<scheduler>:<time>`.
 */
function dueTime(job: Job<unknown>): number {
  return Number(job.id?.split(':').at(-1));
}

/** The conversation of a schedule's id in BullMQ. */
function conversationOfSchedule(id: string): string | undefined {
  const [, of = ''] = /^(.+)-\d+$/.exec(id) ?? [];
  return PersonAddress.safeParse(/^\d/.test(of) ? `+${of}` : of).data;
}
