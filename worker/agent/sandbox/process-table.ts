import { readFileSync, readdirSync } from 'node:fs';

/** A living process in `/proc`; zombies are left out. */
export type ProcessEntry = {
  pid: number;
  parent: number;
  /** The POSIX session, by the id of its first process. */
  session: number;
  /**
   * Start time in hundredths of a second since boot (`proc_pid_stat(5)`, field 22; Linux reports
   * 100 ticks a second to every program).
   */
  startedAt: number;
  uid: number;
  /** Its supplementary groups. */
  groups: number[];
  threads: number;
};

/**
 * Every process of the machine; empty without `/proc`. The kernel answers from memory, in some 30
 * µs per process.
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

/** The process with this id, or undefined. */
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
 * Parses the two files; undefined for an ended process. A process chooses its own name, which may
 * hold brackets, blanks and line breaks.
 */
export function parseProcess(pid: number, stat: string, status: string): ProcessEntry | undefined {
  const [state = '', parent = '', , session = '', ...rest] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ');
  const line = (name: string): string =>
    new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  // The second number of Uid is the effective one.
  const uid = Number(line('Uid').split(/\s+/)[1]);
  const groups = line('Groups').split(/\s+/).filter(Boolean).map(Number);
  const threads = Number(line('Threads'));
  // A process whose first thread has ended while others run looks like a zombie.
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

/** The current time on the scale of `startedAt`; 0 without `/proc`. */
export function processClock(): number {
  try {
    return Math.floor(Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 100);
  } catch {
    return 0;
  }
}

/**
 * Whether one user does not see the processes of another, from the content of
 * `/proc/self/mountinfo`: the last mount over /proc counts (proc_pid_mountinfo(5), proc(5):
 * hidepid).
 */
export function hidesProcesses(mountinfo: string): boolean {
  const mounts = mountinfo.split('\n').filter((line) => line.split(' ')[4] === '/proc');
  return /\bhidepid=(?:2|invisible|4|ptraceable)\b/.test(mounts.at(-1) ?? '');
}
