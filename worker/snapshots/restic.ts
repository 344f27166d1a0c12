import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { head } from '../../shared/runtime/cut.ts';

/** Where snapshots are stored, and what opens it. None of it reaches the agent. */
export type SnapshotStore = {
  /** The address without the person's part, as restic reads it. */
  repository: string;
  password: string;
  /** For S3. */
  keyId?: string | undefined;
  keySecret?: string | undefined;
  region?: string | undefined;
  /** The directory for restic's cache, whose files are encrypted as in the repository. */
  cacheDir: string;
};

/**
 * Why restic failed: there is no repository or bucket at the address, the password is wrong,
 * another command holds the lock, or anything else, such as a store that does not answer.
 */
export type ResticFailureKind = 'absent' | 'refused' | 'locked' | 'away';

export class ResticFailure extends Error {
  override name = 'ResticFailure';
  readonly kind: ResticFailureKind;
  constructor(kind: ResticFailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

export type ResticCommand = {
  /** The id of the person: each has a repository of their own. */
  person: string;
  args: string[];
  /** Gives up the command, which then removes its lock. */
  signal?: AbortSignal | undefined;
  /** How long it may take (ms). */
  timeoutMs?: number;
};

/** How long a command that moves no files may take (ms): a distant store answers in seconds. */
const briefMs = 120_000;
/** How long after being asked to end a command is killed (ms). */
const killMs = 5000;
/** How much output is kept (bytes). */
const mostOutput = 16 * 2 ** 20;

/** Runs commands of restic on people's repositories. */
export type Restic = {
  /** Runs a command and returns its output. Throws ResticFailure. */
  run(command: ResticCommand, input?: Readable): Promise<string>;
  /** Starts a command whose output is another process's input; `ended` throws ResticFailure. */
  start(command: ResticCommand): { output: Readable; ended: Promise<void> };
};

export function createRestic(store: SnapshotStore): Restic {
  const environmentOf = (person: string): NodeJS.ProcessEnv => ({
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LC_ALL: 'C',
    TZ: 'UTC',
    RESTIC_REPOSITORY: repositoryOf(store.repository, person),
    RESTIC_PASSWORD: store.password,
    RESTIC_CACHE_DIR: store.cacheDir,
    ...(store.keyId === undefined ? {} : { AWS_ACCESS_KEY_ID: store.keyId }),
    ...(store.keySecret === undefined ? {} : { AWS_SECRET_ACCESS_KEY: store.keySecret }),
    ...(store.region === undefined ? {} : { AWS_DEFAULT_REGION: store.region }),
  });
  const launch = (
    { person, args, signal, timeoutMs = briefMs }: ResticCommand,
    input: Readable | 'ignore',
  ): { child: ChildProcess; ended: Promise<void> } => {
    if (signal?.aborted) throw new ResticFailure('away', 'it was given up');
    // Secrets are in the environment, which another user's processes cannot read.
    const child = spawn('nice', ['-n', '19', 'restic', ...args], {
      cwd: '/',
      env: environmentOf(person),
      stdio: [input, 'pipe', 'pipe'],
    });
    // Only the command reads it: when it ends, who writes learns of it.
    if (input !== 'ignore') input.destroy();
    const said: Buffer[] = [];
    child.stderr?.on('data', (chunk: Buffer) => {
      said.push(chunk);
      if (said.length > 100) said.shift();
    });
    const end = (): void => {
      child.kill('SIGINT');
      setTimeout(() => child.kill('SIGKILL'), killMs).unref();
    };
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, timeoutMs);
    signal?.addEventListener('abort', end, { once: true });
    const ended = (async () => {
      const code = await new Promise<number | null>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', resolve);
      }).finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
      });
      if (signal?.aborted) throw new ResticFailure('away', 'it was given up');
      if (code === 127) throw new ResticFailure('away', 'restic is not installed');
      if (code === 0) return;
      const text = hide(Buffer.concat(said).toString('utf8'), store);
      // What restic says then is that it was interrupted.
      if (isLate)
        throw new ResticFailure('away', `the store has not done it in ${timeoutMs / 1000} s`);
      throw new ResticFailure(kindOf(text), head(firstLine(text) || `restic: ${code}`, 300));
    })();
    return { child, ended };
  };
  return {
    async run(command, input) {
      const { child, ended } = launch(command, input ?? 'ignore');
      const output: Buffer[] = [];
      let size = 0;
      child.stdout?.on('data', (chunk: Buffer) => {
        size += chunk.byteLength;
        if (size <= mostOutput) output.push(chunk);
      });
      await ended;
      return Buffer.concat(output).toString('utf8');
    },
    start(command) {
      const { child, ended } = launch(command, 'ignore');
      ended.catch(() => undefined);
      if (!child.stdout) throw new Error('restic has no output');
      return { output: child.stdout, ended };
    },
  };
}

/** The address of a person's repository. */
export function repositoryOf(repository: string, person: string): string {
  const address = `${repository.replace(/(?<!\/)\/+$/, '')}/${person}`;
  return address.startsWith('rest:') ? `${address}/` : address;
}

/** What went wrong, by restic's words: each failure ends with the same exit code. */
function kindOf(text: string): ResticFailureKind {
  if (/unable to open config file: .*(?:no such file or directory|does not exist)/i.test(text))
    return 'absent';
  if (/wrong password or no key found/.test(text)) return 'refused';
  return /already locked/.test(text) ? 'locked' : 'away';
}

/** Blanks what opens the store, and the credentials of an address. */
function hide(text: string, { password, keyId, keySecret }: SnapshotStore): string {
  const secrets = [password, keyId, keySecret].filter((secret) => secret !== undefined);
  return secrets
    .reduce((shown, secret) => shown.replaceAll(secret, '…'), text)
    .replaceAll(/\/\/[^/@\s]*@/g, '//…@');
}

function firstLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return (lines.find((line) => line.startsWith('Fatal:')) ?? lines[0] ?? '').trim();
}
