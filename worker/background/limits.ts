import type { BackgroundControl, BackgroundTask } from '../agent/background.ts';
import { noRoomWords, overdueWords, stillWords, tooManyWords } from './describe.ts';
import type { Awake } from './describe.ts';

/** How many tasks a person may have in the background at once. */
const mostTasks = 8;

/** How long a person gets no further sentence about tasks beyond the limit (ms). */
const quietMs = 10 * 60_000;

/** The age at which a task that still runs is mentioned once (ms). */
const remindMs = 15 * 60_000;

/** Keeps a person's tasks within their number and their time, and reports long-running tasks. */
export type TaskLimits = {
  /** Takes in a session's tasks: ends those beyond the most, and sets the timers of the others. */
  apply(conversation: string, session: string, tasks: BackgroundTask[]): void;
  /** A task has ended. */
  clear(conversation: string, session: string, id: string): void;
  stop(): void;
};

export type TaskLimitsDeps = {
  control: Pick<BackgroundControl, 'end' | 'mostSessions'>;
  /** The tasks of each session, by `CONVERSATION SESSION`. */
  running: ReadonlyMap<string, BackgroundTask[]>;
  /** The person of a conversation, as far as it is known; otherwise the conversation. */
  personOf(conversation: string): string;
  /** Sends a sentence to the conversation. */
  say(conversation: string, session: string, sentence: string): void;
  /** How long a task may run (ms). */
  longestMs: number;
  /** What it means that something runs; undefined when the computer is always on. */
  awake: Awake;
  now: () => number;
};

export function createTaskLimits(deps: TaskLimitsDeps): TaskLimits {
  const { control, running, personOf, say, longestMs, awake, now } = deps;
  const timers = new Map<string, NodeJS.Timeout>();
  /** Tasks that are being ended, and when a person was last notified of too many. */
  const ending = new Set<string>();
  const scolded = new Map<string, number>();
  /** Tasks that the person has been reminded of. */
  const reminded = new Set<string>();
  const isRunning = ({ ended }: BackgroundTask): boolean => ended === undefined;

  const end = async (
    conversation: string,
    session: string,
    { id }: BackgroundTask,
    sentence: string | undefined,
  ): Promise<void> => {
    const key = `${conversation} ${session} ${id}`;
    // It is still among the tasks until its process is gone.
    if (ending.has(key)) return;
    ending.add(key);
    const isEnded = await control.end(conversation, session, id);
    if (isEnded && sentence !== undefined) say(conversation, session, sentence);
  };
  /** The sentence about a task beyond the limit, unless the person has just received it. */
  const tooMany = (conversation: string, words: string): string | undefined => {
    const person = personOf(conversation);
    const isNews = now() - (scolded.get(person) ?? -Infinity) > quietMs;
    if (isNews) scolded.set(person, now());
    return isNews ? words : undefined;
  };
  /** Whether the memory has room for the process of a session with work, beside earlier ones. */
  const hasRoom = (key: string): boolean => {
    const sessions = [...running].filter(([, tasks]) => tasks.some(isRunning));
    return sessions.findIndex(([name]) => name === key) < control.mostSessions();
  };
  /** Mentions all that runs in the conversation in one sentence, each task once. */
  const remind = (conversation: string, session: string, { id: due }: BackgroundTask): void => {
    if (reminded.has(`${conversation} ${session} ${due}`)) return;
    const descriptions: string[] = [];
    for (const [key, tasks] of running) {
      if (!key.startsWith(`${conversation} `)) continue;
      for (const { id, description } of tasks.filter(isRunning)) {
        if (reminded.has(`${key} ${id}`)) continue;
        reminded.add(`${key} ${id}`);
        descriptions.push(description);
      }
    }
    if (descriptions.length > 0) say(conversation, session, stillWords(descriptions, awake));
  };

  return {
    apply(conversation, session, tasks) {
      const person = personOf(conversation);
      // The person's tasks in other sessions, of each of their conversations, which go on.
      const others = [...running].flatMap(([key, all]) =>
        key !== `${conversation} ${session}` && personOf(key.split(' ')[0] ?? '') === person
          ? all.filter((task) => isRunning(task) && !ending.has(`${key} ${task.id}`))
          : [],
      );
      const isFull = !hasRoom(`${conversation} ${session}`);
      const room = isFull ? 0 : Math.max(mostTasks - others.length, 0);
      const present = tasks.filter(isRunning);
      for (const task of present.slice(room)) {
        if (ending.has(`${conversation} ${session} ${task.id}`)) continue;
        const { description } = task;
        const words = isFull ? noRoomWords(description) : tooManyWords(description, mostTasks);
        void end(conversation, session, task, tooMany(conversation, words));
      }
      for (const task of present.slice(0, room)) {
        const key = `${conversation} ${session} ${task.id}`;
        if (timers.has(key)) continue;
        const words = overdueWords(task.description, Math.round(longestMs / 60_000));
        const left = (ms: number): number => Math.max(task.startedAt + ms - now(), 0);
        const stop = (): void => void end(conversation, session, task, words);
        timers.set(key, setTimeout(stop, left(longestMs)).unref());
        if (remindMs >= longestMs) continue;
        const timer = setTimeout(remind, left(remindMs), conversation, session, task);
        timers.set(`${key} still`, timer.unref());
      }
    },
    clear(conversation, session, id) {
      const task = `${conversation} ${session} ${id}`;
      ending.delete(task);
      reminded.delete(task);
      for (const key of [task, `${task} still`]) {
        clearTimeout(timers.get(key));
        timers.delete(key);
      }
    },
    stop() {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}
