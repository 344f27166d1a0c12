import { readFileSync, readdirSync } from 'node:fs';

/** A living process as `/proc` shows it; one that has ended and is not reaped yet is none. */
export type ProcessEntry = {
  pid: number;
  parent: number;
  /** The POSIX session, by the id of the process that began it. */
  session: number;
  /**
   * When it began, in hundredths of a second since the machine did (`proc_pid_stat(5)`, field 22;
   * Linux shows every program 100 ticks a second).
   */
  startedAt: number;
  uid: number;
  /** Its supplementary groups. */
  groups: number[];
  threads: number;
};

/**
 * Every process of the machine; empty where there is no `/proc`. The kernel answers from its
 * memory, in some 30 µs a process.
 */
export function readProcessTable(): ProcessEntry[] {
  return listPids().flatMap((pid) => readProcess(pid) ?? []);
}

function listPids(): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid > 0);
  } catch {
    return [];
  }
}

/** One process; undefined when there is none of this id. */
export function readProcess(pid: number): ProcessEntry | undefined {
  try {
    return parseProcess(
      pid,
      readFileSync(`/proc/${pid}/stat`, 'latin1'),
      readFileSync(`/proc/${pid}/status`, 'latin1'),
    );
  } catch {
    return undefined;
  }
}

/**
 * What the two files say; undefined for one that has ended. A process chooses its own name, which
 * may hold brackets, blanks and line breaks.
 */
export function parseProcess(pid: number, stat: string, status: string): ProcessEntry | undefined {
  const [state = '', parent = '', , session = '', ...rest] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ');
  const line = (name: string): string =>
    new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  // The second of Uid's numbers is the one in force.
  const uid = Number(line('Uid').split(/\s+/)[1]);
  const groups = line('Groups').split(/\s+/).filter(Boolean).map(Number);
  const threads = Number(line('Threads'));
  // One whose first thread has ended while others go on looks like a dead one.
  if (state === 'X' || (state === 'Z' && threads <= 1)) return undefined;
  return {
    pid,
    parent: Number(parent),
    session: Number(session),
    startedAt: Number(rest[15]),
    uid,
    groups,
    threads,
  };
}

/** Now, as `startedAt` counts; 0 where there is no `/proc`. */
export function processClock(): number {
  try {
    return Math.floor(Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 100);
  } catch {
    return 0;
  }
}
