import { expect, test } from 'vitest';
import { createSessionBackground } from '../../worker/agent/claude/session-background.ts';
import type { Translation } from '../../worker/agent/claude/translate.ts';

const running = (...ids: string[]): Translation => ({
  kind: 'background',
  tasks: ids.map((id) => ({ id, kind: 'command', description: `task ${id}` })),
});
const result = (
  isSelfBegun: boolean,
  ...uuids: string[]
): Extract<Translation, { kind: 'result' }> => ({
  kind: 'result',
  id: 'r',
  text: 'done',
  earlier: [],
  uuids,
  toldUsd: undefined,
  isSelfBegun,
});
const session: Translation = { kind: 'session', id: 's' };
const tool: Translation = {
  kind: 'tool',
  id: 't',
  name: 'Bash',
  summary: '',
  timeoutMs: undefined,
};

test('a task keeps the request that led to it and its beginning', () => {
  let now = 1000;
  const background = createSessionBackground(() => now);
  background.ask('one', 'watch the log');
  background.note({ kind: 'taken', uuid: 'one' }, true);
  now = 2000;
  // Sent meanwhile, and still in Claude Code's queue.
  background.ask('two', `then ${'x'.repeat(100)}`);
  background.note(running('a'), true);
  now = 3000;
  background.note({ kind: 'taken', uuid: 'two' }, true);
  background.note(running('a', 'b'), true);
  expect(background.tasks().map(({ id, startedAt }) => [id, startedAt])).toEqual([
    ['a', 2000],
    ['b', 3000],
  ]);
  expect(background.tasks()[0]?.request).toBe('watch the log');
  expect(background.tasks()[1]?.request.length).toBeLessThanOrEqual(60);
  background.note(running('b'), true);
  background.note(session, false);
  // It ends while Claude speaks of the first, which does not know of it.
  background.note(running(), false);
  background.note({ ...result(true), id: 'first' }, false);
  background.note(session, false);
  background.note({ ...result(true), id: 'second' }, false);
  expect(background.takeEnded('first')).toEqual(['watch the log']);
  expect(background.takeEnded('second')).toEqual([expect.stringMatching(/^then x+/)]);
  expect(background.takeEnded('second')).toEqual([]);
});

test('what has ended stays open until Claude has said so and the turn is over', () => {
  const background = createSessionBackground();
  const open = (): string[] => background.open().map(({ id }) => id);
  background.note(running('a', 'b'), true);
  background.note(running('b'), true);
  expect(open()).toEqual(['b', 'a']);
  // An empty result says nothing.
  background.note(result(false), true);
  expect(open()).toEqual(['b', 'a']);
  // It ended behind the last tool: the model does not know yet, and is asked afterwards.
  background.note(result(false, 'prompt'), true);
  background.markTold();
  expect(open()).toEqual(['b', 'a']);
  background.note({ kind: 'tool-end', id: 't', failed: false }, true);
  background.note(result(false, 'prompt'), true);
  expect(open()).toEqual(['b', 'a']);
  background.markTold();
  expect(open()).toEqual(['b']);
  // Without a turn a message in the inbox takes care of it. What ends while Claude speaks of
  // another end has its own turn afterwards.
  background.note(running('c'), false);
  background.note(session, false);
  background.note(running(), false);
  background.note(result(true), false);
  expect(open()).toEqual(['c']);
  background.takeUnheard();
  expect(background.isBusy()).toBe(true);
  background.note(session, false);
  background.note(result(true), false);
  expect(open()).toEqual([]);
});

test('a task that we ended needs no word', () => {
  const background = createSessionBackground();
  background.note(running('a'), false);
  background.dismiss('a');
  background.note(running(), false);
  expect(background.open()).toEqual([]);
});

test('what happens between two turns is kept for the next, without the end of an interrupted one', () => {
  const background = createSessionBackground();
  background.note(session, true);
  background.mute();
  for (const late of [tool, result(false, 'prompt')]) background.note(late, false);
  expect(background.hasUnheard()).toBe(false);
  background.note(session, false);
  background.note(tool, false);
  background.note(result(false), false);
  background.note(result(true), false);
  expect(background.takeUnheard().map(({ kind }) => kind)).toEqual(['tool', 'result']);
  expect(background.hasUnheard()).toBe(false);
});

test('a session is busy while something runs or Claude speaks of it, and not for ever when it goes silent', () => {
  let now = 0;
  const background = createSessionBackground(() => now);
  background.note(session, true);
  // An ordinary turn.
  expect([background.isSpeaking(), background.isBusy()]).toEqual([true, false]);
  background.note(result(false, 'prompt'), true);
  background.note(running('a'), true);
  expect(background.isBusy()).toBe(true);
  background.note(running(), false);
  // Claude Code begins a turn about it in a moment.
  expect(background.isBusy()).toBe(true);
  background.note(session, false);
  now += 10 * 60_000 - 1;
  expect(background.isBusy()).toBe(true);
  now += 1;
  expect(background.isBusy()).toBe(false);
});

test('what has just ended goes on until Claude has spoken of it, unless the model knew in a turn that is over', () => {
  const background = createSessionBackground();
  const goesOn = (): boolean => background.goesOn();
  background.note(session, true);
  background.note(running('a'), true);
  expect(goesOn()).toBe(true);
  background.note(running(), true);
  expect(goesOn()).toBe(true);
  // The turn is interrupted, and Claude Code begins one about the end.
  background.mute();
  expect([goesOn(), background.isMuted()]).toEqual([true, true]);
  background.note({ kind: 'interrupted' }, false);
  background.note(session, false);
  expect([goesOn(), background.isMuted()]).toEqual([true, false]);
  background.note(result(true), false);
  expect(goesOn()).toBe(false);

  background.note(session, true);
  background.note(running('b'), true);
  background.note(running(), true);
  background.note({ kind: 'tool-end', id: 't', failed: false }, true);
  expect(goesOn()).toBe(false);
});
