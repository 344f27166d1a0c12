import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Query, SDKMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { createLog } from '../../shared/runtime/log.ts';
import { createModelSessions } from '../../worker/agent/model/sessions.ts';
import { createIdleSessions } from '../../worker/agent/claude/idle-sessions.ts';
import { createLiveSession } from '../../worker/agent/claude/session.ts';
import type { LiveSession } from '../../worker/agent/claude/session.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const person = '+15551230001';
type Fake = LiveSession & { isBusy: boolean; closed: boolean; graceMs?: number };

/** A session that only can be kept and closed. */
function session(id: string, isBusy = false): Fake {
  const live = { id, isBusy, ended: false, closed: false };
  return Object.assign(live as unknown as Fake, {
    close: async (graceMs = 0) => void Object.assign(live, { closed: true, graceMs }),
  });
}

const is =
  (id: string) =>
  (live: LiveSession): boolean =>
    live.id === id;
/** Whether it has ended by now. */
function hasEnded(step: Promise<unknown>): () => boolean {
  let ended = false;
  void step.then(() => (ended = true));
  return () => ended;
}
const never = (): boolean => false;
const always = (): boolean => true;

test('a process is kept for its time; one with work in the background as long as that lasts', async () => {
  const idle = createIdleSessions(1000);
  const [free, busy] = [session('free'), session('busy', true)];
  await idle.keep(person, free);
  await idle.keep(person, busy);
  await vi.advanceTimersByTimeAsync(5000);
  expect([free.closed, busy.closed]).toEqual([true, false]);
  expect(idle.closeOldest()).toBe(false);
  busy.isBusy = false;
  idle.touch(busy);
  await vi.advanceTimersByTimeAsync(999);
  expect(busy.closed).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(busy.closed).toBe(true);
  // What a process waited for may not come: nothing tells of that.
  const waiting = session('waiting', true);
  await idle.keep(person, waiting);
  await vi.advanceTimersByTimeAsync(1500);
  waiting.isBusy = false;
  await vi.advanceTimersByTimeAsync(500);
  expect(waiting.closed).toBe(true);
});

test('what is closed may write its end, but work that ends meanwhile would not be heard', async () => {
  const idle = createIdleSessions(1000);
  const [free, busy, late] = [session('free'), session('busy', true), session('late', true)];
  await idle.keep(person, free);
  await idle.keep(person, busy);
  await idle.stop();
  await idle.keep(person, late);
  expect([free, busy, late].map(({ graceMs }) => graceMs)).toEqual([1000, 0, 0]);
});

test('another session goes beside one with work in the background, and closes one without', async () => {
  const idle = createIdleSessions(1000);
  const [free, busy, own] = [session('free'), session('busy', true), session('own', true)];
  for (const live of [free, busy, own]) await idle.keep(person, live);
  expect(await idle.take(person, is('own'), always)).toBe(own);
  expect([free.closed, busy.closed, own.closed]).toEqual([true, false, false]);
  // The session itself, which must not run twice, is closed whatever it does.
  expect(await idle.take(person, never, never)).toBeUndefined();
  expect(busy.closed).toBe(true);
  expect(idle.kept()).toEqual([]);
});

test('the next session does not wait for one that ends, and its own has ended before it goes on', async () => {
  const idle = createIdleSessions(1000);
  const old = unsavedSession('transcript', 300);
  await idle.keep(person, old.live);
  // As after /new: the old session ends beside the new one.
  const begun = hasEnded(idle.take(person, never, always));
  await vi.advanceTimersByTimeAsync(0);
  expect([begun(), old.said]).toEqual([true, []]);
  // As after /resume: nothing works in a session that still ends.
  const resumed = hasEnded(idle.take(person, never, ({ id }) => id !== old.live.id));
  await vi.advanceTimersByTimeAsync(299);
  expect([resumed(), old.said, old.killed()]).toEqual([false, [], 0]);
  await vi.advanceTimersByTimeAsync(1);
  expect([resumed(), old.said]).toEqual([true, ['disk']]);
});

test('the process of a turn that was stopped writes the rest of its transcript beside the next session, and before its own goes on', async () => {
  const idle = createIdleSessions(1000);
  const [stopped, stuck] = [unsavedSession('transcript', 200), unsavedSession('transcript', 9000)];
  idle.retire(person, stopped.live);
  idle.retire('+15551230002', stuck.live);
  const fresh = hasEnded(idle.take(person, never, always));
  const same = hasEnded(idle.take(person, never, never));
  await vi.advanceTimersByTimeAsync(199);
  expect([fresh(), same(), stopped.killed()]).toEqual([true, false, 0]);
  await vi.advanceTimersByTimeAsync(1);
  expect([same(), stopped.said, stuck.killed()]).toEqual([true, ['disk'], 0]);
  await vi.advanceTimersByTimeAsync(100);
  expect(stuck.killed()).toBe(1);
});

test('a process that does not end by itself is killed after a second', async () => {
  const idle = createIdleSessions(1000);
  const stuck = unsavedSession('transcript', 60_000);
  await idle.keep(person, stuck.live);
  const released = hasEnded(idle.release(person));
  await vi.advanceTimersByTimeAsync(999);
  expect([released(), stuck.killed()]).toEqual([false, 0]);
  await vi.advanceTimersByTimeAsync(1);
  expect(stuck.killed()).toBe(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(released()).toBe(true);
});

test('another worker gets everything of a conversation, also what has work in the background', async () => {
  const idle = createIdleSessions(1000);
  const [mine, other] = [session('a', true), session('b')];
  await idle.keep(person, mine);
  await idle.keep('+15551230002', other);
  await idle.release(person);
  expect([mine.closed, other.closed]).toEqual([true, false]);
  await idle.stop();
  expect(other.closed).toBe(true);
});

/**
 * A session whose process says at its end what it could not write, as Claude Code does: not when it
 * is killed before. It takes `endingMs` to end.
 */
function unsavedSession(
  lost: string,
  endingMs = 0,
): { live: LiveSession; said: string[]; killed: () => number } {
  const said: string[] = [];
  let killed = 0;
  async function* run(prompts: AsyncIterable<SDKUserMessage>): AsyncGenerator<SDKMessage> {
    for await (const _ of prompts);
    if (endingMs > 0) await new Promise((resolve) => setTimeout(resolve, endingMs));
    if (killed > 0) return;
    yield {
      type: 'system',
      subtype: 'session_writes_lost',
      error_code: 'ENOSPC',
      lost: [lost],
    } as unknown as SDKMessage;
  }
  const live = createLiveSession(
    {
      id: 's',
      workspace: '/',
      processes: {
        mark: '',
        user: undefined,
        group: undefined,
        begin: () => undefined,
        done: () => undefined,
        endDetached: async () => undefined,
        end: async () => undefined,
      },
      resumed: false,
      settings: { model: undefined, effort: undefined, permissions: 'default' },
      grants: '',
      model: createModelSessions({}, createLog('test', 'silent')).create(),
      transcript: async () => [],
    },
    (prompts) => Object.assign(run(prompts), { close: () => (killed += 1) }) as unknown as Query,
  );
  live.watch({
    onChange: () => undefined,
    onWanted: () => undefined,
    onUnsaved: (why) => said.push(why),
    onEnd: () => undefined,
  });
  return { live, said, killed: () => killed };
}

test('an idle process may say at its end what it could not save', async () => {
  const idle = createIdleSessions(1000);
  const [chat, settings] = [unsavedSession('transcript'), unsavedSession('global_config')];
  await idle.keep(person, chat.live);
  await idle.keep(person, settings.live);
  await vi.advanceTimersByTimeAsync(1000);
  expect([chat.said, settings.said]).toEqual([['disk'], []]);
  await vi.advanceTimersByTimeAsync(1000);
  expect([chat.killed(), settings.killed()]).toEqual([1, 1]);
  // A stop of the worker lets it say so, too.
  const last = unsavedSession('transcript');
  await idle.keep(person, last.live);
  await idle.stop();
  expect([last.said, last.killed()]).toEqual([['disk'], 1]);
  // So does one whose turn ends after that.
  const late = unsavedSession('transcript');
  await idle.keep(person, late.live);
  expect(late.said).toEqual(['disk']);
});
