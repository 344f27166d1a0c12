import { spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SpawnOptions, SpawnedProcess } from '@anthropic-ai/claude-agent-sdk';

/** The variable by which every process of an agent, down to Chromium's, is known as such. */
export const markVariable = 'SIDEPOCKET_AGENT';

/**
 * The mark of a session's processes: `WORKER_ID#boot/session@DATA_DIR`. The directory tells systems apart that run on one machine under one name.
 */
export function createMark(owner: string, session: string, dataDir: string): string {
  return `${owner}/${session}@${dataDir}`;
}

/** Whether a mark is of some boot of this worker. */
export function isOfWorker(mark: string, worker: string, dataDir: string): boolean {
  return mark.startsWith(`${worker}#`) && mark.endsWith(`@${dataDir}`);
}

/** Whether a mark is of this session, whoever works it. */
export function isOfSession(mark: string, session: string, dataDir: string): boolean {
  return mark.endsWith(`/${session}@${dataDir}`);
}

/** Starts Claude Code as the leader of a process group of its own, so that ending the group ends the tools it has running. */
export function spawnAgent({ command, args, cwd, env }: SpawnOptions): SpawnedProcess {
  const child = spawn(command, args, { cwd, env, stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  const { pid } = child;
  const { kill } = child;
  child.kill = (signal) => {
    if (pid === undefined) return kill.call(child, signal);
    return killGroup(pid, signal ?? 'SIGTERM');
  };
  return child;
}

function killGroup(pid: number, signal: NodeJS.Signals | number): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** How long killed processes may take to be gone (ms). */
const dyingMs = 2000;

/**
 * Ends every process that carries a mark for which `matches` says yes: what a killed Claude Code leaves behind (MCP servers, Chromium, commands).
 * Looks again until none is left, since a process may start another while it is being ended. Returns how many there were. It reads `/proc`, so
 * elsewhere than on Linux it finds none.
 */
export async function killMarked(matches: (mark: string) => boolean, variable: string = markVariable): Promise<number> {
  const killed = new Set<number>();
  for (const deadline = Date.now() + dyingMs; Date.now() < deadline; await sleep(10)) {
    const found = (await findMarked(variable)).filter(({ mark }) => matches(mark));
    if (found.length === 0) break;
    for (const { pid } of found) {
      killed.add(pid);
      kill(pid);
    }
  }
  return killed.size;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Every living process with a mark: a variable of this name in its environment. */
export async function findMarked(variable: string = markVariable): Promise<{ pid: number; mark: string }[]> {
  const found: { pid: number; mark: string }[] = [];
  const entries = await readdir('/proc').catch(() => []);
  for (const entry of entries) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const environment = await readFile(`/proc/${entry}/environ`, 'latin1').catch(() => '');
    const mark = environment.split('\0').find((line) => line.startsWith(`${variable}=`));
    if (mark) found.push({ pid, mark: mark.slice(variable.length + 1) });
  }
  return found;
}
