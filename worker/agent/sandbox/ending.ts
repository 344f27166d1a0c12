import { setTimeout as sleep } from 'node:timers/promises';
import { readProcessTable } from './process-table.ts';
import type { ProcessEntry } from './process-table.ts';

/**
 * How long an ending may take (ms), and how often it is looked whether a storm of forks stands
 * still before it is ended as it is.
 */
const patienceMs = 5000;
const mostHalts = 25;

/** A process by its id and beginning, since ids come again. */
const nameOf = ({ pid, startedAt }: ProcessEntry): string => `${pid} ${startedAt}`;

/**
 * Ends every process that `select` names, and looks again until it names none. They are halted
 * first, all of them, so that none starts another or changes its parent while the others are being
 * ended. Returns how many there were. One that the kernel holds may outlive it: after 5 s it gives
 * up. Elsewhere than on Linux there are none.
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
 * Halts every process that `select` names, and looks again until none of them moves, or a storm of
 * forks does not come to rest. The returned function lets those go on that it has halted and that
 * live still.
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
 * The processes of one Claude Code process: `isOurs` knows them, `worker` has started those at
 * their head, `since` is when the work began that is being ended.
 */
export type Work = { isOurs: (entry: ProcessEntry) => boolean; worker: number; since: number };

/**
 * Which processes end with a piece of work. All that began since, Claude Code itself and its
 * browser with what they have under them; not what an earlier piece of work has left running on
 * purpose: what began before and has no parent among them any more, and what that has started
 * since.
 */
export function selectWork(table: ProcessEntry[], { isOurs, worker, since }: Work): ProcessEntry[] {
  const ours = new Map(table.filter(isOurs).map((entry) => [entry.pid, entry]));
  const heads = new Set(
    [...ours.values()].filter(({ parent }) => parent === worker).map(({ pid }) => pid),
  );
  const isLeft = ({ pid, parent, startedAt }: ProcessEntry): boolean =>
    startedAt < since && !heads.has(pid) && !ours.has(parent);
  const left = [...ours.values()].filter(isLeft);
  const roots = new Set(left.map(({ pid }) => pid));
  const sessions = new Set(
    left.map(({ session }) => session).filter((session) => session > 0 && !heads.has(session)),
  );
  const hasRoot = (entry: ProcessEntry): boolean => {
    const seen = new Set<number>();
    for (
      let at: ProcessEntry | undefined = entry;
      at && !seen.has(at.pid);
      at = ours.get(at.parent)
    ) {
      if (roots.has(at.pid)) return true;
      if (heads.has(at.pid)) return false;
      seen.add(at.pid);
    }
    return sessions.has(entry.session);
  };
  return [...ours.values()].filter((entry) => !hasRoot(entry));
}
