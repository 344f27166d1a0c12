import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SpawnOptions, SpawnedProcess } from '@anthropic-ai/claude-agent-sdk';
import type { AgentUsers } from '../homes/agent-users.ts';
import { asBoundAgent } from './bounds.ts';
import type { Bounds } from './bounds.ts';
import { readProcessTable } from './process-table.ts';
import { runAsAgent } from './shell.ts';
import type { AgentUser } from './user.ts';

/** The variable that marks every process of an agent, down to Chromium's. */
export const markVariable = 'SIDEPOCKET_AGENT';

/**
 * The mark of a session's processes: `WORKER_ID#boot/session@DATA_DIR`. The directory distinguishes
 * systems that run on one machine under one name.
 */
export function createMark(owner: string, session: string, dataDir: string): string {
  return `${owner}/${session}@${dataDir}`;
}

/** Whether a mark belongs to any boot of this worker. */
export function isOfWorker(mark: string, worker: string, dataDir: string): boolean {
  return mark.startsWith(`${worker}#`) && mark.endsWith(`@${dataDir}`);
}

/** Whether a mark belongs to this session, of any worker. */
export function isOfSession(mark: string, session: string, dataDir: string): boolean {
  return mark.endsWith(`/${session}@${dataDir}`);
}

/**
 * Starts Claude Code as the agent's user, or the worker's own, within its limits: as the leader of
 * a process group, so that ending the group ends everything in it.
 */
export function createSpawn(
  user: AgentUser | undefined,
  bounds: Bounds = {},
): (options: SpawnOptions) => SpawnedProcess {
  return ({ env, ...claude }) => {
    const { command, args, cwd } = asBoundAgent(user, bounds, claude);
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    });
    const { pid, kill } = child;
    // The SDK waits for the exit in several places at once, each with two listeners.
    child.setMaxListeners(50);
    child.kill = (signal) => {
      if (pid === undefined) return kill.call(child, signal);
      return killGroup(pid, signal ?? 'SIGTERM');
    };
    return child;
  };
}

function killGroup(pid: number, signal: NodeJS.Signals | number): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** How long killed processes may take to end (ms). */
const dyingMs = 2000;

/** The users whose processes are looked at; undefined means the worker's own user. */
export type MarkedUsers = Pick<AgentUsers, 'at' | 'has'> | undefined;

/**
 * Selects processes: those with a variable of this name, and with `users` only those of these
 * users, whose environment the worker itself may not read.
 */
export type Marked = { variable?: string; users?: MarkedUsers };

/**
 * Ends every process whose mark satisfies `matches`, such as the MCP servers, Chromium and commands
 * that a killed Claude Code leaves behind. Repeats until none is left, since a process may fork
 * while it is being ended. Returns how many there were. It reads `/proc`, so it finds none except
 * on Linux.
 */
export async function killMarked(
  matches: (mark: string) => boolean,
  marked: Marked = {},
): Promise<number> {
  const killed = new Set<number>();
  for (const deadline = Date.now() + dyingMs; Date.now() < deadline; await sleep(10)) {
    const found = (await findMarked(marked)).filter(({ mark }) => matches(mark));
    if (found.length === 0) break;
    for (const { pid } of found) {
      killed.add(pid);
      kill(pid);
    }
  }
  return killed.size;
}

/**
 * The same for a process that must exit now: one pass, and only over processes whose environment
 * this one may read.
 */
export function killMarkedNow(matches: (mark: string) => boolean, variable = markVariable): void {
  for (const { pid, mark } of findReadable(variable)) if (matches(mark)) kill(pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Every living process with a mark. */
export async function findMarked({ variable = markVariable, users }: Marked = {}): Promise<
  { pid: number; mark: string }[]
> {
  if (!users) return findReadable(variable);
  const living = new Set(readProcessTable().map(({ uid }) => uid));
  const found = [...living].filter(users.has).map((uid) => findMarkedOf(users.at(uid), variable));
  return (await Promise.all(found)).flat();
}

/**
 * Synchronous, because the kernel answers from memory, in some 20 µs per process: awaiting each
 * answer in turn would take many times as long as all of them.
 */
function findReadable(variable: string): { pid: number; mark: string }[] {
  const found: { pid: number; mark: string }[] = [];
  for (const entry of existsSync('/proc') ? readdirSync('/proc') : []) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const environment = readEnvironment(pid);
    const mark = environment.split('\0').find((line) => line.startsWith(`${variable}=`));
    if (mark) found.push({ pid, mark: mark.slice(variable.length + 1) });
  }
  return found;
}

/** Empty for a process that has ended or belongs to another user. */
function readEnvironment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

/**
 * Only a process's own user may read its environment, so this reads it as that user. The agent's
 * processes could tamper with that and report any id, so the result is limited to processes of that
 * user.
 */
async function findMarkedOf(
  user: AgentUser,
  variable: string,
): Promise<{ pid: number; mark: string }[]> {
  const { output } = await runAsAgent(
    user,
    'exec grep --null-data --no-messages --with-filename --only-matching --text "^$1=.*" /proc/[0-9]*/environ',
    [variable],
  );
  const told = [
    ...output.toString('latin1').matchAll(/\/proc\/(\d+)\/environ:\w+=([^\0]*)\0/g),
  ].map((match) => ({ pid: Number(match[1]), mark: match[2] ?? '' }));
  const own = await Promise.all(told.map(({ pid }) => isOf(pid, user)));
  return told.filter((_, index) => own[index]);
}

async function isOf(pid: number, user: AgentUser): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return new RegExp(`^Uid:\\s+${user.uid}\\s+${user.uid}\\s`, 'm').test(status);
}
