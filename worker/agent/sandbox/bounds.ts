import { asAgent } from './user.ts';
import type { AgentUser, Command } from './user.ts';

/** What bounds the work that the agent starts. */
export type Bounds = {
  /** The group that marks it, where the user brings none. */
  group?: number | undefined;
  /**
   * How many processes and threads its user may have at once (RLIMIT_NPROC); undefined, as many as
   * the worker's own. Root is exempt.
   */
  maxProcesses?: number | undefined;
};

/**
 * How much likelier than the worker it is chosen when memory runs out, of 1000
 * (`/proc/PID/oom_score_adj`). It can undo this down to 0, which is the worker's.
 */
const outOfMemoryScore = 500;

/**
 * `-u` is bash's and `-p` dash's name for the same limit. A bound that cannot be set is no reason
 * to stay idle: an outer one may be lower.
 */
const script = `{ echo ${outOfMemoryScore} > /proc/self/oom_score_adj; [ -z "$1" ] || ulimit -u "$1" || ulimit -p "$1"; } 2> /dev/null; shift; exec "$@"`;

/**
 * The same command as the agent's user and within its bounds. Elsewhere than on Linux there are
 * none.
 */
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
