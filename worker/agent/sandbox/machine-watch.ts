import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { SendTools } from '../agent.ts';
import { readProcessTable } from './process-table.ts';
import type { WorkProcesses } from './work-processes.ts';

/** A resource that ran out during the agent's work. */
export type Shortage = 'no-memory' | 'no-processes';

/** Detects whether the machine caused a failure of a user's processes. */
export type MachineWatch = {
  /** The resource that ran out since the last check; undefined when none did. Ends a fork storm. */
  look(): Promise<Shortage | undefined>;
  /** Checks, and informs the person. `callId` is the model's id of the call that failed. */
  tell(tools: SendTools, callId: string): Promise<void>;
  /**
   * Watches for a fork storm during a turn, and informs the person when it has ended one. Returns a
   * function that stops the watch.
   */
  during(tools: SendTools): () => void;
};

export type MachineWatchOptions = {
  /** The process limit of each user; undefined means no limit. */
  maxProcesses: number | undefined;
  processes: Pick<WorkProcesses, 'endStorm'>;
  /** The file that counts OOM kills, with a line `oom_kill N`; undefined on systems without it. */
  memoryEvents: string | undefined;
};

/**
 * A user at this share of its limit counts as out of processes, because refused forks keep
 * retrying.
 */
const fullShare = 0.9;

/**
 * How often a turn checks for a fork storm (ms); a check takes some 5 ms. Two hits in a row make a
 * storm, because a burst passes.
 */
const lookMs = 2000;

const words: Record<Shortage, string> = {
  'no-memory':
    'The computer ran out of memory, so the system ended something that I had started. I may need a lighter way to do this.',
  'no-processes':
    'Something that I had started kept starting more, until this computer allowed no more processes. I have ended it.',
};

/** Creates a function that returns the watch for the processes of a user. */
export function createMachineWatch({
  maxProcesses,
  processes,
  memoryEvents,
}: MachineWatchOptions): (uid: number | undefined) => MachineWatch {
  let killed = countKilled(memoryEvents);
  const countKilledAnew = (): number => {
    const before = killed;
    killed = countKilled(memoryEvents);
    return killed - before;
  };
  return (uid) => watchUser({ uid, maxProcesses, processes, countKilledAnew });
}

function watchUser({
  uid,
  maxProcesses,
  processes,
  countKilledAnew,
}: Omit<MachineWatchOptions, 'memoryEvents'> & {
  uid: number | undefined;
  countKilledAnew: () => number;
}): MachineWatch {
  const isFull = (): boolean => {
    if (uid === undefined || maxProcesses === undefined) return false;
    const threads = readProcessTable().reduce(
      (sum, entry) => sum + (entry.uid === uid ? entry.threads : 0),
      0,
    );
    return threads >= maxProcesses * fullShare;
  };
  const look = async (): Promise<Shortage | undefined> => {
    if (countKilledAnew() > 0) return 'no-memory';
    if (!isFull()) return undefined;
    await processes.endStorm(uid);
    return 'no-processes';
  };
  const say = async (tools: SendTools, shortage: Shortage, callId: string): Promise<void> =>
    void (await tools.sendMessage({ text: words[shortage], callId: `${callId}.${shortage}` }));
  return {
    look,
    async tell(tools, callId) {
      const shortage = await look();
      if (shortage) await say(tools, shortage, callId);
    },
    during(tools) {
      if (maxProcesses === undefined) return () => undefined;
      let wasFull = false;
      const timer = setInterval(() => {
        const isNow = isFull();
        if (isNow && wasFull)
          void processes.endStorm(uid).then(() => say(tools, 'no-processes', crypto.randomUUID()));
        wasFull = isNow && !wasFull;
      }, lookMs).unref();
      return () => clearInterval(timer);
    },
  };
}

function countKilled(file: string | undefined): number {
  return Number(/^oom_kill (\d+)$/m.exec(readText(file))?.[1] ?? 0);
}

function readText(file: string | undefined): string {
  try {
    return file === undefined ? '' : readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/**
 * The file that counts OOM kills in this process's cgroup: `memory.events` in cgroup 2,
 * `memory.oom_control` in cgroup 1. Where neither can be read, the whole machine's `/proc/vmstat`.
 */
export function findMemoryEvents(): string | undefined {
  const lines = readText('/proc/self/cgroup')
    .split('\n')
    .map((line) => line.split(':'));
  const own = (controller: string): string =>
    lines.find(([, names = '']) => names.split(',').includes(controller))?.[2] ?? '/';
  const files = [
    path.join('/sys/fs/cgroup', own(''), 'memory.events'),
    '/sys/fs/cgroup/memory.events',
    path.join('/sys/fs/cgroup/memory', own('memory'), 'memory.oom_control'),
    '/sys/fs/cgroup/memory/memory.oom_control',
    '/proc/vmstat',
  ];
  return files.find((file) => /^oom_kill \d+$/m.test(readText(file)));
}
