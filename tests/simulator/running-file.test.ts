import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { formatEnd, startChild } from '../../simulator/child-process.ts';
import { claimRunningFile } from '../../simulator/running-file.ts';
import type { RunningFile } from '../../simulator/running-file.ts';
import { runSimulator } from '../../simulator/simulator.ts';
import { until } from '../support/until.ts';

const addresses = { phoneUrl: 'http://127.0.0.1:4040', relayUrl: 'x', redisUrl: 'y' };

/** The directory of a system, thrown away at the end. */
async function withDirectory(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-running-'));
  try {
    await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Claims as another start would; this process counts as a system. */
function claim(dir: string, change: { say?: (line: string) => void; patienceMs?: number } = {}) {
  return claimRunningFile({
    file: path.join(dir, 'running.json'),
    program: 'node',
    say: () => undefined,
    patienceMs: 0,
    ...change,
  });
}

test('one system has a directory, from before its start until after its stop', () =>
  withDirectory(async (dir) => {
    const first = await claim(dir);
    await expect(claim(dir)).rejects.toThrow(/is starting here already, as process \d+/);
    await first.announce(addresses);
    await expect(claim(dir)).rejects.toThrow('is running here already: http://127.0.0.1:4040');
    expect(JSON.parse(await readFile(path.join(dir, 'running.json'), 'utf8'))).toMatchObject({
      ...addresses,
      pid: process.pid,
    });
    await first.stopping();
    await expect(claim(dir)).rejects.toThrow(/is still stopping, as process \d+/);
    await first.release();
    await (await claim(dir)).release();
    expect(await readdir(dir)).toEqual([]);
  }));

test('a start during a stop waits for its end, and says so once', () =>
  withDirectory(async (dir) => {
    const first = await claim(dir);
    await first.stopping();
    const said: string[] = [];
    let second: RunningFile | undefined;
    const waiting = claim(dir, { say: (line) => said.push(line), patienceMs: 600_000 }).then(
      (claimed) => (second = claimed),
    );
    await until('that it waits', () => said.length > 0);
    expect(second).toBeUndefined();
    await first.release();
    await (await waiting).release();
    expect(said).toEqual(['The Sidepocket that ran here is still stopping. Waiting for its end …']);
  }));

test('what a killed system has left, or a number that is another program’s now, does not count', () =>
  withDirectory(async (dir) => {
    const ended = spawn('true');
    await once(ended, 'exit');
    const other = spawn('sleep', ['600']);
    try {
      for (const pid of [ended.pid, other.pid]) {
        for (const content of [
          { pid, state: 'running', ...addresses },
          { pid, ...addresses },
          { pid, state: 'stopping' },
        ]) {
          await writeFile(path.join(dir, 'running.json'), JSON.stringify(content));
          await expect(claim(dir)).resolves.toBeDefined();
        }
      }
    } finally {
      other.kill();
    }
    await writeFile(path.join(dir, 'running.json'), '{"pid":');
    await (await claim(dir)).release();
  }));

test('a variable that is wrong for either process is said before anything is started', () =>
  withDirectory(async (dir) => {
    const start = (environment: Record<string, string>) =>
      runSimulator({
        dir,
        model: {},
        searchPath: '/nowhere',
        idleMinutes: 1,
        environment,
        ports: { phone: 0, relay: 0, worker: 0 },
        log: createLog('test', 'silent'),
      });
    await expect(start({ ANSWER_MINUTES: 'abc' })).rejects.toThrow(
      'ANSWER_MINUTES: must be a number of minutes',
    );
    await expect(start({ ADMIN_WRITE: 'yes' })).rejects.toThrow('ADMIN_WRITE: must be 1 or 0');
    expect(await readdir(dir)).toEqual([]);
  }));

test('a process that ends is told with its reason, of a plain sentence or of its log', () =>
  withDirectory(async (dir) => {
    const logFile = path.join(dir, 'relay.log');
    const child = startChild({
      entry: 'relay/main.ts',
      environment: {},
      searchPath: process.env['PATH'] ?? '',
      logFile,
    });
    const lines = formatEnd('relay', await child.exited, { reason: child.reason(), logFile });
    expect(lines.split('\n')).toEqual([
      'The relay has ended (exit code 1).',
      'The environment is not complete:',
      ...Array.from({ length: 6 }, () => expect.stringMatching(/^ {2}[A-Z_]+: is missing$/)),
      expect.stringContaining('.env.example'),
      `Its log: ${logFile}`,
    ]);
    const entry = path.relative(path.join(import.meta.dirname, '../..'), path.join(dir, 'a.ts'));
    const fatal = { level: 'fatal', time: 'now', msg: 'could not start: no “disk”' };
    const script = `console.log(${JSON.stringify(JSON.stringify(fatal))}); process.kill(process.pid, 'SIGKILL');`;
    await writeFile(path.join(dir, 'a.ts'), script);
    const second = startChild({ entry, environment: {}, searchPath: '', logFile });
    expect(formatEnd('worker', await second.exited, { reason: second.reason(), logFile })).toBe(
      `The worker has ended (SIGKILL).\ncould not start: no “disk”\nIts log: ${logFile}`,
    );
  }));
