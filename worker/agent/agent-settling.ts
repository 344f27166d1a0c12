import { chown, mkdir, readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { SetupError, reportError } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import { createAgentFiles } from './agent-files.ts';
import { runAsAgent } from './agent-shell.ts';
import { chooseAgentUser } from './agent-user.ts';
import type { AgentUser } from './agent-user.ts';

export type SettlingOptions = {
  /** The user that AGENT_USER names. */
  wanted: string | undefined;
  dataDir: string;
  imagesDir: string;
  redisUrl: string;
  log: Log;
};

/**
 * Finds the agent's user and sees that it can work: that its directories are its own and that it can run what it needs. Says in the log what is out of the
 * agent's reach and what is not. Without a user of its own, or where the usual one cannot work, the agent is the worker's own user and undefined is returned; a user
 * that was asked for and cannot work is a SetupError.
 */
export async function settleAgent({ wanted, dataDir, imagesDir, redisUrl, log }: SettlingOptions): Promise<AgentUser | undefined> {
  const [passwd, status] = await Promise.all(['/etc/passwd', '/proc/self/status'].map((file) => readFile(file, 'utf8').catch(() => '')));
  const { user, because } = chooseAgentUser(wanted, { passwd: passwd ?? '', status: status ?? '', uid: process.getuid?.() });
  const environmentFile = path.resolve('.env');
  const [problem, isExposed] = user ? await Promise.all([settle(user, dataDir, imagesDir), canRead(user, environmentFile).catch(() => false)]) : [because, false];
  if (problem !== undefined && user && wanted !== undefined) throw new SetupError(`The environment is not complete:\n  AGENT_USER: ${problem}`);
  if (problem !== undefined || !user) {
    log.warn({ because: problem }, 'the agent runs as the worker’s own user: what it runs could read the worker’s secrets. docs/security.md tells how to separate them');
    return undefined;
  }
  log.info({ user: user.name }, 'the agent runs as a user of its own');
  if (isExposed) log.error({ file: environmentFile }, 'the agent’s user can read this file, which may hold secrets: take it away from others (chmod 600)');
  if (new URL(redisUrl).password === '') log.warn('Redis asks for no password, so whatever the agent runs can read and change what is stored there');
  return user;
}

/** Makes the directories the agent's. Returns what stands in the way, as a clause. */
async function settle(user: AgentUser, dataDir: string, imagesDir: string): Promise<string | undefined> {
  const files = createAgentFiles(user);
  try {
    await give(user, dataDir);
    if (!imagesDir.startsWith(`${dataDir}${path.sep}`)) await give(user, imagesDir);
    const problems = await Promise.all([
      ...[dataDir, imagesDir].map(async (directory) => {
        await files.makeDirectory(directory);
        return (await may(user, '-w', directory)) ? undefined : `the user “${user.name}” cannot write in ${directory} (give it the directory: chown -R ${user.name} ${directory})`;
      }),
      ...[process.execPath, import.meta.filename].map(async (file) => ((await canRead(user, file)) ? undefined : `the user “${user.name}” cannot read ${file}`)),
    ]);
    return problems.find((problem) => problem !== undefined);
  } catch (error) {
    return `the user “${user.name}” cannot work here: ${reportError(error).message}`;
  }
}

/** As root, hands a new or empty directory over. What holds something already is left alone: it may be anything. Never for a directory inside the agent's: it could be a link. */
async function give(user: AgentUser, directory: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const isEmpty = (await readdir(directory)).length === 0;
  if (isEmpty && (await stat(directory)).uid !== user.uid) await chown(directory, user.uid, user.gid);
}

const canRead = (user: AgentUser, file: string): Promise<boolean> => may(user, '-r', file);

async function may(user: AgentUser, right: '-r' | '-w', file: string): Promise<boolean> {
  return (await runAsAgent(user, `[ ${right} "$1" ]`, [file])).code === 0;
}
