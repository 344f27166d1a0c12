import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createWatchdog } from '../../worker/turn/watchdog.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const silence = { idleMs: 1000, toolMs: 5000 };
const tool = (id: string, timeoutMs?: number) => ({
  kind: 'tool' as const,
  id,
  name: 'Bash',
  summary: '',
  timeoutMs,
});

function watch() {
  const own = new AbortController();
  return { own, watchdog: createWatchdog(silence, own.signal) };
}

test('silence ends the turn, and every event is a sign of life', () => {
  const { watchdog } = watch();
  for (let second = 0; second < 5; second += 1) {
    vi.advanceTimersByTime(999);
    watchdog.note({ kind: 'alive' });
  }
  vi.advanceTimersByTime(999);
  expect(watchdog.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(watchdog.signal.reason).toMatchObject({
    name: 'AgentFailure',
    kind: 'silent',
    message: 'no sign of life for 1 s',
  });
});

test('a running tool may be silent for its own time-out, or the usual one, and a little', () => {
  const declared = watch().watchdog;
  declared.note(tool('a', 60_000));
  const usual = watch().watchdog;
  usual.note(tool('a'));
  vi.advanceTimersByTime(5999);
  expect(usual.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(usual.signal.aborted).toBe(true);
  vi.advanceTimersByTime(60_999 - 6000);
  expect(declared.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(declared.signal.aborted).toBe(true);
});

test('the longest of several tools counts, until it ends', () => {
  const { watchdog } = watch();
  watchdog.note(tool('long', 60_000));
  watchdog.note(tool('short', 2000));
  watchdog.note({ kind: 'tool-end', id: 'long', failed: false });
  vi.advanceTimersByTime(2999);
  expect(watchdog.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(watchdog.signal.aborted).toBe(true);
});

test("the turn's own signal passes through with its reason", () => {
  const { own, watchdog } = watch();
  own.abort('the worker stops');
  expect(watchdog.signal.reason).toBe('the worker stops');
});

test('once stopped it says nothing more', () => {
  const { watchdog } = watch();
  watchdog.stop();
  vi.advanceTimersByTime(100_000);
  expect(watchdog.signal.aborted).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});
