import { createHash } from 'node:crypto';
import type { WorkspaceLook } from './reader.ts';
import type { WorkspaceProgram, WorkspaceRules } from './programs.ts';

/**
 * What of a workspace's own a session runs with: the programs that the person has agreed to, and
 * the rules that only forbid.
 */
export type WorkspaceGrants = {
  programs: (WorkspaceProgram & { digest: string })[];
  rules: WorkspaceRules;
};

export const noGrants: WorkspaceGrants = { programs: [], rules: { deny: [], ask: [] } };

/** The grants of a look with the programs that `isAgreed` says yes to. */
export function grant(
  { programs, rules }: WorkspaceLook,
  isAgreed: (digest: string) => boolean,
): WorkspaceGrants {
  return { programs: programs.filter(({ digest }) => isAgreed(digest)), rules };
}

/** A text that is the same for the same grants only; empty when nothing is granted. */
export function grantsKey({ programs, rules }: WorkspaceGrants): string {
  if (programs.length === 0 && rules.deny.length === 0 && rules.ask.length === 0) return '';
  return createHash('sha256')
    .update(JSON.stringify([programs.map(({ digest }) => digest), rules]))
    .digest('hex');
}
