import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { runScriptedModel } from '../../simulator/model/scripted-model.ts';
import { startChild, untilReady } from '../../simulator/child-process.ts';
import type { Child } from '../../simulator/child-process.ts';
import { freePort } from '../../simulator/free-port.ts';
import { readProcessTable } from '../../worker/agent/sandbox/process-table.ts';
import { scaled } from '../support/machine-speed.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import { homeOf } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const root = path.join(import.meta.dirname, '..', '..');
const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const notHere = isRoot ? '' : ' (not here: needs Linux and root)';
/** How many ids people have at most, from the first person's on. */
const blockSize = 1024;
const ofUser = (uid: number): number[] =>
  readProcessTable()
    .filter((entry) => entry.uid >= uid && entry.uid < uid + blockSize)
    .map(({ pid }) => pid);

test.skipIf(!isRoot)(
  `as root the agent is a user that was picked; two workers on one directory pick the same and end nothing of each other${notHere}`,
  { tags: 'long' },
  async () => {
    const model = await runScriptedModel({ quiet: true });
    const workers: Child[] = [];
    try {
      await withPipeline({}, async (pipeline) => {
        const start = async (
          id: string,
          conversations: number,
        ): Promise<Child & { logFile: string }> => {
          const port = await freePort(0);
          // With room for no more processes than conversations no prewarmed process is started,
          // which would take as long as one at work.
          const logFile = path.join(path.dirname(pipeline.dataDir), `${id}.log`);
          const child = startChild({
            entry: 'worker/main.ts',
            logFile,
            searchPath: process.env['PATH'] ?? '',
            environment: {
              ...pipeline.environment,
              PORT: String(port),
              WORKER_ID: id,
              ANTHROPIC_BASE_URL: model.url,
              MAX_LIVE_AGENTS: String(conversations),
            },
          });
          workers.push(child);
          await untilReady(child, `http://127.0.0.1:${port}/health`, logFile);
          return { ...child, logFile };
        };
        const first = await start('one', 2);
        await pipeline.say(
          'run echo "$USER $LOGNAME $HOME"; id -u; stat -c %a ~; git init -q r && cd r && git commit -q --allow-empty -m x && git log --format=%an; env -i setsid sleep 1001 > /dev/null 2>&1 &',
        );
        const reply = await until('an answer', () => pipeline.replies()[0], 60_000);
        const home = await homeOf(pipeline);
        const { uid } = await stat(home);
        expect(uid).toBeGreaterThanOrEqual(0x70_00_00_00);
        expect(reply.text).toContain(`agent agent ${home}/home\n${uid}\n700\nClaude`);
        const daemon = readProcessTable().find(
          (entry) => entry.uid === uid && entry.parent === 1,
        )?.pid;
        if (daemon === undefined) throw new Error('no daemon');

        // Another one boots while the first works.
        await pipeline.say('run echo begun > begun; sleep 1002', otherPhone);
        await until('the work', async () => (await lines(uid)).includes('sleep 1002'), 60_000);
        const before = ofUser(uid);
        const second = await start('two', 1);
        expect((await stat(home)).uid).toBe(uid);
        expect((await stat(await homeOf(pipeline, otherPhone))).uid).toBe(uid + 1);
        expect(ofUser(uid)).toEqual(expect.arrayContaining(before));

        // The stop of the one ends what it has started, and nothing of the other's: a conversation
        // goes on there.
        await pipeline.say('stop', otherPhone);
        await until('the stop', () =>
          pipeline.replies(otherPhone).some(({ text }) => text.startsWith('Stopped')),
        );
        expect(ofUser(uid)).toContain(daemon);
        await first.stop();
        expect(ofUser(uid).filter((pid) => before.includes(pid))).toEqual([]);

        // What a worker leaves that is killed itself is ended by the next, whatever its name.
        await pipeline.say(
          'run env -i setsid sleep 1003 > /dev/null 2>&1 & echo still there',
          phone,
        );
        await until(
          'another answer',
          () => pipeline.replies().some(({ text }) => text.includes('still there')),
          60_000,
        );
        await until(
          'what is to be left',
          async () => (await lines(uid)).includes('sleep 1003'),
          60_000,
        );
        second.process.kill('SIGKILL');
        await second.exited;
        await start('three', 1);
        expect(await lines(uid)).not.toContain('sleep 1003');
        expect(await readFile(first.logFile, 'utf8')).toContain(
          'the agent runs as a user of its own',
        );
        await Promise.all(workers.map((worker) => worker.stop()));
        expect(ofUser(uid)).toEqual([]);
      });
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
      await model.stop();
    }
  },
);

async function lines(uid: number): Promise<string[]> {
  return await Promise.all(
    ofUser(uid).map(async (pid) =>
      (await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => ''))
        .replaceAll('\0', ' ')
        .trim(),
    ),
  );
}

const Lock = z.object({
  packages: z.record(z.string(), z.object({ dev: z.boolean().optional() })),
});

/**
 * What is run of the packages: a third of their files is for development alone, and the worker
 * links each of them.
 */
async function usedPackages(): Promise<string[]> {
  const directory = path.join(root, 'node_modules');
  const { packages } = Lock.parse(
    JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8')),
  );
  const isUsed = (name: string): boolean =>
    name !== '.cache' && packages[`node_modules/${name}`]?.dev !== true;
  return (await readdir(directory)).filter(isUsed).map((name) => path.join(directory, name));
}

test.skipIf(!isRoot)(
  `npm start works as root in a place that the agent’s user may not enter, and says where its files lie${notHere}`,
  { tags: 'long' },
  async () => {
    const closed = await mkdtemp(path.join(tmpdir(), 'sidepocket-closed-'));
    const checkout = path.join(closed, 'checkout');
    let place: string | undefined;
    let programs: string | undefined;
    try {
      const packages = path.join(checkout, 'node_modules');
      await mkdir(packages, { recursive: true });
      const parts = ['package.json', 'package-lock.json', 'relay', 'worker', 'shared', 'simulator'];
      await run('cp', ['-al', ...parts.map((name) => path.join(root, name)), checkout]);
      await run('cp', ['-al', ...(await usedPackages()), packages]);
      const child = spawn(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', 'simulator/main.ts'],
        { cwd: checkout, env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'pipe'] },
      );
      const ended = once(child, 'close');
      try {
        let output = '';
        for (const stream of [child.stdout, child.stderr])
          stream.setEncoding('utf8').on('data', (text: string) => (output += text));
        await until('the start', () => output.includes('Ctrl-C stops everything'), 60_000);
        const told =
          /Agent {7}a user of its own, number (\d+), with its files in (\S+) and copies of the programs in (\S+)/.exec(
            output,
          );
        [, , place, programs] = told ?? [];
        expect(told?.[2]).toBe(await realpath(path.join(checkout, '.sidepocket', 'data')));
        const asked = 'run id -u; pwd; readlink /proc/$PPID/exe; ls ' + closed;
        const { stdout } = await run(process.execPath, ['simulator/send.ts', asked], {
          cwd: checkout,
          timeout: scaled(60_000),
        });
        const where = /^(\d+)\n(\S+)\n(\S+)\n/m.exec(stdout) ?? [];
        expect([...where.slice(1), ...(where.length > 0 ? [] : [stdout])]).toEqual([
          told?.[1],
          expect.stringMatching(`^${place}/people/p-\\w+/workspaces/15551230001$`),
          expect.stringContaining(`${programs}/node_modules/@anthropic-ai/`),
        ]);
        expect(stdout).toContain('Permission denied');
      } finally {
        child.kill('SIGTERM');
        await ended;
      }
    } finally {
      const made = [
        closed,
        ...(place ? [path.dirname(place)] : []),
        ...(programs ? [programs] : []),
      ];
      await Promise.all(
        made.map((directory) => rm(directory, { recursive: true, force: true, maxRetries: 5 })),
      );
    }
  },
);

test.skipIf(!isRoot)(
  `root without the right to be another user does not start, but where AGENT_USER says root${notHere}`,
  { tags: 'long' },
  async () => {
    await withPipeline({ relay: false }, async ({ environment }) => {
      const port = await freePort(0);
      const start = (more: Record<string, string>) =>
        spawn(
          'setpriv',
          [
            '--bounding-set=-setuid',
            '--inh-caps=-setuid',
            '--',
            process.execPath,
            path.join(root, 'worker', 'main.ts'),
          ],
          {
            cwd: '/',
            env: {
              PATH: process.env['PATH'],
              HOME: '/root',
              ...environment,
              ...more,
              PORT: String(port),
            },
          },
        );
      const refused = start({});
      let output = '';
      refused.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
      expect(await once(refused, 'close')).toEqual([1, null]);
      expect(output).toMatch(/AGENT_USER: .*The agent must not be root; set AGENT_USER=root/);
      const allowed = start({ AGENT_USER: 'root' });
      let log = '';
      allowed.stdout.setEncoding('utf8').on('data', (text: string) => (log += text));
      const ended = once(allowed, 'close');
      try {
        await until('a worker', () => log.includes('the worker is ready'), 60_000);
        expect(log).toContain('THE AGENT RUNS AS ROOT');
      } finally {
        allowed.kill('SIGTERM');
        await ended;
      }
    });
  },
);
