import { lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { runAsAgent, runAsWorker } from '../sandbox/shell.ts';
import type { AgentUser } from '../sandbox/user.ts';
import { peopleName } from './home.ts';

/** What an earlier version kept for everybody, at the top of DATA_DIR. */
const earlierNames = ['home', 'claude', 'workspaces', 'images', 'tmp', 'spare'];

/** Where it lies until it is in the people's homes. */
export function earlierDirectory(dataDir: string): string {
  return path.join(dataDir, peopleName, '.earlier');
}

/** The script that sets it aside and makes DATA_DIR the worker's. */
const script = path.join(import.meta.dirname, 'own-data.sh');

/**
 * Whether DATA_DIR holds files of an earlier version that are in no home yet; also when this user
 * may not look.
 */
export function hasEarlier(dataDir: string): boolean {
  return exists(earlierDirectory(dataDir)) || earlierNames.some((name) => isEarlier(dataDir, name));
}

function isEarlier(dataDir: string, name: string): boolean {
  const directory = path.join(dataDir, name);
  try {
    if (!lstatSync(directory).isDirectory()) return false;
    // Links to the homes have taken the place of the workspaces.
    return (
      name !== 'workspaces' ||
      readdirSync(directory, { withFileTypes: true }).some((entry) => !entry.isSymbolicLink())
    );
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

function exists(file: string): boolean {
  try {
    return lstatSync(file).isDirectory();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/**
 * Makes DATA_DIR root's, who is the worker, and sets aside what an earlier version has left, which
 * then belongs to `first`.
 */
export async function ownData(dataDir: string, first: Pick<AgentUser, 'uid'>): Promise<void> {
  await runAsWorker('exec sh "$@"', [script, dataDir, '0', String(first.uid)]);
}

/** Sets aside what an earlier version has left in a DATA_DIR that everybody's user owns. */
export async function setAside(dataDir: string, user: AgentUser | undefined): Promise<void> {
  if (!user) return await runAsWorker('exec sh "$@"', [script, dataDir]);
  const { code, said } = await runAsAgent(user, 'exec sh "$@"', [script, dataDir]);
  if (code !== 0) throw new Error(said);
}
