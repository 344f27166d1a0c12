import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { compiledDirectory } from '../../shared/runtime/compile-cache.ts';
import type { ProjectCopy } from './project-copy.ts';

/**
 * How a test file ended: `green`, all of its tests passed; `red`, one failed; `late`, it did not
 * end in time and was ended; `broken`, it says nothing, since the code could not be loaded or no
 * test ran.
 */
export type TestEnd =
  { kind: 'green' | 'late'; ms: number } | { kind: 'red' | 'broken'; ms: number; reason: string };

export type TestRun = {
  test: string;
  named?: string | undefined;
  limitMs: number;
  slowness: number;
  searchPath: string;
  signal: AbortSignal;
};

const Report = z.object({
  numPassedTests: z.number(),
  testResults: z.array(
    z.object({
      message: z.string(),
      assertionResults: z.array(
        z.object({
          status: z.string(),
          fullName: z.string(),
          failureMessages: z.array(z.string()),
        }),
      ),
    }),
  ),
});

/**
 * What only a change that makes no sense leads to, in TypeScript and in Lua. What cannot be parsed
 * or loaded runs no test at all.
 */
const makesNoSense =
  /ReferenceError|Error compiling script|nonexistent global variable|attempt to (call|index|compare|perform)/;

/** Runs one test file in the copy, without its long tests, and ends all that it has started. */
export async function runTest(
  copy: ProjectCopy,
  { test, named, limitMs, slowness, searchPath, signal }: TestRun,
): Promise<TestEnd> {
  const report = path.join(copy.temporary, 'report.json');
  await rm(report, { force: true });
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    test,
    '--bail',
    '1',
    '--retry',
    '0',
    '--tags-filter',
    'not long',
    '--maxWorkers',
    '1',
    '--reporter',
    'json',
    '--outputFile',
    report,
    ...(named === undefined ? [] : ['-t', named]),
  ];
  const start = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: copy.root,
    env: {
      PATH: searchPath,
      HOME: copy.temporary,
      TMPDIR: copy.temporary,
      NODE_COMPILE_CACHE: compiledDirectory,
      TEST_SLOWNESS: String(slowness),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (said = `${said}${text}`.slice(-4000)));
  let isLate = false;
  const endAll = (name: NodeJS.Signals): void => {
    try {
      // The whole group: Vitest's workers, too.
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // It has ended meanwhile.
    }
  };
  const timers: NodeJS.Timeout[] = [];
  const stop = (): void => {
    endAll('SIGTERM');
    timers.push(setTimeout(() => endAll('SIGKILL'), 2000));
  };
  timers.push(
    setTimeout(() => {
      isLate = true;
      stop();
    }, limitMs),
  );
  signal.addEventListener('abort', stop);
  await new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  for (const timer of timers) clearTimeout(timer);
  signal.removeEventListener('abort', stop);
  await copy.endLeftovers();
  const ms = performance.now() - start;
  if (isLate) return { kind: 'late', ms };
  return {
    ...judge(child.exitCode === 0, await readFile(report, 'utf8').catch(() => ''), said),
    ms,
  };
}

function judge(
  isGreen: boolean,
  text: string,
  said: string,
): { kind: 'green' } | { kind: 'red' | 'broken'; reason: string } {
  if (text === '') return { kind: 'broken', reason: `Vitest has no report: ${said.trim()}` };
  const { numPassedTests, testResults } = Report.parse(JSON.parse(text));
  const failures = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed'),
  );
  const reason =
    [
      ...failures.flatMap(({ failureMessages }) => failureMessages),
      ...testResults.map(({ message }) => message),
    ].find((words) => words !== '') ?? said.trim();
  if (isGreen)
    return numPassedTests > 0 ? { kind: 'green' } : { kind: 'broken', reason: 'no test ran' };
  if (makesNoSense.test(reason)) return { kind: 'broken', reason };
  const ran =
    failures.length > 0 ||
    numPassedTests > 0 ||
    testResults.some(({ assertionResults }) => assertionResults.length > 0);
  return ran
    ? { kind: 'red', reason: `${failures[0]?.fullName ?? ''}: ${reason}` }
    : { kind: 'broken', reason };
}
