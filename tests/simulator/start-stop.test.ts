import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { createPhoneClient } from '../../simulator/phone/phone-client.ts';
import { findMarked } from '../../worker/agent/sandbox/processes.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

const root = path.join(import.meta.dirname, '../..');

const Package = z.object({ scripts: z.object({ start: z.string() }) });

/**
 * A clone with the packages of this one. Its start leaves the set-up out, which could install other
 * packages over these.
 */
async function withClone(use: (clone: string) => Promise<void>): Promise<void> {
  const clone = await realpath(await mkdtemp(path.join(tmpdir(), 'sidepocket-clone-')));
  try {
    await chmod(clone, 0o755);
    const { scripts } = Package.parse(
      JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')),
    );
    const start = scripts.start.replace('sh simulator/setup.sh && ', '');
    const own = { type: 'module', private: true, scripts: { start } };
    await writeFile(path.join(clone, 'package.json'), JSON.stringify(own));
    const parts = ['relay', 'worker', 'shared', 'simulator'];
    await promisify(execFile)('cp', ['-al', ...parts.map((name) => path.join(root, name)), clone]);
    await symlink(path.join(root, 'node_modules'), path.join(clone, 'node_modules'));
    await use(clone);
  } finally {
    await rm(clone, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The processes that a system in this clone has started: its own ones and Claude's. */
async function findStarted(clone: string): Promise<string[]> {
  const dir = path.join(clone, '.sidepocket');
  const own = await findMarked({ variable: 'SIDEPOCKET_LOCAL' });
  const found = [
    ...own.filter(({ mark }) => mark === dir),
    ...(await findMarked()).filter(({ mark }) => mark.endsWith(`@${dir}/data`)),
  ];
  return found.map(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
    } catch {
      return '';
    }
  });
}

/** A start in a process group of its own, as a terminal makes it. */
function start(clone: string, command: string, args: string[]) {
  const isRoot = process.getuid?.() === 0;
  const child = spawn(command, args, {
    cwd: clone,
    env: {
      PATH: `${path.dirname(process.execPath)}:${process.env['PATH']}`,
      HOME: clone,
      ...(isRoot ? { AGENT_USER: 'root' } : {}),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const run = { pid: child.pid ?? 0, output: '', ended: once(child, 'exit') };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (run.output += text));
  return run;
}

const directly = ['--disable-warning=ExperimentalWarning', 'simulator/main.ts'];

/** Has Claude run a command that takes long, and returns when it runs. */
async function keepBusy(clone: string, run: { output: string }): Promise<void> {
  await until(`the start: ${run.output}`, () => run.output.includes('Ctrl-C stops everything'));
  const phoneUrl = /Phone +(\S+)/.exec(run.output)?.[1] ?? '';
  await createPhoneClient(phoneUrl).send('+15551230001', {
    text: 'run until test -e never; do sleep 0.1; done',
  });
  const isBusy = async (): Promise<boolean> =>
    (await findStarted(clone)).some((command) => command.includes('test -e never'));
  await until('the command', isBusy);
}

test(
  'SIGINT to npm start’s process ends all that it has started, also while Claude works and during the start',
  { tags: 'long' },
  async () => {
    await withClone(async (clone) => {
      const run = start(clone, process.execPath, directly);
      await keepBusy(clone, run);
      const began = performance.now();
      process.kill(run.pid, 'SIGINT');
      expect(await run.ended).toEqual([0, null]);
      expect(performance.now() - began).toBeLessThan(scaled(10_000));
      expect(await findStarted(clone)).toEqual([]);

      const next = start(clone, process.execPath, directly);
      await until('Redis', async () =>
        (await findStarted(clone)).some((command) => command.includes('redis-server')),
      );
      process.kill(next.pid, 'SIGINT');
      expect(await next.ended).toEqual([0, null]);
      expect(next.output).not.toContain('Ctrl-C stops everything');
      expect(await findStarted(clone)).toEqual([]);
    });
  },
);

test(
  'Ctrl-C in the terminal of npm start stops in order; pressed twice it ends all at once',
  { tags: 'long' },
  async () => {
    await withClone(async (clone) => {
      const run = start(clone, 'npm', ['start']);
      await keepBusy(clone, run);
      // npm passes the signal on, which the process has got already.
      process.kill(-run.pid, 'SIGINT');
      expect(await run.ended).toEqual([0, null]);
      expect(await findStarted(clone)).toEqual([]);

      const next = start(clone, 'npm', ['start']);
      await keepBusy(clone, next);
      process.kill(-next.pid, 'SIGINT');
      await until('that it stops', () => next.output.includes('Stopping …'));
      process.kill(-next.pid, 'SIGTERM');
      expect(await next.ended).not.toEqual([0, null]);
      await until('that nothing is left', async () => (await findStarted(clone)).length === 0);
    });
  },
);
