import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmod, chown, mkdir } from 'node:fs/promises';
import { accessSync, constants, readFileSync } from 'node:fs';
import path from 'node:path';
import { chooseAgentUser } from '../../worker/agent/sandbox/user.ts';
import type { AgentUser } from '../../worker/agent/sandbox/user.ts';
import { until } from './until.ts';

/** The agent's user here: one that every Linux has and that owns nothing. */
const agentName = 'nobody';
/** The worker's: another one, neither root nor the agent. */
const workerUid = 1;

const root = path.join(import.meta.dirname, '..', '..');
const rights = ['setuid', 'setgid', 'kill'].map((name) => `+${name}`).join(',');

/** Why a worker with an agent of its own user cannot be started here; undefined when it can. */
export function whyNotSeparate(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs Linux and root';
  try {
    accessSync('/usr/bin/setpriv', constants.X_OK);
    agentUser();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'needs setpriv';
  }
}

export function agentUser(): AgentUser {
  const { user, because } = chooseAgentUser(agentName, {
    passwd: readFileSync('/etc/passwd', 'utf8'),
    status: readFileSync('/proc/self/status', 'utf8'),
    uid: process.getuid?.(),
  });
  if (!user) throw new Error(because);
  return user;
}

export type SeparateWorker = {
  process: ChildProcess;
  pid: number;
  /** What it has written to its log so far. */
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<void>;
};

/**
 * Starts the real worker as it runs in the image: as a user of its own with the three capabilities
 * and nothing else, the agent as another. `environment` is the whole of it. The directory above
 * DATA_DIR is opened for passing through. `as` the agent, both are one user.
 */
export async function startSeparateWorker(
  environment: Record<string, string>,
  as: 'worker' | 'agent' = 'worker',
): Promise<SeparateWorker> {
  const dataDir = environment['DATA_DIR'] ?? '';
  const { uid, gid } = agentUser();
  const own = as === 'worker' ? { uid: workerUid, gid: workerUid } : { uid, gid };
  await chmod(path.dirname(dataDir), 0o711);
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  if (as === 'agent') execFileSync('chown', ['-Rh', `${uid}:${gid}`, dataDir]);
  else {
    // As docker/vm.sh leaves the volume.
    const script = path.join(root, 'worker', 'agent', 'homes', 'own-data.sh');
    execFileSync('sh', [script, dataDir, String(own.uid), String(uid)]);
    const sealed = path.join(dataDir, 'sealed');
    await mkdir(sealed, { recursive: true, mode: 0o700 });
    await chown(sealed, own.uid, own.gid);
  }
  const child = spawn(
    'setpriv',
    [
      '--reuid',
      String(own.uid),
      '--regid',
      String(own.gid),
      '--clear-groups',
      `--inh-caps=-all,${rights}`,
      `--ambient-caps=-all,${rights}`,
      `--bounding-set=-all,${rights}`,
      '--no-new-privs',
      '--',
      process.execPath,
      path.join(root, 'worker', 'main.ts'),
    ],
    {
      cwd: '/',
      env: { PATH: process.env['PATH'], AGENT_USER: agentName, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const { pid } = child;
  if (pid === undefined) throw new Error('the worker was not started');
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await until(
    'the worker',
    () => {
      if (child.exitCode !== null) throw new Error(`the worker has ended: ${output}`);
      return output.includes('the worker is ready');
    },
    60_000,
  );
  return {
    process: child,
    pid,
    output: () => output,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}
