import { createHash, randomUUID } from 'node:crypto';
import type { Log } from '../../shared/runtime/log.ts';
import type { Allowed } from '../../shared/store/allowed.ts';
import type { Background } from '../../shared/store/background.ts';
import type { Intake } from '../../shared/store/boxes/intake.ts';
import { workId } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { People } from '../../shared/store/people.ts';
import type { BackgroundControl, BackgroundListener, BackgroundTask } from '../agent/background.ts';
import { unsavedWords } from './describe.ts';
import type { Awake } from './describe.ts';
import { createTaskLimits } from './limits.ts';

/** How often Claude may begin to speak by itself to a person, and in which time (ms). */
const mostAnswers = 10;
const answersMs = 3600_000;

/** How often it is checked whether those whose work runs may still write (ms). */
const checkMs = 20_000;

/** The pause before a failed step is tried again (ms). */
const againMs = 2000;

export type BackgroundWatchDeps = {
  control: BackgroundControl;
  store: Background;
  accept: Intake;
  /** The work of a person who may not write any more is ended. */
  allowed: Pick<Allowed, 'has'>;
  /** The limits count by person, whatever conversation they use. */
  people: Pick<People, 'idOf'>;
  /** The worker's name, `WORKER_ID#boot`. */
  owner: string;
  /** How long a task may run (ms). */
  longestMs: number;
  /** What it means that something runs; undefined when the computer is always on. */
  awake: Awake;
  log: Log;
  now: () => number;
};

/**
 * Turns what happens to work in the background into messages of its conversation, which wait in the
 * inbox like every other: Claude has something to say, or something was lost or ended. Notes what
 * runs, for the worker that comes after this one.
 */
export type BackgroundWatch = {
  /**
   * Looks for work that was lost with a dead worker, and notifies its people. Safe to
   * repeat. Does not wait: a store that refuses must not keep the worker from starting.
   */
  recover(): void;
  /** Redis has come back, perhaps as an older copy of itself: notes again what runs. */
  refresh(): void;
  /** Returns when what was noted until now is written, or cannot be. */
  stop(): Promise<void>;
};

export function watchBackground(parts: BackgroundWatchDeps): BackgroundWatch {
  const { control, store, accept, people, owner, longestMs, awake, log, now } = parts;
  const running = new Map<string, BackgroundTask[]>();
  const timers = new Map<string, NodeJS.Timeout>();
  /** Sessions that already have a message on its way, and when Claude spoke to whom by itself. */
  const wanted = new Set<string>();
  const spoken = new Map<string, number[]>();
  /** The person of each conversation that has had such work. */
  const persons = new Map<string, string>();
  const personOf = (conversation: string): string => persons.get(conversation) ?? conversation;
  /** What has ended and is reported later, for the hour's sake: noted until then. */
  const held = new Map<string, BackgroundTask[]>();
  /** Losses that are being reported. */
  const losing = new Set<string>();
  let writing: Promise<void> = Promise.resolve();
  /** Wishes to speak whose person is being looked up. */
  let wishes: Promise<unknown> = Promise.resolve();
  let stopped = false;

  /** Repeats a step in Redis until it succeeds: a message that is not put would be lost. */
  const insist = async (step: () => Promise<unknown>): Promise<void> => {
    for (;;) {
      try {
        return void (await step());
      } catch (error) {
        log.warn({ err: error }, 'noting work in the background failed: trying again');
        if (stopped) return;
        await new Promise((resolve) => setTimeout(resolve, againMs).unref());
      }
    }
  };
  /** One step after the other, so that the last note of a session stays. */
  const write = (step: () => Promise<unknown>): void => {
    writing = writing.then(() => insist(step));
  };
  const removed = watchRemoved(parts);
  const put = (conversation: string, name: string, work: NonNullable<Message['work']>): void =>
    write(async () => {
      const { outcome } = await accept({
        id: workId(conversation, name),
        conversation,
        at: new Date(now()).toISOString(),
        // For the dashboard; Claude does not get it.
        text: 'Work in the background',
        media: [],
        human: false,
        work,
      });
      // Of what ended with its process nothing is left to dismiss.
      if (outcome === 'refused' && work.tasks === undefined) removed.dismiss(conversation);
    });
  const say = (conversation: string, session: string, sentence: string): void =>
    put(conversation, randomUUID(), { session, say: sentence });
  const limits = createTaskLimits({ control, running, personOf, say, longestMs, awake, now });

  /**
   * Looks up the person of a conversation, and applies the limits again where it is another than
   * was known. What is known stays while Redis refuses: the limits then count by conversation at
   * worst.
   */
  const learnPerson = async (conversation: string): Promise<void> => {
    const person = await people.idOf(conversation).catch((error: unknown) => {
      log.warn({ err: error, conversation }, 'looking for the person of background work failed');
      return personOf(conversation);
    });
    if (stopped || person === personOf(conversation)) return;
    persons.set(conversation, person);
    for (const [key, tasks] of running) {
      const [owning = '', session = ''] = key.split(' ');
      if (owning === conversation) limits.apply(conversation, session, tasks);
    }
  };
  /** When Claude may speak next to a person (ms from now). */
  const delayFor = (conversation: string): number => {
    const at = now();
    const person = personOf(conversation);
    const recent = (spoken.get(person) ?? []).filter((time) => time > at - answersMs);
    const delay = recent.length < mostAnswers ? 0 : (recent[0] ?? at) + answersMs - at;
    spoken.set(person, [...recent, at + delay].slice(-mostAnswers));
    return delay;
  };

  const note = (conversation: string, session: string): void => {
    const key = `${conversation} ${session}`;
    const present = running.get(key) ?? [];
    const later = (held.get(key) ?? []).filter(({ id }) => !present.some((task) => task.id === id));
    const tasks = [...present, ...later];
    write(() => store.note({ conversation, session, owner, tasks }));
  };

  const listener: BackgroundListener = {
    onChange(conversation, session, tasks) {
      const key = `${conversation} ${session}`;
      for (const { id } of running.get(key) ?? [])
        if (!tasks.some((task) => task.id === id && task.ended === undefined))
          limits.clear(conversation, session, id);
      if (tasks.length === 0) running.delete(key);
      else running.set(key, tasks);
      log.info({ conversation, session, tasks: tasks.length }, 'work in the background');
      limits.apply(conversation, session, tasks);
      void learnPerson(conversation);
      note(conversation, session);
    },
    onWanted(conversation, session) {
      const key = `${conversation} ${session}`;
      if (wanted.has(key)) return;
      wanted.add(key);
      const ended = (running.get(key) ?? []).filter((task) => task.ended);
      const ask = (): void => {
        wanted.delete(key);
        const about = [...new Set(ended.map(({ request }) => request))];
        put(conversation, randomUUID(), { session, about, ended: ended.map(({ id }) => id) });
        if (held.delete(key)) note(conversation, session);
      };
      held.set(key, ended);
      const beginInTime = async (): Promise<void> => {
        await learnPerson(conversation);
        // What Claude says until then comes in one answer.
        const delay = delayFor(conversation);
        if (delay === 0) ask();
        else if (!stopped) timers.set(`${key} wanted`, setTimeout(ask, delay).unref());
      };
      wishes = Promise.all([wishes, beginInTime()]);
    },
    onLost(conversation, session, tasks) {
      running.delete(`${conversation} ${session}`);
      for (const { id } of tasks) limits.clear(conversation, session, id);
      lose({ conversation, session, owner, tasks });
    },
    onUnsaved(conversation, session, why) {
      log.error({ conversation, session, why }, 'part of a session could not be saved');
      // The id is the session's, so the person gets it once.
      put(conversation, digest(['unsaved', session]), { session, say: unsavedWords(why) });
    },
  };
  /** The message has the same id whichever worker finds the loss, so it comes once. */
  const lose = (entry: Awaited<ReturnType<Background['lost']>>[number]): void => {
    const { conversation, session, tasks } = entry;
    const name = digest([entry.owner, session, tasks.map(({ id }) => id)]);
    if (losing.has(name)) return;
    losing.add(name);
    put(conversation, name, {
      session,
      tasks: tasks.map(({ id, description, request }) => ({ id, description, request })),
    });
    write(async () => {
      await store.remove(entry);
      losing.delete(name);
    });
  };
  control.listen(listener);
  return {
    recover() {
      store.lost().then(
        (entries) => entries.forEach(lose),
        (error: unknown) => log.warn({ err: error }, 'looking for lost work failed'),
      );
    },
    refresh() {
      write(async () => {
        for (const entry of await store.entries()) {
          const key = `${entry.conversation} ${entry.session}`;
          const isGone = !running.has(key) && !held.has(key);
          if (entry.owner === owner && isGone) await store.remove(entry);
        }
      });
      for (const key of new Set([...running.keys(), ...held.keys()])) {
        const [conversation = '', session = ''] = key.split(' ');
        note(conversation, session);
      }
    },
    async stop() {
      stopped = true;
      removed.stop();
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
      limits.stop();
      await wishes;
      await writing;
    },
  };
}

/**
 * Ends what runs for people who may not write any more, and drops what Claude has to say to them;
 * looks for them now and then.
 */
function watchRemoved({
  control,
  allowed,
  log,
}: Pick<BackgroundWatchDeps, 'control' | 'allowed' | 'log'>): {
  dismiss(conversation: string): void;
  stop(): void;
} {
  const dismiss = (conversation: string): void => {
    log.warn({ conversation }, 'ending the work of a removed person');
    control.dismiss(conversation).catch((error: unknown) => {
      log.warn({ err: error, conversation }, 'ending the work of a removed person failed');
    });
  };
  const look = async (): Promise<void> => {
    for (const conversation of new Set(control.busy()))
      if (!(await allowed.has(conversation))) dismiss(conversation);
  };
  const checking = setInterval(() => {
    look().catch((error: unknown) =>
      log.warn({ err: error }, 'looking for the work of removed people failed'),
    );
  }, checkMs).unref();
  return { dismiss, stop: () => clearInterval(checking) };
}

function digest(parts: unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
