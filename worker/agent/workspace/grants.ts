import { createHash } from 'node:crypto';
import type { WorkspaceLook } from './reader.ts';
import type { WorkspaceProgram, WorkspaceRules } from './programs.ts';

/**
 * The workspace's own parts that a session runs with: the approved programs, and the rules that
 * only forbid.
 */
export type WorkspaceGrants = {
  programs: (WorkspaceProgram & { digest: string })[];
  rules: WorkspaceRules;
};

export const noGrants: WorkspaceGrants = { programs: [], rules: { deny: [], ask: [] } };

/** The grants of a scanned workspace, limited to the programs that `isAgreed` approves. */
export function grant(
  { programs, rules }: WorkspaceLook,
  isAgreed: (digest: string) => boolean,
): WorkspaceGrants {
  return { programs: programs.filter(({ digest }) => isAgreed(digest)), rules };
}

/** A key that is equal for equal grants only; empty when nothing is granted. */
export function grantsKey({ programs, rules }: WorkspaceGrants): string {
  if (programs.length === 0 && rules.deny.length === 0 && rules.ask.length === 0) return '';
  return createHash('sha256')
    .update(JSON.stringify([programs.map(({ digest }) => digest), rules]))
    .digest('hex');
}
