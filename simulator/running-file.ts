import { execFile } from 'node:child_process';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { SetupError } from '../shared/runtime/errors.ts';

/** What a running system tells other processes. */
type Addresses = { phoneUrl: string; relayUrl: string; redisUrl: string };

/**
 * The claim of a directory, whose data two systems cannot share. It stands in a file from before
 * the start until after the stop, since both take seconds and a second system would end the first
 * one's processes.
 */
export type RunningFile = {
  /** Other processes find the system at these addresses. */
  announce(addresses: Addresses): Promise<void>;
  /** The stop has begun: another start may wait for its end. */
  stopping(): Promise<void>;
  release(): Promise<void>;
};

const Content = z.looseObject({
  pid: z.int().positive(),
  /** An earlier version wrote none. */
  state: z.enum(['starting', 'running', 'stopping']).default('running'),
  phoneUrl: z.string().optional(),
});
type Content = z.infer<typeof Content>;

export type ClaimOptions = {
  /** The path of the file; its directory is created. */
  file: string;
  /** The part of the command line by which a process counts as such a system. */
  program: string;
  /** Is called once when another system is being waited for, with a sentence. */
  say: (line: string) => void;
  /** How long a system that stops is waited for (ms). */
  patienceMs: number;
  /** Ends the wait: throws its reason. */
  signal?: AbortSignal;
};

/** How often the end of a stopping system is looked for (ms). */
const pollMs = 100;

/**
 * Claims the directory of `file` for this process; waits for a system that is stopping. What a
 * killed system has left does not count. Throws SetupError when another system has the directory.
 */
export async function claimRunningFile(options: ClaimOptions): Promise<RunningFile> {
  const { file, program, say, patienceMs, signal } = options;
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const deadline = Date.now() + patienceMs;
  let hasSaid = false;
  while (!(await create(file))) {
    const holder = await read(file);
    if (holder === undefined) continue;
    if (!(await isAlive(holder, program))) {
      await rm(file, { force: true });
      continue;
    }
    if (holder.state !== 'stopping' || Date.now() > deadline)
      throw new SetupError(refusals[holder.state](holder));
    if (!hasSaid) say('The Sidepocket that ran here is still stopping. Waiting for its end …');
    hasSaid = true;
    signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  let addresses: Partial<Addresses> = {};
  const note = async (state: Content['state']): Promise<void> => {
    const draft = await writeDraft(file, { ...addresses, pid: process.pid, state });
    await rename(draft, file);
  };
  return {
    announce(running) {
      addresses = running;
      return note('running');
    },
    stopping: () => note('stopping'),
    release: () => rm(file, { force: true }),
  };
}

const refusals: Record<Content['state'], (holder: Content) => string> = {
  starting: ({ pid }) => `Sidepocket is starting here already, as process ${pid}.`,
  running: ({ phoneUrl }) => `Sidepocket is running here already: ${phoneUrl}`,
  stopping: ({ pid }) =>
    `The Sidepocket that ran here is still stopping, as process ${pid}. Try again when it has ended.`,
};

/**
 * Writes the content beside the file, so that the file never shows half of it. Returns its path.
 */
async function writeDraft(file: string, content: Content): Promise<string> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify(content));
  return draft;
}

/** Creates the file for this process. Returns whether there was none. */
async function create(file: string): Promise<boolean> {
  const draft = await writeDraft(file, { pid: process.pid, state: 'starting' });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** The system that holds the file: pid 0 when it is not readable; undefined when it is gone. */
async function read(file: string): Promise<Content | undefined> {
  try {
    return Content.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return isGone ? undefined : { pid: 0, state: 'running' };
  }
}

/**
 * Whether the process runs and is such a system: after a restart of the machine its number is
 * another program's.
 */
async function isAlive({ pid }: Content, program: string): Promise<boolean> {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(
    () => ({ stdout: program }),
  );
  return stdout.includes(program);
}
