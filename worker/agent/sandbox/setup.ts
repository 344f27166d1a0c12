import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { SetupError, reportError } from '../../../shared/runtime/errors.ts';
import type { Log } from '../../../shared/runtime/log.ts';
import { createAgentFiles } from './files.ts';
import { runAsAgent } from './shell.ts';
import { chooseAgentUser } from './user.ts';
import type { AgentUser } from './user.ts';
import { give, reachData } from './data-place.ts';
import { pickUser } from './picked-user.ts';
import { reachPrograms } from './program-copy.ts';

export type SettlingOptions = {
  /** The user named by AGENT_USER. */
  wanted: string | undefined;
  dataDir: string;
  imagesDir: string;
  redisUrl: string;
  /** Absolute paths of further programs that the agent runs. */
  programs?: string[];
  log: Log;
};

/**
 * The agent's user, the real location of its files, and that of its program copies if there are
 * any. Without a user the agent runs as the worker.
 */
export type Settled = {
  user: AgentUser | undefined;
  dataDir: string;
  imagesDir: string;
  programs?: string | undefined;
};

/**
 * Finds the agent's user, or picks one if none was named and the worker may switch users, and makes
 * sure that it can work: that it owns its directories and can run its programs. Logs what the agent
 * can and cannot reach. A worker that may not switch shares one user with its agent; one that may,
 * and root in any case, has an agent of another user or throws a SetupError, unless AGENT_USER
 * names root itself.
 */
export async function settleAgent({
  wanted,
  dataDir,
  imagesDir,
  redisUrl,
  programs = [],
  log,
}: SettlingOptions): Promise<Settled> {
  const [passwd, status] = await Promise.all(
    ['/etc/passwd', '/proc/self/status'].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  const choice = chooseAgentUser(wanted, {
    passwd: passwd ?? '',
    status: status ?? '',
    uid: process.getuid?.(),
  });
  if (!choice.user && !choice.mayPick)
    return settleAsOne(choice.because, wanted, { dataDir, imagesDir }, log);
  try {
    const user = choice.user ?? pickUser({ dataDir, passwd: passwd ?? '' });
    const reached = await reachPrograms(user, programs);
    const settled = {
      user: { ...user, programAt: reached.at },
      ...(await reachDirectories(user, dataDir, imagesDir)),
      programs: reached.place,
    };
    const problem = await settle(settled);
    if (problem !== undefined) throw new Error(problem);
    await sayHow(settled, { dataDir, redisUrl }, log);
    return settled;
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(
      `The environment is not valid:\n  AGENT_USER: ${reportError(error).message}`,
      { cause: error },
    );
  }
}

/** Runs worker and agent as one user, which must not be root unless the owner says so. */
function settleAsOne(
  because: string,
  wanted: string | undefined,
  slots: Omit<Settled, 'user'>,
  log: Log,
): Settled {
  if (process.getuid?.() !== 0) {
    log.warn(
      { because },
      'the agent runs as the worker’s own user: what it runs could read the worker’s secrets. docs/security.md tells how to separate them',
    );
    return { user: undefined, ...slots };
  }
  if (wanted === undefined) {
    throw new SetupError(
      `The environment is not valid:\n  AGENT_USER: ${because}, and the worker is root without the right to be another user. The agent must not be root; set AGENT_USER=root if it shall be all the same`,
    );
  }
  log.error(
    'THE AGENT RUNS AS ROOT, as AGENT_USER says: whatever it runs may do anything on this machine and read every secret of the worker',
  );
  return { user: undefined, ...slots };
}

async function reachDirectories(
  user: AgentUser,
  dataDir: string,
  imagesDir: string,
): Promise<Omit<Settled, 'user'>> {
  const data = await reachData(dataDir, user);
  const isWithin = imagesDir.startsWith(`${dataDir}${path.sep}`);
  return {
    dataDir: data,
    imagesDir: isWithin
      ? path.join(data, path.relative(dataDir, imagesDir))
      : await reachData(imagesDir, user),
  };
}

async function sayHow(
  { user, dataDir: real, programs: place }: Settled,
  { dataDir, redisUrl }: Pick<SettlingOptions, 'dataDir' | 'redisUrl'>,
  log: Log,
): Promise<void> {
  if (!user) return;
  const picked = user.isPicked ? { uid: user.uid, home: path.join(real, 'home') } : {};
  log.info({ user: user.name, ...picked }, 'the agent runs as a user of its own');
  if (real !== dataDir)
    log.warn(
      { user: user.name, dataDir, place: real },
      'the agent’s user may not enter DATA_DIR: its files are in another place, which DATA_DIR links to',
    );
  if (place !== undefined)
    log.warn(
      { user: user.name, place },
      'the agent’s user may not enter the programs’ directory: running them from a copy',
    );
  const environmentFile = path.resolve('.env');
  if (await may(user, '-r', environmentFile).catch(() => false))
    log.error(
      { file: environmentFile },
      'the agent’s user can read this file, which may hold secrets: take it away from others (chmod 600)',
    );
  if (new URL(redisUrl).password === '')
    log.warn(
      'Redis asks for no password, so whatever the agent runs can read and change what is stored there',
    );
}

/** Gives the directories to the agent. Returns the problem, if any, as a clause. */
async function settle({
  user,
  dataDir,
  imagesDir,
}: Settled & { user: AgentUser }): Promise<string | undefined> {
  const files = createAgentFiles(user);
  try {
    await give(user, dataDir);
    if (!imagesDir.startsWith(`${dataDir}${path.sep}`)) await give(user, imagesDir);
    const problems = await Promise.all([
      ...[dataDir, imagesDir].map(async (directory) => {
        await files.makeDirectory(directory);
        return (await may(user, '-w', directory))
          ? undefined
          : `the user “${user.name}” cannot write in ${directory} (give it the directory: chown -R ${user.name} ${directory})`;
      }),
      ...[process.execPath, import.meta.filename].map(async (file) =>
        (await may(user, '-r', file)) ? undefined : `the user “${user.name}” cannot read ${file}`,
      ),
    ]);
    return problems.find((problem) => problem !== undefined);
  } catch (error) {
    return `the user “${user.name}” cannot work here: ${reportError(error).message}`;
  }
}

async function may(user: AgentUser, right: '-r' | '-w', file: string): Promise<boolean> {
  return (await runAsAgent(user, `[ ${right} "$1" ]`, [file])).code === 0;
}
