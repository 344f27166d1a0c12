import { constants, existsSync } from 'node:fs';
import { access, chown, mkdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { SetupError, reportError } from '../../../shared/runtime/errors.ts';
import type { Log } from '../../../shared/runtime/log.ts';
import { createAgentUsers } from '../homes/agent-users.ts';
import { hasEarlier, ownData, setAside } from '../homes/earlier-layout.ts';
import { peopleName } from '../homes/home.ts';
import { arePortsApart } from '../homes/ports-apart.ts';
import { isPickedUid, pickBlock } from '../homes/user-block.ts';
import type { UserBlock } from '../homes/user-block.ts';
import { createAgentFiles } from './files.ts';
import { runAsAgent } from './shell.ts';
import { chooseAgentUser } from './user.ts';
import type { AgentUser } from './user.ts';
import { findObstacle, reachData } from './data-place.ts';
import { hidesProcesses } from './process-table.ts';
import { reachPrograms } from './program-copy.ts';
import { findBarrier } from './reach.ts';

export type SetupOptions = {
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
 * The first user of the agent, the ids for people's own users, the real location of its files, and
 * that of its program copies if there are any. Without a user the agent runs as the worker; without
 * ids people share a user, and `because` gives the reason as a clause.
 */
export type AgentSetup = {
  user: AgentUser | undefined;
  block?: UserBlock | undefined;
  dataDir: string;
  imagesDir: string;
  programs?: string | undefined;
  because?: string | undefined;
};

/**
 * Finds the agent's user, or picks one if none was named and the worker may switch users, and makes
 * sure that it can work: that DATA_DIR can hold people's homes, and that they can run its programs.
 * Logs what the agent can and cannot reach. A worker that may not switch users shares its own with
 * the agent. If it may, and as root in any case, its agent has another user, or this throws a
 * SetupError, unless AGENT_USER names root itself. Each person has a user of their own where
 * DATA_DIR is the worker's; root makes it so.
 */
export async function setUpAgent(options: SetupOptions): Promise<AgentSetup> {
  const { wanted, dataDir, imagesDir, redisUrl, programs = [], log } = options;
  const [passwd = '', status = ''] = await Promise.all(
    ['/etc/passwd', '/proc/self/status'].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  const choice = chooseAgentUser(wanted, { passwd, status, uid: process.getuid?.() });
  if (!choice.user && !choice.mayPick)
    return await setUpAsWorker(choice.because, wanted, { dataDir, imagesDir }, log);
  try {
    const setup = await setUpApart(choice.user, { dataDir, imagesDir, passwd, programs, log });
    const problem = await findProblem(setup);
    if (problem !== undefined) throw new Error(problem);
    await sayHow(setup, { dataDir, redisUrl }, log);
    return setup;
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(
      `The environment is not valid:\n  AGENT_USER: ${reportError(error).message}`,
      { cause: error },
    );
  }
}

type SetupApart = AgentSetup & { user: AgentUser };

/** Somebody with no right of their own: whatever they may enter, every person may. */
const stranger: AgentUser = { name: 'a stranger', uid: 0x7f_ff_ff_fe, gid: 0x7f_ff_ff_fe };

/** Finds or makes a place for people's homes. `named` is the user of AGENT_USER. */
async function setUpApart(
  named: AgentUser | undefined,
  asked: Pick<SetupOptions, 'dataDir' | 'imagesDir' | 'log'> & {
    passwd: string;
    programs: string[];
  },
): Promise<SetupApart> {
  const dataDir = await reachData(asked.dataDir, named ?? stranger);
  const { block, because } = await takeData(dataDir, named, asked.passwd);
  const first = named ?? pickedUser(block);
  if (!first) throw new Error(because ?? 'there is no user for the agent');
  const reached = await reachPrograms(block ? stranger : first, asked.programs);
  const user = { ...first, programAt: reached.at };
  if (block && hasEarlier(dataDir) && process.getuid?.() === 0) await ownData(dataDir, first);
  if (!block && hasEarlier(dataDir)) await setAside(dataDir, user);
  const setup = { user, block, because, dataDir, imagesDir: '', programs: reached.place };
  return { ...setup, imagesDir: await setUpImages(asked, setup) };
}

const pickedUser = (block: UserBlock | undefined): AgentUser | undefined =>
  block && { name: String(block.first), uid: block.first, gid: block.first, isPicked: true };

/**
 * The ids for people's users, or why they share the named one. Root takes DATA_DIR over from the
 * agent of an earlier version.
 */
async function takeData(
  dataDir: string,
  named: AgentUser | undefined,
  passwd: string,
): Promise<Pick<AgentSetup, 'block' | 'because'>> {
  const owner = (await stat(dataDir).catch(() => undefined))?.uid;
  const isRoot = process.getuid?.() === 0;
  if (isRoot && owner !== undefined && owner !== 0) {
    if (owner !== named?.uid && !isPickedUid(owner, passwd))
      throw new Error(
        `${dataDir} belongs to the user ${owner}. Set AGENT_USER to that user’s name, or give the directory to root (chown -R root ${dataDir}), from whom the agent gets it`,
      );
    await ownData(dataDir, { uid: owner });
  }
  const noteDir = path.join(dataDir, peopleName);
  const obstacle =
    (await findObstacle(dataDir)) ??
    (await findObstacle(noteDir).catch((error: unknown) => reportError(error).message));
  if (obstacle !== undefined) return { because: obstacle };
  const barrier = await findBarrier(path.join(noteDir, 'x'), stranger);
  if (barrier !== undefined) return { because: `others may not enter ${barrier}` };
  return { block: pickBlock({ dataDir, noteDir, passwd }) };
}

/**
 * The directory for pictures. Where one outside DATA_DIR cannot hold a directory for each person,
 * the pictures go to DATA_DIR. Throws when it cannot be made.
 */
async function setUpImages(
  asked: Pick<SetupOptions, 'dataDir' | 'imagesDir' | 'log'>,
  { user, block, dataDir }: SetupApart,
): Promise<string> {
  const { imagesDir, log } = asked;
  if (imagesDir.startsWith(`${asked.dataDir}${path.sep}`))
    return path.join(dataDir, path.relative(asked.dataDir, imagesDir));
  const place = await reachData(imagesDir, block ? stranger : user);
  if (!block) return place;
  const about = await stat(place).catch(() => undefined);
  if (process.getuid?.() === 0 && about?.uid === user.uid) await chown(place, 0, 0);
  const obstacle = await findObstacle(place).catch((error: unknown) => {
    const { message } = reportError(error);
    throw new Error(`${place} cannot be made for the pictures (IMAGES_DIR): ${message}`);
  });
  if (obstacle === undefined) return place;
  log.warn(
    { imagesDir, because: obstacle },
    'IMAGES_DIR cannot hold a directory for each person: pictures go to DATA_DIR',
  );
  return path.join(dataDir, 'images');
}

/** Runs worker and agent as one user, which must not be root unless the owner says so. */
async function setUpAsWorker(
  because: string,
  wanted: string | undefined,
  directories: Pick<AgentSetup, 'dataDir' | 'imagesDir'>,
  log: Log,
): Promise<AgentSetup> {
  const isRoot = process.getuid?.() === 0;
  if (isRoot && wanted === undefined) {
    throw new SetupError(
      `The environment is not valid:\n  AGENT_USER: ${because}, and the worker is root without the right to be another user. The agent must not be root; set AGENT_USER=root if it shall be all the same`,
    );
  }
  if (isRoot)
    log.error(
      'THE AGENT RUNS AS ROOT, as AGENT_USER says: whatever it runs may do anything on this machine and read every secret of the worker',
    );
  else
    log.warn(
      { because },
      'the agent runs as the worker’s own user: what it runs could read the worker’s secrets, and what it runs for one person the files of another. docs/security.md tells how to separate them',
    );
  const people = path.join(directories.dataDir, peopleName);
  try {
    await mkdir(people, { recursive: true, mode: 0o700 });
    await access(people, constants.W_OK);
  } catch (error) {
    throw new SetupError(
      `The environment is not valid:\n  DATA_DIR: this user cannot write in ${people}`,
      { cause: error },
    );
  }
  if (hasEarlier(directories.dataDir)) await setAside(directories.dataDir, undefined);
  return { user: undefined, ...directories };
}

async function sayHow(
  { user, block, because, dataDir: real, programs: place }: AgentSetup,
  { dataDir, redisUrl }: Pick<SetupOptions, 'dataDir' | 'redisUrl'>,
  log: Log,
): Promise<void> {
  if (!user) return;
  const picked = user.isPicked ? { uid: user.uid } : {};
  log.info({ user: user.name, ...picked }, 'the agent runs as a user of its own');
  if (block) {
    log.info({ users: block }, 'each person’s files and processes have a user of their own');
    if (!hidesProcesses(await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')))
      log.warn(
        'what a person’s commands are called with can be seen by what runs for another: /proc is not mounted with hidepid. docs/security.md tells what else a user does not hide',
      );
    if (!arePortsApart(block))
      log.warn(
        'a server that runs for one person on this computer can be reached by what runs for another: no packet rule keeps their ports apart (docs/security.md)',
      );
  } else
    log.warn(
      { because },
      'all people share one user of the agent: what it runs for one person could read the files of another. docs/security.md tells how to separate them',
    );
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
  if (existsSync(environmentFile) && (await may(user, '-r', environmentFile).catch(() => false)))
    log.error(
      { file: environmentFile },
      'the agent’s user can read this file, which may hold secrets: take it away from others (chmod 600)',
    );
  if (new URL(redisUrl).password === '')
    log.warn(
      'Redis asks for no password, so whatever the agent runs can read and change what is stored there',
    );
}

/** What keeps the agent from working, as a clause, if something does. */
async function findProblem({
  user,
  block,
  dataDir,
  imagesDir,
}: SetupApart): Promise<string | undefined> {
  const files = createAgentFiles(user);
  const users = block ? [user, createAgentUsers(user, block).reader(0)] : [user];
  try {
    const shared = block ? [] : [dataDir, imagesDir];
    const problems = await Promise.all([
      ...shared.map(async (directory) => {
        await files.makeDirectories([directory]);
        return (await may(user, '-w', directory))
          ? undefined
          : `the user “${user.name}” cannot write in ${directory} (give it the directory: chown -R ${user.name} ${directory})`;
      }),
      ...users.map(async (one) => {
        const file = await findUnreadable(one, [process.execPath, import.meta.filename]);
        return file === undefined ? undefined : `the user “${one.name}” cannot read ${file}`;
      }),
    ]);
    return problems.find((problem) => problem !== undefined);
  } catch (error) {
    return `the user “${user.name}” cannot work here: ${reportError(error).message}`;
  }
}

/** The first of the files that a user cannot read; undefined when the user can read them all. */
async function findUnreadable(user: AgentUser, files: string[]): Promise<string | undefined> {
  const script = 'for file do [ -r "$file" ] || { printf %s "$file"; exit 1; }; done';
  const { code, output, said } = await runAsAgent(user, script, files);
  if (code !== 0 && output.byteLength === 0) throw new Error(said);
  return code === 0 ? undefined : output.toString('utf8');
}

async function may(user: AgentUser, right: '-r' | '-w', file: string): Promise<boolean> {
  return (await runAsAgent(user, `[ ${right} "$1" ]`, [file])).code === 0;
}
