import { mostEntries } from '../../shared/store/turns/record-note.ts';
import type { RecordEntry } from '../../shared/store/turns/records.ts';

/** Why something is not kept. */
export type Left = 'memory' | 'room';

/** A screenshot; `entry` is the number of its entry in the record. */
export type ShownPicture = { entry: number; left: Left | undefined };

/** Whether a step runs, and how it ended. `interrupted`: its worker, or its turn, has ended before. */
export type StepState = 'running' | 'done' | 'failed' | 'interrupted';

/**
 * A step as the page shows it; times are ms since 1970. `steps` are those of the helper that it has
 * called. `touched` is how many entries the record had when it last changed.
 */
export type ShownStep = {
  kind: 'step';
  id: string;
  words: string;
  raw: string;
  at: number;
  endedAt: number | undefined;
  state: StepState;
  output: string | undefined;
  left: Left | undefined;
  pictures: ShownPicture[];
  steps: ShownStep[];
  touched: number;
};

/** A question to the person; `until` is when it was answered or ran out. */
export type ShownWait = {
  kind: 'wait';
  text: string;
  at: number;
  until: number | undefined;
  touched: number;
};

/** Work in the background. */
export type ShownTask = {
  id: string;
  words: string;
  isHelper: boolean;
  at: number;
  endedAt: number | undefined;
};

/** A turn's record as its page shows it. */
export type TurnRecord = {
  /** What happened, in order. */
  items: (ShownStep | ShownWait)[];
  tasks: ShownTask[];
  /** How many entries it has. */
  length: number;
  /** How often a worker has taken the turn up. */
  runs: number;
  /** Whether a run is under way. */
  isAtWork: boolean;
  /** More has happened than is kept. */
  isFull: boolean;
};

/** Reads the record of a turn entry by entry. */
export type RecordReader = {
  record: TurnRecord;
  /** Takes in what follows; undefined for entries of a later version. */
  add(entries: readonly (RecordEntry | undefined)[]): void;
};

export function createRecordReader(): RecordReader {
  const record: TurnRecord = {
    items: [],
    tasks: [],
    length: 0,
    runs: 0,
    isAtWork: false,
    isFull: false,
  };
  /** The steps by their ids, each with the item that it stands in. */
  const known = new Map<string, { step: ShownStep; item: ShownStep }>();
  const running = new Set<string>();
  let wait: ShownWait | undefined;

  const touch = (id: string, change: (step: ShownStep) => void): void => {
    const found = known.get(id);
    if (!found) return;
    change(found.step);
    found.item.touched = record.length;
  };
  const endAll = (at: number): void => {
    for (const id of running)
      touch(id, (step) => {
        step.state = 'interrupted';
        step.endedAt = at;
      });
    running.clear();
  };
  const begin = ({ id, at, words, raw, lane }: Extract<RecordEntry, { kind: 'begin' }>): void => {
    const parts = { output: undefined, left: undefined, pictures: [], steps: [] };
    const step: ShownStep = {
      kind: 'step',
      id,
      words,
      raw,
      at,
      endedAt: undefined,
      state: 'running',
      ...parts,
      touched: record.length,
    };
    const caller = lane === undefined ? undefined : known.get(lane);
    if (caller) caller.step.steps.push(step);
    else record.items.push(step);
    known.set(id, { step, item: caller?.item ?? step });
    running.add(id);
    touch(id, () => undefined);
  };
  const apply = (entry: RecordEntry): void => {
    switch (entry.kind) {
      case 'run':
        record.runs += 1;
        record.isAtWork = true;
        for (const task of record.tasks) task.endedAt ??= entry.at;
        return endAll(entry.at);
      case 'begin':
        return begin(entry);
      case 'end':
        running.delete(entry.id);
        return touch(entry.id, (step) => {
          step.state = entry.failed ? 'failed' : 'done';
          step.endedAt = entry.at;
          step.output = entry.output;
          step.left = entry.left;
        });
      case 'picture':
        return touch(entry.of, (step) => {
          step.pictures.push({ entry: record.length - 1, left: entry.left });
        });
      case 'task':
        return void record.tasks.push({ ...entry, endedAt: undefined });
      case 'task-end':
        for (const task of record.tasks) if (task.id === entry.id) task.endedAt ??= entry.at;
        return;
      case 'asks':
        wait = {
          kind: 'wait',
          text: entry.text,
          at: entry.at,
          until: undefined,
          touched: record.length,
        };
        return void record.items.push(wait);
      case 'asked':
        if (wait) Object.assign(wait, { until: entry.at, touched: record.length });
        wait = undefined;
        return;
      case 'done':
        record.isAtWork = false;
        return endAll(entry.at);
      case 'news':
        return;
      default:
        entry satisfies never;
    }
  };
  return {
    record,
    add(entries) {
      for (const entry of entries) {
        record.length += 1;
        if (entry) apply(entry);
      }
      record.isFull = record.length >= mostEntries;
    },
  };
}
