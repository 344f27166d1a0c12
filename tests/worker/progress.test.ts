import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import type { AgentEvent } from '../../worker/agent/agent.ts';
import { createAlongside } from '../../worker/background/describe.ts';
import { createProgress, progressTimes } from '../../worker/progress/progress.ts';
import type { Narrator } from '../../worker/progress/progress.ts';
import { createSteps, stepTimes } from '../../worker/progress/verbose.ts';
import { createProgressReporter } from '../../worker/progress/reporter.ts';
import type { ProgressReporter, ProgressReporterDeps } from '../../worker/progress/reporter.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const minute = 60_000;
const bash = (id: string, description: string): AgentEvent => ({
  kind: 'tool',
  id,
  name: 'Bash',
  summary: 'x',
  description,
  timeoutMs: undefined,
});
const read = (id: string, file: string): AgentEvent => ({
  kind: 'tool',
  id,
  name: 'Read',
  summary: file,
  timeoutMs: undefined,
});
const end = (id: string): AgentEvent => ({ kind: 'tool-end', id, failed: false });
const answer: AgentEvent = {
  kind: 'answer',
  id: 'a',
  text: '',
  prompts: [],
  usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 },
};

const usual = { isWaiting: () => false, log: createLog('test', 'silent'), now: () => Date.now() };

/** A reporter whose lines are told as soon as they are due. */
function startProgressReporter(deps: Omit<ProgressReporterDeps, 'mailbox'>): ProgressReporter {
  const mailbox = { post: () => void reporter.tellDue() };
  const reporter: ProgressReporter = createProgressReporter({ ...deps, mailbox });
  reporter.start();
  return reporter;
}

/** Tells what a narrator says, each line with its minute and second. */
function tellAll(narrator: Narrator, isWaiting = () => false) {
  const told: string[] = [];
  const clock = (): string =>
    `${Math.floor(Date.now() / minute)}:${String(Math.floor((Date.now() % minute) / 1000)).padStart(2, '0')}`;
  const reporter = startProgressReporter({
    ...usual,
    narrator,
    isWaiting,
    tell: async ({ text, index }) => void told.push(`${clock()} #${index} ${text}`),
  });
  return { told, reporter, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

test('a long step is told after a minute, then more and more rarely', async () => {
  const { told, reporter, pass } = tellAll(createProgress(progressTimes, 0));
  await pass(5000);
  reporter.note(bash('t', 'Run the tests'));
  await pass(54_999);
  expect(told).toEqual([]);
  await pass(15 * minute);
  reporter.stop();
  await pass(10 * minute);
  expect(told).toEqual([
    '1:00 #1 Running the tests (1 min so far)',
    '2:30 #2 Running the tests, 2 min',
    '4:00 #3 Running the tests, 3 min',
    '5:30 #4 Running the tests, 5 min',
    '7:00 #5 Running the tests, 6 min',
    '8:30 #6 Running the tests, 8 min',
    '10:12 #7 Running the tests, 10 min',
    '12:14 #8 Running the tests, 12 min',
    '14:41 #9 Running the tests, 14 min',
  ]);
});

test('of many steps the one at work is told, thinking is told as such, and so is waiting for the model', async () => {
  const { told, reporter, pass } = tellAll(createProgress(progressTimes, 0));
  for (let second = 0; second < 70; second += 10) {
    reporter.note(read(`r${second}`, `/w/src/file${second}.ts`));
    await pass(9000);
    reporter.note(end(`r${second}`));
    await pass(1000);
  }
  await pass(2 * minute);
  reporter.note({ kind: 'retrying', reason: 'overloaded' });
  await pass(2 * minute);
  reporter.note({ kind: 'alive' });
  await pass(1.5 * minute);
  reporter.stop();
  expect(told).toEqual([
    '1:00 #1 Thinking (1 min so far)',
    '2:30 #2 Thinking, 1 min',
    "4:00 #3 Waiting for Claude's servers (4 min so far)",
    '5:30 #4 Thinking, 4 min',
  ]);
});

test('who has just got something hears nothing for a minute, and work begins anew after an answer', async () => {
  const { told, reporter, pass } = tellAll(createProgress(progressTimes, 0));
  reporter.note(bash('t', 'Run the tests'));
  await pass(50_000);
  reporter.said();
  await pass(59_999);
  expect(told).toEqual([]);
  await pass(1);
  reporter.note(end('t'));
  reporter.note(answer);
  reporter.note(read('r', 'a/b.ts'));
  await pass(minute);
  reporter.stop();
  expect(told).toEqual(['1:50 #1 Running the tests, 1 min']);
});

test('nothing is told while the turn waits for the person, and that time is no work', async () => {
  let waiting = true;
  const { told, reporter, pass } = tellAll(createProgress(progressTimes, 0), () => waiting);
  reporter.note(bash('t', 'Run the tests'));
  await pass(10 * minute);
  expect(told).toEqual([]);
  waiting = false;
  await pass(2 * minute);
  reporter.stop();
  expect(told).toEqual(['11:00 #1 Running the tests, 1 min']);
});

const anyEvent = fc.oneof(
  fc
    .record({
      id: fc.constantFrom('a', 'b', 'c'),
      description: fc.constantFrom('Run the tests', 'Read the log', 'Build it'),
    })
    .map(({ id, description }) => bash(id, description)),
  fc.constantFrom('a', 'b', 'c').map(end),
  fc.constantFrom<AgentEvent>(
    { kind: 'alive' },
    { kind: 'retrying', reason: 'overloaded' },
    answer,
    read('d', 'x/y.ts'),
    end('d'),
  ),
);

test('whatever happens: never the same twice, never more than one a minute, nothing within a minute of another word, and none is missed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          afterMs: fc.integer({ min: 0, max: 200_000 }),
          event: anyEvent,
          said: fc.boolean(),
        }),
        { maxLength: 60 },
      ),
      async (happenings) => {
        vi.setSystemTime(0);
        const told: { at: number; text: string; index: number }[] = [];
        const reporter = startProgressReporter({
          ...usual,
          narrator: createProgress(progressTimes, 0),
          tell: async (line) => void told.push({ at: Date.now(), ...line }),
        });
        const words = [0];
        for (const { afterMs, event, said } of happenings) {
          await vi.advanceTimersByTimeAsync(afterMs);
          if (said) reporter.said();
          if (said || event.kind === 'answer') words.push(Date.now());
          reporter.note(event);
        }
        const heard = told.length;
        await vi.advanceTimersByTimeAsync(60 * 60 * minute);
        reporter.stop();
        expect(new Set(told.map(({ text }) => text)).size).toBe(told.length);
        expect(told.map(({ index }) => index)).toEqual(told.map((_, index) => index + 1));
        for (const [index, { at }] of told.entries()) {
          expect(at - (told[index - 1]?.at ?? -Infinity)).toBeGreaterThanOrEqual(minute);
          for (const word of words) expect(at < word || at - word >= minute).toBe(true);
        }
        expect(told.length).toBeGreaterThan(heard);
      },
    ),
    { numRuns: 100, seed: 5 },
  );
});

test('what runs in the background is named with a line when it is news', () => {
  const add = createAlongside();
  expect([
    add('Thinking', []),
    add('Thinking, 1 min', ['Dev server']),
    add('Thinking, 2 min', ['Dev server']),
    add('Thinking, 3 min', ['Dev server', 'Tests']),
    add('Thinking, 4 min', ['Dev server', 'Build']),
    add('Thinking, 5 min', []),
    add('Thinking, 6 min', ['Build']),
  ]).toEqual([
    'Thinking',
    'Thinking, 1 min. “Dev server” runs in the background.',
    'Thinking, 2 min',
    'Thinking, 3 min. 2 things run in the background.',
    'Thinking, 4 min. 2 things run in the background.',
    'Thinking, 5 min',
    'Thinking, 6 min. “Build” runs in the background.',
  ]);
});

test('steps are told gathered, each once, and not faster than WhatsApp takes them', async () => {
  const { told, reporter, pass } = tellAll(createSteps(stepTimes));
  reporter.note(bash('a', 'Run the tests'));
  reporter.note(bash('a', 'Run the tests'));
  reporter.note({
    kind: 'tool',
    id: 'm',
    name: 'mcp__whatsapp__send_message',
    summary: 'hi',
    timeoutMs: undefined,
  });
  await pass(1000);
  reporter.note(read('b', '/w/src/login.ts'));
  await pass(2000);
  reporter.note(read('c', '/w/src/other.ts'));
  await pass(6000);
  await pass(minute);
  reporter.note(read('d', 'last.ts'));
  await reporter.flush();
  expect(told).toEqual([
    '0:03 #1 ▸ Run the tests\n▸ Read login.ts',
    '0:09 #2 ▸ Read other.ts',
    '1:09 #3 ▸ Read last.ts',
  ]);
  reporter.stop();
});

test('hundreds of steps lose none and stay under the limit of a message', async () => {
  const { told, reporter, pass } = tellAll(createSteps(stepTimes));
  for (let step = 0; step < 300; step += 1) {
    reporter.note(bash(`s${step}`, `Run number ${step} of the long list of things to do`));
    await pass(20);
  }
  await reporter.flush();
  expect(told.join('\n').match(/Run number/g)).toHaveLength(300);
  expect(Math.max(...told.map((text) => text.length))).toBeLessThan(1600);
  reporter.stop();
});

test('a line that cannot be told stops nothing', async () => {
  const told: string[] = [];
  const tell = async ({ text, index }: { text: string; index: number }): Promise<void> => {
    if (index === 1) throw new Error('Redis is away');
    told.push(text);
  };
  const reporter = startProgressReporter({ ...usual, narrator: createSteps(stepTimes), tell });
  reporter.note(bash('a', 'Run one'));
  await reporter.flush();
  reporter.note(bash('b', 'Run two'));
  await reporter.flush();
  reporter.stop();
  expect(told).toEqual(['▸ Run two']);
});
