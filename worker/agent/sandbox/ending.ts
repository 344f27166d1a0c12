import { setTimeout as sleep } from 'node:timers/promises';
import { readProcessTable } from './process-table.ts';
import type { ProcessEntry } from './process-table.ts';

/**
 * Timeout for ending processes (ms), and how many rounds of halting may fail to freeze a fork storm
 * before it is killed anyway.
 */
const patienceMs = 5000;
const mostHalts = 25;

/** Identifies a process by its id and start time, since ids are reused. */
const nameOf = ({ pid, startedAt }: ProcessEntry): string => `${pid} ${startedAt}`;

/**
 * Ends every process that `select` returns, and repeats until it returns none. Halts all of them
 * first, so that none forks or changes its parent meanwhile. Returns how many there were. A process
 * stuck in the kernel may survive: after 5 s it gives up. Does nothing except on Linux.
 */
export async function endProcesses(
  select: (table: ProcessEntry[]) => ProcessEntry[] | Promise<ProcessEntry[]>,
): Promise<number> {
  const ended = new Set<string>();
  const halted = new Set<string>();
  let halts = 0;
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline;) {
    const doomed = await select(readProcessTable());
    if (doomed.length === 0) break;
    const moving = doomed.filter((entry) => !halted.has(nameOf(entry)));
    for (const entry of moving) {
      send(entry.pid, 'SIGSTOP');
      halted.add(nameOf(entry));
      ended.add(nameOf(entry));
    }
    halts += 1;
    if (moving.length > 0 && halts < mostHalts) continue;
    for (const { pid } of doomed) send(pid, 'SIGKILL');
    halts = 0;
    await sleep(5);
  }
  return ended.size;
}

/**
 * Halts every process that `select` returns, and repeats until none is left running or a fork storm
 * does not settle. The returned function resumes the halted processes that are still alive.
 */
export async function haltProcesses(
  select: (table: ProcessEntry[]) => ProcessEntry[] | Promise<ProcessEntry[]>,
): Promise<() => void> {
  const halted = new Set<string>();
  for (let halts = 0; halts < mostHalts; halts += 1) {
    const moving = (await select(readProcessTable())).filter((entry) => !halted.has(nameOf(entry)));
    if (moving.length === 0) break;
    for (const entry of moving) {
      send(entry.pid, 'SIGSTOP');
      halted.add(nameOf(entry));
    }
  }
  return () => {
    for (const entry of readProcessTable())
      if (halted.has(nameOf(entry))) send(entry.pid, 'SIGCONT');
  };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/**
 * The processes of one Claude Code process: `isOurs` recognises them, `worker` is the parent of the
 * top ones, `since` is when the work to be ended began.
 */
export type Work = { isOurs: (entry: ProcessEntry) => boolean; worker: number; since: number };

/**
 * Selects the processes that end with a piece of work: all that started since, and Claude Code
 * itself and its browser with their descendants. Excludes what an earlier piece of work left
 * running on purpose: processes that started before and have no parent among them any more, and
 * what those have started since.
 */
export function selectWork(table: ProcessEntry[], work: Work): ProcessEntry[] {
  const { since } = work;
  const { ours, heads } = readWork(table, work);
  const isLeft = ({ pid, parent, startedAt }: ProcessEntry): boolean =>
    startedAt < since && !heads.has(pid) && !ours.has(parent);
  const left = [...ours.values()].filter(isLeft);
  const roots = new Set(left.map(({ pid }) => pid));
  const sessions = new Set(
    left.map(({ session }) => session).filter((session) => session > 0 && !heads.has(session)),
  );
  const ends = new Set([...roots, ...heads]);
  const hasRoot = (entry: ProcessEntry): boolean => {
    const found = findAncestor(ours, entry, ends);
    return found === undefined ? sessions.has(entry.session) : roots.has(found);
  };
  return [...ours.values()].filter((entry) => !hasRoot(entry));
}

/**
 * Selects what a stopped piece of work has started and detached, where Claude Code lives on for its
 * registered tasks: not what is in a POSIX session with one of its descendants, as they themselves
 * are, and what a task has put in the background of its shell.
 */
export function selectDetached(table: ProcessEntry[], work: Work): ProcessEntry[] {
  const { ours, heads } = readWork(table, work);
  const isAttached = (entry: ProcessEntry): boolean =>
    findAncestor(ours, entry, heads) !== undefined;
  const sessions = new Set([...ours.values()].filter(isAttached).map(({ session }) => session));
  return selectWork(table, work).filter((entry) => !sessions.has(entry.session));
}

/** The work's processes by id, and the ids of its top ones. */
function readWork(
  table: ProcessEntry[],
  { isOurs, worker }: Work,
): { ours: Map<number, ProcessEntry>; heads: Set<number> } {
  const ours = new Map(table.filter(isOurs).map((entry) => [entry.pid, entry]));
  const tops = [...ours.values()].filter(({ parent }) => parent === worker);
  return { ours, heads: new Set(tops.map(({ pid }) => pid)) };
}

/** The process itself or its nearest ancestor among these, or undefined. */
function findAncestor(
  ours: ReadonlyMap<number, ProcessEntry>,
  entry: ProcessEntry,
  among: ReadonlySet<number>,
): number | undefined {
  const seen = new Set<number>();
  for (
    let at: ProcessEntry | undefined = entry;
    at && !seen.has(at.pid);
    at = ours.get(at.parent)
  ) {
    if (among.has(at.pid)) return at.pid;
    seen.add(at.pid);
  }
  return undefined;
}
