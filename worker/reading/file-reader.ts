import { availableParallelism } from 'node:os';
import type { Log } from '../../shared/runtime/log.ts';
import type { AgentUser } from '../agent/sandbox/user.ts';
import type { PictureFault } from '../media/picture-fault.ts';
import { extensionOf } from '../media/type-names.ts';
import { createSlots } from '../process/slots.ts';
import type { Seen, Task, View } from './answer.ts';
import { checkAnswer } from './check-answer.ts';
import { readingProgram, startReadingChild } from './reading-child.ts';
import type { ReadingChild, ReadingEnd, ReadingLimits } from './reading-child.ts';

/**
 * The result of reading a file. `blobs` belong to the view. `fault` describes a picture that cannot
 * be used; `unread` any other file whose child gave no answer, with the reason.
 */
export type Reading = {
  seen: Seen;
  view: View | { kind: 'unread'; fault: PictureFault };
  blobs: Buffer[];
};

/**
 * Reads files from people and from the agent, each in a process of its own that has none of this
 * process's secrets and is killed when it takes too long. Nothing else in this process parses such
 * bytes. All reject only with the signal's reason: a file that kills its process counts as
 * unreadable.
 */
export type FileReader = {
  /** Reads a person's file whose claimed type is `claimed`. */
  receive(bytes: Buffer, claimed: string, signal: AbortSignal): Promise<Reading>;
  /** Reads a file that goes to the person under this name. */
  send(bytes: Buffer, name: string, signal: AbortSignal): Promise<Reading>;
  /** Reads a tool's picture for the model. */
  show(bytes: Buffer, signal: AbortSignal): Promise<Reading>;
  /** Makes a small picture for a page. */
  shrink(bytes: Buffer, signal: AbortSignal): Promise<Reading>;
  /**
   * Prewarms a process for the next file; settles when it is ready. From then on one is always
   * kept.
   */
  warm(): Promise<void>;
  /** Ends all of its processes; files being read count as unreadable. */
  stop(): Promise<void>;
};

export type FileReaderOptions = Partial<ReadingLimits> & {
  /**
   * The user of a process, if not this process's own. Processes that live at the same time have
   * different numbers, from 0 on.
   */
  userOf?: ((number: number) => AgentUser) | undefined;
  log: Log;
  /** How many files are read concurrently. */
  most?: number;
};

/** A photo takes 0.1 s, the largest accepted picture some 5 s on a slow machine. */
const patienceMs = 20_000;
/** The largest accepted picture (100 million pixels) needs 1,000 MB besides Node's own 1,400. */
const memoryMb = 3072;

/**
 * Limit on an answer (bytes): conversion to UTF-8 at most triples a text, and pictures for the chat
 * have at most 5 MB each.
 */
const mostAnswer = (bytes: Buffer): number =>
  Math.min(3 * bytes.byteLength + 16 * 2 ** 20, 40 * 2 ** 20);

export function createFileReader({
  userOf,
  log,
  most = Math.min(4, availableParallelism()),
  ...limits
}: FileReaderOptions): FileReader {
  const bounds: ReadingLimits = { patienceMs, memoryMb, program: readingProgram, ...limits };
  const slots = createSlots(most);
  const living = new Map<ReadingChild, number>();
  let prewarmed: ReadingChild | undefined;
  let keepsOneReady = false;
  let stopped = false;

  const start = (): ReadingChild => {
    const taken = new Set(living.values());
    let number = 0;
    while (taken.has(number)) number += 1;
    const child = startReadingChild(userOf?.(number), bounds);
    living.set(child, number);
    void child.gone.then(() => living.delete(child));
    return child;
  };
  const warm = async (): Promise<void> => {
    if (stopped) return;
    keepsOneReady = true;
    if (!prewarmed || prewarmed.ended) prewarmed = start();
    await prewarmed.ready;
  };
  const readOnce = async (task: Task, bytes: Buffer, signal: AbortSignal): Promise<ReadingEnd> => {
    const waiting = prewarmed;
    prewarmed = undefined;
    if (waiting && !waiting.ended) {
      const end = await waiting.read(task, bytes, mostAnswer(bytes), signal);
      // A waiting process may have ended for another reason than the file, such as lack of memory.
      if (end.frames.length > 0 || end.how === 'time' || stopped) return end;
    }
    return await start().read(task, bytes, mostAnswer(bytes), signal);
  };

  const ask = async (task: Task, bytes: Buffer, signal: AbortSignal): Promise<ReadingEnd> => {
    const request = slots.request();
    try {
      await grantedOrAborted(request.granted, signal);
      if (stopped) return { how: 'died', frames: [], said: '' };
      return await readOnce(task, bytes, signal);
    } finally {
      request.leave();
      if (keepsOneReady) void warm();
    }
  };

  const read = async (task: Task, bytes: Buffer, signal: AbortSignal): Promise<Reading> => {
    const end = await ask(task, bytes, signal).catch((error: unknown): ReadingEnd => {
      signal.throwIfAborted();
      return { how: 'died', frames: [], said: error instanceof Error ? error.message : '' };
    });
    const { seen, view, blobs } = checkAnswer(end.frames);
    if (seen && view) return { seen, view, blobs };
    const known = seen ?? guess(task);
    log.warn(
      {
        task: task.task,
        type: known.type,
        bytes: bytes.byteLength,
        end: end.how,
        said: seen ? undefined : end.said,
      },
      'reading a file failed',
    );
    return {
      seen: known,
      view: withoutView(known, end.how === 'time' ? 'time' : 'broken'),
      blobs: [],
    };
  };

  return {
    receive: async (bytes, claimed, signal) =>
      await read({ task: 'receive', claimed }, bytes, signal),
    send: async (bytes, name, signal) => await read({ task: 'send', name }, bytes, signal),
    show: async (bytes, signal) => await read({ task: 'show' }, bytes, signal),
    shrink: async (bytes, signal) => await read({ task: 'shrink' }, bytes, signal),
    warm,
    async stop() {
      stopped = true;
      const ending = [...living.keys()];
      for (const child of ending) child.kill();
      await Promise.all(ending.map(({ gone }) => gone));
    },
  };
}

async function grantedOrAborted(granted: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  await Promise.race([granted, aborted.promise]).finally(() =>
    signal.removeEventListener('abort', onAbort),
  );
}

function withoutView({ type }: Seen, fault: PictureFault): Reading['view'] {
  return type.startsWith('image/') ? { kind: 'fault', fault } : { kind: 'unread', fault };
}

/** The type to assume for an unreadable file: the claimed one, if that is a known type. */
function guess(task: Task): Seen {
  const isKnown = task.task === 'receive' && extensionOf(task.claimed) !== '.bin';
  return {
    type: isKnown ? task.claimed : 'application/octet-stream',
    voice: false,
    picture: false,
    carried: false,
    captioned: false,
  };
}
