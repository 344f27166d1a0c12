import type { AgentUser } from './user.ts';
import { readProcessTable } from './process-table.ts';

/**
 * The limit that the agent's processes get, since the kernel counts threads by user (RLIMIT_NPROC).
 * A user of the agent's own has `most`; where it shares the worker's, what that user runs already
 * is beside it. Root is exempt from such a limit, so it has none.
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
