import { readProcessTable } from './process-table.ts';
import { asAgent } from './user.ts';
import type { AgentUser, Command } from './user.ts';

/** Resource limits for the agent's processes. */
export type Bounds = {
  /** The group that marks them, if the user brings none. */
  group?: number | undefined;
  /**
   * Limit on processes and threads of its user (RLIMIT_NPROC); when undefined, the worker's own
   * applies. Root is exempt.
   */
  maxProcesses?: number | undefined;
};

/**
 * The agent's OOM score adjustment, of 1000 (`/proc/PID/oom_score_adj`), so that the OOM killer
 * prefers it to the worker. The agent can lower it down to 0, the worker's value.
 */
const outOfMemoryScore = 500;

/**
 * `-u` is bash's and `-p` dash's name for the same limit. A failure to set a limit is ignored: an
 * outer one may be lower.
 */
const script = `{ echo ${outOfMemoryScore} > /proc/self/oom_score_adj; [ -z "$1" ] || ulimit -u "$1" || ulimit -p "$1"; } 2> /dev/null; shift; exec "$@"`;

/** Wraps a command to run as the agent's user within its limits. Only Linux has limits. */
export function asBoundAgent(
  user: AgentUser | undefined,
  { group, maxProcesses }: Bounds,
  asked: Command,
): Command {
  const own = asAgent(user, asked);
  if (process.platform !== 'linux') return own;
  const marked =
    user || group === undefined
      ? [own.command, ...own.args]
      : ['setpriv', '--groups', String(group), '--', own.command, ...own.args];
  return {
    command: 'sh',
    args: ['-c', script, 'sh', String(maxProcesses ?? ''), ...marked],
    cwd: own.cwd,
  };
}

/**
 * The process limit for the agent; the kernel counts threads per user (RLIMIT_NPROC). A user of the
 * agent's own gets `most`; a user shared with the worker gets `most` on top of its current threads.
 * Root is exempt from such a limit, so it has none.
 */
export function maxProcessesOf(most: number, user: AgentUser | undefined): number | undefined {
  if (user) return most;
  const uid = process.getuid?.();
  if (uid === undefined || uid === 0) return undefined;
  return (
    most +
    readProcessTable().reduce((sum, entry) => sum + (entry.uid === uid ? entry.threads : 0), 0)
  );
}
