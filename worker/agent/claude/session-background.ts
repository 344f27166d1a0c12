import { cut } from '../../../shared/runtime/cut.ts';
import type { BackgroundTask } from '../background.ts';
import type { Translation } from './translate.ts';

/** How long after an end Claude Code may take to begin a turn about it (ms). */
const beginsMs = 60_000;

/** How much of a request names a task (characters). */
const mostQuoted = 60;

/** How much is kept of what Claude says and does between two turns (translations). */
const mostUnheard = 1000;

/** Claude counts as speaking for this long after its process has sent something (ms). */
const speakingMs = 10 * 60_000;

/**
 * What a session does without a turn: its work in the background, and what no turn has received
 * yet.
 */
export type SessionBackground = {
  /** What runs now. */
  tasks(): BackgroundTask[];
  /** What runs now, and what has ended unreported: a crash must not lose its result. */
  open(): BackgroundTask[];
  /** Nothing needs to be said of the end of a task. */
  dismiss(id: string): void;
  /** What Claude has said in a turn is on its way to the person. */
  markTold(): void;
  /** Takes in one translation. `isHeard`: a turn listens. Returns true when the tasks changed. */
  note(translation: Translation, isHeard: boolean): boolean;
  /** What Claude still says of the turn that is being interrupted is not kept. */
  mute(): void;
  /**
   * Names the request of a prompt that is sent: tasks belong to it that start once Claude Code has
   * taken the prompt out of its queue.
   */
  ask(uuid: string, request: string): void;
  /** Whether Claude speaks at the moment. */
  isSpeaking(): boolean;
  /**
   * Whether something runs, is said, or waits to be heard: the process must be kept and the
   * computer awake. A process that has gone silent in the middle does not count.
   */
  isBusy(): boolean;
  /**
   * Whether something runs, or has ended and Claude Code speaks of it or will: of what the model
   * was told in a turn that is over, it will not.
   */
  goesOn(): boolean;
  /** Whether Claude still speaks of what was interrupted. */
  isMuted(): boolean;
  /** What was said and done without a turn, oldest first; takes it out. */
  takeUnheard(): Translation[];
  hasUnheard(): boolean;
  /** The requests of the tasks whose end this result tells of; takes them out. */
  takeEnded(result: string): string[];
  /** Whether this process has ever had one of these tasks, or any task if none is named. */
  hasHad(ids: readonly string[]): boolean;
};

const unheardKinds = new Set(['tool', 'tool-end', 'picture', 'result', 'failure', 'compacted']);

/** A thousand outputs would be too much to keep. */
function withoutOutput(translation: Translation): Translation {
  if (translation.kind !== 'tool-end') return translation;
  const { id, failed } = translation;
  return { kind: 'tool-end', id, failed };
}

/**
 * A task that has ended; `folded`: the model has been told with a tool's result; `begun`: Claude
 * Code has begun a turn since.
 */
type Ended = BackgroundTask & { folded?: boolean; begun?: boolean; endedAt: number };

/** Whether a result tells of an end: what ends meanwhile has a turn of its own afterwards. */
function tellsOf(
  { isSelfBegun, uuids }: Extract<Translation, { kind: 'result' }>,
  { folded, begun }: Ended,
): boolean {
  return isSelfBegun ? begun === true || folded === true : uuids.length > 0 && folded === true;
}

export function createSessionBackground(now: () => number = Date.now): SessionBackground {
  let tasks: BackgroundTask[] = [];
  let unheard: Translation[] = [];
  const about = new Map<string, string[]>();
  const asked = new Map<string, string>();
  let request = '';
  let speaking = false;
  let lastAt = 0;
  const known = new Set<string>();
  let muted = false;
  /** Ended unreported; and ended by us, of which Claude may speak all the same. */
  let unspoken: Ended[] = [];
  let endedByUs: Ended[] = [];
  const mark = (change: Pick<Ended, 'folded' | 'begun'>): void => {
    unspoken = unspoken.map((task) => ({ ...task, ...change }));
    endedByUs = endedByUs.map((task) => ({ ...task, ...change }));
  };
  /** Ended with a word that a turn has not passed on yet. */
  let unsettled: BackgroundTask[] = [];
  const dismissed = new Set<string>();
  return {
    tasks: () => tasks,
    open: () => [...tasks, ...unspoken, ...unsettled],
    dismiss: (id) => void dismissed.add(id),
    markTold() {
      unsettled = [];
    },
    note(translation, isHeard) {
      const { kind } = translation;
      lastAt = now();
      if (kind === 'session') {
        speaking = true;
        mark({ begun: true });
      }
      if (kind === 'taken') {
        request = asked.get(translation.uuid) ?? request;
        asked.delete(translation.uuid);
      }
      const isEnd = kind === 'result' || kind === 'failure' || kind === 'interrupted';
      if (isEnd) speaking = false;
      const isEmpty = kind === 'result' && !translation.isSelfBegun;
      if (!isHeard && !muted && unheardKinds.has(kind) && !isEmpty)
        unheard = [...unheard.slice(1 - mostUnheard), withoutOutput(translation)];
      if (isEnd) muted = false;
      // The model learns of an end with the next tool's result, or in a turn that Claude Code
      // begins.
      if (kind === 'tool-end') mark({ folded: true });
      if (kind === 'result') {
        const spoken = unspoken.filter((task) => tellsOf(translation, task));
        const told = [...spoken, ...endedByUs.filter((task) => tellsOf(translation, task))];
        const requests = told.map((task) => task.request).filter((words) => words !== '');
        if (requests.length > 0) about.set(translation.id, [...new Set(requests)]);
        unspoken = unspoken.filter((task) => !told.includes(task));
        endedByUs = endedByUs.filter((task) => !told.includes(task));
        // Between two turns a message in the inbox takes care of it from here on.
        if (isHeard) unsettled.push(...spoken);
      }
      if (kind !== 'background') return false;
      const before = new Map(tasks.map((task) => [task.id, task]));
      tasks = translation.tasks.map(
        (task) => before.get(task.id) ?? { ...task, request, startedAt: now() },
      );
      for (const { id } of tasks) known.add(id);
      const left = new Set(tasks.map(({ id }) => id));
      for (const task of before.values()) {
        if (left.has(task.id)) continue;
        const end: Ended = { ...task, ended: true, endedAt: now() };
        if (dismissed.has(task.id)) endedByUs.push(end);
        else unspoken.push(end);
      }
      return true;
    },
    mute() {
      muted = speaking;
    },
    ask: (uuid, words) => void asked.set(uuid, cut(words, mostQuoted)),
    isSpeaking: () => speaking,
    isBusy: () =>
      tasks.length > 0 ||
      unheard.length > 0 ||
      unspoken.some(({ endedAt }) => now() - endedAt < beginsMs) ||
      (speaking && known.size > 0 && now() - lastAt < speakingMs),
    goesOn: () =>
      tasks.length > 0 ||
      unspoken.some(
        ({ folded, begun, endedAt }) =>
          folded !== true &&
          (begun === undefined || (speaking && !muted)) &&
          now() - endedAt < beginsMs,
      ),
    isMuted: () => muted,
    takeUnheard() {
      const taken = unheard;
      unheard = [];
      return taken;
    },
    hasUnheard: () => unheard.length > 0,
    takeEnded(result) {
      const requests = about.get(result) ?? [];
      about.delete(result);
      return requests;
    },
    hasHad: (ids) => (ids.length === 0 ? known.size > 0 : ids.some((id) => known.has(id))),
  };
}
