import { reportError } from '../../shared/runtime/errors.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { HomeSnapshots } from '../../shared/store/home-snapshots.ts';
import type { Home } from '../agent/homes/home.ts';
import type { Notes } from './notes.ts';
import type { TakeRequest, Taken } from './take.ts';

export type ScheduleTimes = {
  /** How long after a person's work a snapshot begins (ms). */
  quietMs: number;
  /** The least time between two snapshots of a person (ms). */
  apartMs: number;
  /**
   * How long a person may be without a snapshot because each was given up for their next message
   * (ms); then one is taken beside the work, at the lowest priority.
   */
  overdueMs: number;
  /** How long after a failure it is tried again (ms); the last one applies from then on. */
  againMs: readonly number[];
};

export const scheduleTimes: ScheduleTimes = {
  quietMs: 20_000,
  apartMs: 5 * 60_000,
  overdueMs: 30 * 60_000,
  againMs: [30_000, 120_000, 600_000],
};

/** How often a snapshot may fail in a row before the worker sleeps without it. */
const mostFailures = 3;

export type ScheduleDeps = {
  /** Takes one snapshot, and rejects when it fails or is given up. */
  take: (request: TakeRequest) => Promise<Taken>;
  /** Removes outdated snapshots of a person; once a day. */
  tidy: (person: string, signal: AbortSignal) => Promise<void>;
  notes: Notes;
  records: HomeSnapshots;
  /** Called when a person's snapshots have failed too often; once until one succeeds. */
  onFailing: (conversation: string, reason: string) => Promise<void>;
  times: ScheduleTimes;
  log: Log;
};

/** Takes snapshots while nothing of the person's runs, one at a time. */
export type Schedule = {
  /** Runs a turn of a conversation; a running snapshot of its person is given up. */
  during<T>(conversation: string, work: () => Promise<T>): Promise<T>;
  /** Notes that work begins in a home: it will need a snapshot. */
  enter(conversation: string, home: Home): Promise<void>;
  /** The other conversations of a home in which something runs now. */
  isSharedNow(conversation: string, home: Home): boolean;
  /** Takes up homes in which an earlier boot has left work without a snapshot. */
  recover(homes: Home[]): Promise<void>;
  /**
   * Whether the worker must not sleep yet: a snapshot is to be taken, which is begun now, and has
   * not failed too often.
   */
  holdsAwake(): boolean;
  /**
   * Takes a snapshot of everything that a home has now, before anything else. Returns its moment
   * (ms since 1970). The caller sees to it that nothing runs there. Throws when it fails.
   */
  saveNow(home: Home): Promise<number>;
  /** Forgets a home: what it needs is no longer known here. */
  forget(person: string): Promise<void>;
  stop(): Promise<void>;
};

/** A home with work that no snapshot has. Times are ms since 1970. */
type Pending = {
  home: Home;
  conversation: string;
  /** Grows with each turn that begins. */
  turns: number;
  /** Whether the disk has the mark. */
  isMarked: boolean;
  /** When the home was first without a snapshot of its work. */
  since: number;
  /** When it is due by the pauses between snapshots, and by those after failures. */
  dueAt: number;
  notBefore: number;
  failures: number;
};

const dayMs = 24 * 3600_000;

export function createSchedule(parts: ScheduleDeps): Schedule {
  const { notes, records, times, log } = parts;
  const pending = new Map<string, Pending>();
  const personOf = new Map<string, string>();
  const working = new Map<string, number>();
  const lastAt = new Map<string, number>();
  const ended = new AbortController();
  let current: { person: string; giveUp: AbortController; done: Promise<void> } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isHurried = false;
  let marking: Promise<void> = Promise.resolve();
  let saving: Promise<unknown> = Promise.resolve();

  const isAtWork = (person: string, besides?: string): boolean =>
    [...working.keys()].some(
      (conversation) => conversation !== besides && personOf.get(conversation) === person,
    );
  const dueOf = ({ home, since, dueAt, notBefore }: Pending): number => {
    if (isAtWork(home.person)) return Math.max(since + times.overdueMs, notBefore);
    return isHurried ? notBefore : Math.max(dueAt, notBefore);
  };
  const arm = (): void => {
    clearTimeout(timer);
    if (current || ended.signal.aborted) return;
    const [next] = [...pending.values()].toSorted((one, other) => dueOf(one) - dueOf(other));
    if (next) timer = setTimeout(begin, Math.max(dueOf(next) - Date.now(), 0), next).unref();
  };
  const begin = (waiting: Pending): void => {
    const giveUp = new AbortController();
    const done = attempt(waiting, AbortSignal.any([giveUp.signal, ended.signal])).finally(() => {
      current = undefined;
      arm();
    });
    current = { person: waiting.home.person, giveUp, done };
  };
  /** Marks and unmarks one after the other, and never rejects: the mark is for after a crash. */
  const mark = async (step: () => Promise<void>): Promise<void> => {
    marking = marking.then(step).catch((error: unknown) => {
      log.warn({ err: error }, 'could not mark a home');
    });
    await marking;
  };
  const attempt = async (waiting: Pending, signal: AbortSignal): Promise<void> => {
    const { home, turns } = waiting;
    const { person } = home;
    try {
      await takeAndNote(parts, home, signal);
      lastAt.set(person, Date.now());
      waiting.failures = 0;
      waiting.since = Date.now();
      if (waiting.turns === turns && !isAtWork(person)) {
        pending.delete(person);
        waiting.isMarked = false;
        await mark(() => notes.unmark(person));
      }
      await tidyDaily(parts, home, signal);
    } catch (error) {
      if (signal.aborted) log.info({ person }, 'gave up a snapshot');
      else await onFailure(waiting, reportError(error).message);
    }
  };
  const onFailure = async (waiting: Pending, reason: string): Promise<void> => {
    const { person } = waiting.home;
    waiting.failures += 1;
    waiting.notBefore = Date.now() + pauseAfter(waiting.failures, times);
    log.warn({ person, failures: waiting.failures, reason }, 'a snapshot failed');
    if (waiting.failures < mostFailures) return;
    try {
      if (await records.noteFailing(person, new Date()))
        await parts.onFailing(waiting.conversation, reason);
    } catch (error) {
      log.warn({ err: error }, 'could not note that snapshots fail');
    }
  };
  const giveUpCurrent = async (): Promise<void> => {
    if (!current) return;
    current.giveUp.abort();
    await current.done;
    await giveUpCurrent();
  };
  const add = (home: Home, conversation: string): Pending => {
    const now = Date.now();
    const waiting = pending.get(home.person) ?? {
      home,
      conversation,
      turns: 0,
      isMarked: false,
      since: now,
      dueAt: now,
      notBefore: 0,
      failures: 0,
    };
    pending.set(home.person, waiting);
    return waiting;
  };
  const schedule = (waiting: Pending): void => {
    const earliest = (lastAt.get(waiting.home.person) ?? -Infinity) + times.apartMs;
    waiting.dueAt = Math.max(Date.now() + times.quietMs, earliest);
    arm();
  };

  const saveFirst = async (home: Home): Promise<number> => {
    await giveUpCurrent();
    clearTimeout(timer);
    const { person } = home;
    const waiting = pending.get(person);
    pending.delete(person);
    const giveUp = new AbortController();
    const taking = takeAndNote(parts, home, AbortSignal.any([giveUp.signal, ended.signal]))
      .catch((error: unknown) => {
        if (waiting) pending.set(person, waiting);
        throw error;
      })
      .finally(() => {
        current = undefined;
        arm();
      });
    current = { person, giveUp, done: taking.then(Boolean, Boolean).then(() => undefined) };
    await taking;
    lastAt.set(person, Date.now());
    await mark(() => notes.unmark(person));
    return (await notes.read(person)).at ?? 0;
  };

  return {
    async during(conversation, work) {
      working.set(conversation, (working.get(conversation) ?? 0) + 1);
      try {
        return await work();
      } finally {
        const left = (working.get(conversation) ?? 1) - 1;
        if (left > 0) working.set(conversation, left);
        else working.delete(conversation);
        const waiting = pending.get(personOf.get(conversation) ?? '');
        if (waiting) schedule(waiting);
      }
    },
    async enter(conversation, home) {
      const { person } = home;
      personOf.set(conversation, person);
      const waiting = add(home, conversation);
      waiting.turns += 1;
      isHurried = false;
      const isOverdue = Date.now() - waiting.since > times.overdueMs;
      if (current?.person === person && !isOverdue) current.giveUp.abort();
      arm();
      if (waiting.isMarked) return;
      waiting.isMarked = true;
      await mark(() => notes.mark(person, conversation));
    },
    isSharedNow: (conversation, { person }) => isAtWork(person, conversation),
    async recover(homes) {
      for (const home of homes) {
        const conversation = await notes.marked(home.person);
        if (conversation !== undefined) schedule(add(home, conversation));
      }
    },
    holdsAwake() {
      const isHeld = [...pending.values()].some(({ failures }) => failures < mostFailures);
      if (!isHeld) return false;
      isHurried = true;
      arm();
      return true;
    },
    // One after the other: a move must not give up another's snapshot.
    async saveNow(home) {
      const saved = saving.then(() => saveFirst(home));
      saving = saved.catch(() => undefined);
      return await saved;
    },
    async forget(person) {
      pending.delete(person);
      if (current?.person === person) {
        current.giveUp.abort();
        await current.done;
      }
      await mark(() => notes.unmark(person));
    },
    async stop() {
      ended.abort();
      clearTimeout(timer);
      await current?.done;
    },
  };
}

/** When it is tried again after so many failures in a row (ms). */
function pauseAfter(failures: number, { againMs }: ScheduleTimes): number {
  return againMs[failures - 1] ?? againMs.at(-1) ?? 0;
}

/** Takes a snapshot of a home, and notes it on this disk and in Redis. */
async function takeAndNote(
  { take, notes, records, log }: ScheduleDeps,
  home: Home,
  signal: AbortSignal,
): Promise<void> {
  const { person } = home;
  const [note, last] = await Promise.all([notes.read(person), records.last(person)]);
  const at = Math.max(
    Math.floor(Date.now() / 1000) * 1000,
    ...[note.at, last?.at].map((known) => (known ?? 0) + 1000),
  );
  const began = Date.now();
  const taken = await take({ home, digest: note.digest, at, signal });
  // This disk knows it first: a home that is behind Redis would be restored.
  await notes.change(person, (now) => {
    if (now.at !== note.at) throw new Error('the home was restored meanwhile');
    return { ...now, at: taken.snapshot?.at ?? note.at, digest: taken.digest };
  });
  if (taken.snapshot) {
    await records.note(person, taken.snapshot);
    const { files, bytes, leftOut } = taken.snapshot;
    const [isAll, ms] = [leftOut === '', Date.now() - began];
    log.info({ person, files, bytes, isAll, ms }, 'took a snapshot of a home');
  } else if (note.at !== undefined && note.at > (last?.at ?? 0)) {
    // Redis was away when that one was taken.
    await records.note(person, { at: note.at, files: 0, bytes: 0, leftOut: '' });
  }
}

/** Removes a person's outdated snapshots once a day. Never throws. */
async function tidyDaily(
  { tidy, notes, log }: ScheduleDeps,
  { person }: Home,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { tidiedAt = 0 } = await notes.read(person);
    if (Date.now() - tidiedAt < dayMs) return;
    await tidy(person, signal);
    await notes.change(person, (now) => ({ ...now, tidiedAt: Date.now() }));
  } catch (error) {
    if (!signal.aborted) log.warn({ person, err: error }, 'tidying snapshots failed');
  }
}
