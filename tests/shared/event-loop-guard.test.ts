import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { guardTimes } from '../../shared/runtime/event-loop-guard.ts';
import { until } from '../support/until.ts';

const program = path.join(import.meta.dirname, '..', 'support', 'guarded-main.ts');

/** Thirty ticks as in production, each of this time (ms). */
const tickMs = 50;
const wholeMs = tickMs * guardTimes.mostTicks;

type Guarded = { child: ChildProcess; output: () => string; exited: Promise<unknown[]> };

/** Runs a guarded process that freezes in this way, or not at all, for as long as `use` takes. */
async function withGuarded(
  kind: string,
  use: (guarded: Guarded) => Promise<void>,
  flags: string[] = [],
): Promise<void> {
  const child = spawn(
    process.execPath,
    [
      ...flags,
      '--disable-warning=ExperimentalWarning',
      program,
      kind,
      String(tickMs),
      String(guardTimes.mostTicks),
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const exited = once(child, 'exit');
  try {
    await use({ child, output: () => output, exited });
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}

const isAlive = ({ child }: Guarded): boolean =>
  child.exitCode === null && child.signalCode === null;
const hasProc = existsSync('/proc/self/task');
const guardScript = path.join(
  import.meta.dirname,
  '..',
  '..',
  'shared',
  'runtime',
  'event-loop-guard.sh',
);
const guardOf = ({ child: { pid } }: Guarded): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
const dots = ({ output }: Guarded): number => output().split('.').length;

test.each(['spin', 'regex', 'block'])(
  'a process whose event loop stands still (%s) is ended, and the log says why',
  async (kind) => {
    await withGuarded(kind, async ({ exited, output }) => {
      expect(await exited).toEqual([null, 'SIGKILL']);
      const line: unknown = JSON.parse(/\{"level":"fatal".*\}/.exec(output())?.[0] ?? '');
      expect(line).toMatchObject({
        level: 'fatal',
        name: 'guarded',
        ticks: 30,
        msg: 'the event loop made no progress: the process is ended',
      });
    });
  },
);

describe.concurrent('a process lives on', () => {
  test('that was stopped for longer than the guard waits', { tags: 'long' }, async () => {
    await withGuarded('none', async (guarded) => {
      await until('its work', () => dots(guarded) > 5);
      guarded.child.kill('SIGSTOP');
      await sleep(2 * wholeMs);
      guarded.child.kill('SIGCONT');
      const before = dots(guarded);
      await until('its work goes on', () => dots(guarded) > before + 20);
      expect(isAlive(guarded)).toBe(true);
    });
  });

  test.skipIf(!hasProc)(
    'whose guard was stopped with it, as on a machine that was suspended (needs /proc)',
    { tags: 'long' },
    async () => {
      await withGuarded('none', async (guarded) => {
        await until('its work', () => dots(guarded) > 5);
        const guard = guardOf(guarded);
        for (const signal of ['SIGSTOP', 'SIGCONT'] as const) {
          guarded.child.kill(signal);
          process.kill(guard, signal);
          if (signal === 'SIGSTOP') await sleep(2 * wholeMs);
        }
        const before = dots(guarded);
        await until('its work goes on', () => dots(guarded) > before + 20);
        expect(isAlive(guarded)).toBe(true);
      });
    },
  );

  test('that stands still while it is being debugged', { tags: 'long' }, async () => {
    await withGuarded(
      'block',
      async (guarded) => {
        await until('the begin', () => guarded.output().includes('.'));
        await sleep(2 * wholeMs);
        expect(isAlive(guarded)).toBe(true);
      },
      ['--inspect=127.0.0.1:0'],
    );
  });
});

test('a healthy process lives on beside two busy loops', { tags: 'long' }, async () => {
  const busy = [1, 2].map(() => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
  try {
    await withGuarded('none', async (guarded) => {
      await until('its work', () => dots(guarded) > 2);
      await sleep(2 * wholeMs);
      expect(isAlive(guarded)).toBe(true);
    });
  } finally {
    for (const child of busy) child.kill('SIGKILL');
  }
});

test(
  'after it was stopped in the middle of a silence the guard starts anew',
  { tags: 'long' },
  async () => {
    const watched = spawn('sleep', ['60'], { stdio: 'ignore' });
    const ended = once(watched, 'exit');
    const guard = spawn(
      'bash',
      [
        guardScript,
        String(watched.pid),
        String(tickMs / 1000),
        String(guardTimes.mostTicks),
        'watched',
      ],
      { stdio: ['pipe', 'ignore', 'ignore'] },
    );
    try {
      guard.stdin.write('+');
      await sleep(8 * tickMs);
      guard.kill('SIGSTOP');
      await sleep(2500);
      const wokenAt = performance.now();
      guard.kill('SIGCONT');
      expect(await ended).toEqual([null, 'SIGKILL']);
      // All of its ticks and the second that the line of the log is given.
      expect(performance.now() - wokenAt).toBeGreaterThan(wholeMs + 1000);
    } finally {
      watched.kill('SIGKILL');
      guard.kill('SIGKILL');
    }
  },
);

test.skipIf(!hasProc)('the guard ends with its process (needs /proc)', async () => {
  let guard = 0;
  await withGuarded('none', async (guarded) => {
    await until('its work', () => dots(guarded) > 2);
    guard = guardOf(guarded);
    expect(readFileSync(`/proc/${guard}/cmdline`, 'utf8')).toContain('event-loop-guard.sh');
  });
  await until('the end of the guard', () => {
    try {
      process.kill(guard, 0);
      return false;
    } catch {
      return true;
    }
  });
});
