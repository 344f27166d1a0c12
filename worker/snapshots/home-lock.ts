import { spawn } from 'node:child_process';

/**
 * Runs a step while no other worker on this machine runs one under the same file: `flock` holds the
 * lock until its input ends, which also happens when this process is killed. Throws when the lock
 * cannot be had within `patienceMs`.
 */
export async function withHomeLock<T>(
  file: string,
  step: () => Promise<T>,
  patienceMs = 3600_000,
): Promise<T> {
  const wait = String(Math.ceil(patienceMs / 1000));
  const child = spawn('flock', ['-w', wait, file, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.stdout.once('data', () => resolve());
      child.once('close', () => reject(new Error(`${file} is locked by another worker`)));
    });
    return await step();
  } finally {
    child.stdin.end();
    await ended;
  }
}
