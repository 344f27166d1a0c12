import type { AgentUser } from './user.ts';
import { readProcessTable } from './process-table.ts';

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
