import { within } from '../../shared/runtime/timeout.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import type { ModelUse } from '../../shared/store/money/spend.ts';
import type { RecordEntry, TurnRecords } from '../../shared/store/turns/records.ts';
import type { AgentEvent, HelperStep } from '../agent/agent.ts';
import type { Home } from '../agent/homes/home.ts';
import { createAgentFiles } from '../agent/sandbox/files.ts';
import type { FileReader } from '../reading/file-reader.ts';
import type { TurnContext } from '../turn/context.ts';
import { shortOutput } from './short-output.ts';
import { describeStep } from './tool-descriptions.ts';
import type { ToolEvent } from './tool-descriptions.ts';

/**
 * The record of a turn for its live page. Nothing of it delays the turn: entries are written one
 * batch after the other, beside the work, and a turn goes on without its record when that fails. The
 * beginning of a run, and news of messages and replies, are part of the steps that write those.
 */
export type TurnRecord = {
  /** Sees every event of the agent; `asked` is the question that waits for the person, if one does. */
  note(event: AgentEvent, asked: string | undefined): void;
  /** A question may wait for the person, or no longer. */
  noteQuestion(asked: string | undefined): void;
  /**
   * The run ends; only the first call does anything. Returns when all is written, or cannot be, and
   * what the turn has cost so far; undefined when that could not be read.
   */
  end(): Promise<ModelUse | undefined>;
};

/** How long the end of a turn waits for its last pictures (ms). */
const pictureMs = 2000;

export type TurnRecordDeps = {
  records: Pick<TurnRecords, 'append' | 'end'>;
  reader: Pick<FileReader, 'shrink'>;
  homing: Promise<Pick<Home, 'user'>>;
  context: Pick<TurnContext, 'turn' | 'fence' | 'signal' | 'log'>;
  /** The time in ms since 1970. */
  now: () => number;
};

/** The largest screenshot that is made small (bytes). */
const largestPicture = 16 * 1024 * 1024;

/** The most entries that wait for a Redis that does not answer; beyond it the oldest go. */
const mostWaiting = 500;

export function createTurnRecord({
  records,
  reader,
  homing,
  context: { turn, fence, signal, log },
  now,
}: TurnRecordDeps): TurnRecord {
  let waiting: RecordEntry[] = [];
  let writing: Promise<void> | undefined;
  const pictures = new Set<Promise<void>>();
  /** The steps whose beginning is recorded, and the work in the background. */
  const begun = new Set<string>();
  const tasks = new Map<string, string>();
  let asks: string | undefined;
  let lastEnded = '';

  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await records.append(fence, turn, batch).catch((error: unknown) => dropped(log, error));
    }
    writing = undefined;
  };
  const add = (entry: RecordEntry): void => {
    waiting = [...waiting.slice(1 - mostWaiting), entry];
    writing ??= write();
  };
  const noteStep = (step: HelperStep | ToolEvent, lane?: string): void => {
    if (step.kind === 'tool') {
      const words = describeStep(step);
      if (words === undefined || begun.has(step.id)) return;
      begun.add(step.id);
      const raw = `${step.name} ${step.summary}`.trimEnd();
      const { id } = step;
      add({ kind: 'begin', at: now(), id, words: words.doing, raw, ...(lane ? { lane } : {}) });
      return;
    }
    if (!begun.delete(step.id)) return;
    const { id, failed, output } = step;
    lastEnded = id;
    const kept = output === undefined ? {} : { output: shortOutput(output) };
    add({ kind: 'end', at: now(), id, failed, ...kept });
  };
  const noteTasks = (present: Extract<AgentEvent, { kind: 'tasks' }>['tasks']): void => {
    for (const [id] of tasks)
      if (!present.some((task) => task.id === id)) {
        tasks.delete(id);
        add({ kind: 'task-end', at: now(), id });
      }
    for (const { id, kind, description } of present) {
      if (tasks.has(id)) continue;
      tasks.set(id, description);
      add({ kind: 'task', at: now(), id, words: description, isHelper: kind === 'helper' });
    }
  };
  const notePicture = (path: string): void => {
    const of = lastEnded;
    const adding = addPicture(path, of).catch((error: unknown) => dropped(log, error));
    pictures.add(adding);
    void adding.then(() => pictures.delete(adding));
  };
  const addPicture = async (path: string, of: string): Promise<void> => {
    const { user } = await homing;
    const bytes = await createAgentFiles(user).read(path, largestPicture);
    const { view, blobs } = await reader.shrink(bytes, signal);
    const [small] = view.kind === 'chat' ? blobs : [];
    if (small) add({ kind: 'picture', at: now(), of, base64: small.toString('base64') });
  };
  const noteQuestion = (asked: string | undefined): void => {
    if (asked === asks) return;
    asks = asked;
    add(
      asked === undefined ? { kind: 'asked', at: now() } : { kind: 'asks', at: now(), text: asked },
    );
  };

  const end = async (): Promise<ModelUse | undefined> => {
    await within(pictureMs, Promise.all(pictures), () => undefined);
    await writing;
    return await records.end(fence, turn).catch((error: unknown) => dropped(log, error));
  };
  let ending: ReturnType<typeof end> | undefined;

  return {
    noteQuestion,
    note(event, asked) {
      noteQuestion(asked);
      switch (event.kind) {
        case 'tool':
        case 'tool-end':
          return noteStep(event);
        case 'helper':
          return noteStep(event.step, event.of);
        case 'tasks':
          return noteTasks(event.tasks);
        case 'picture':
          return notePicture(event.path);
        default:
      }
    },
    end: () => (ending ??= end()),
  };
}

/** Another worker keeps the record of a turn that was taken over. */
function dropped(log: Log, error: unknown): undefined {
  if (!(error instanceof FencedError)) log.debug({ err: error }, 'part of a record dropped');
  return undefined;
}
