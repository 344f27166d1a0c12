import { expect, test } from 'vitest';
import { isNews, mayRelease, needsLook, nextMove } from '../../worker/turn/decisions.ts';
import type { TurnEvent } from '../../worker/turn/mailbox.ts';

test('what is done about Claude’s input', () => {
  const moves: [
    open: number,
    isReading: boolean,
    isLookDue: boolean,
    move: ReturnType<typeof nextMove>,
  ][] = [
    [0, false, false, 'close'],
    [1, false, false, 'wait'],
    [0, false, true, 'look'],
    [1, false, true, 'look'],
    // What is read will be open: the input stays so, and nothing overtakes it.
    [0, true, false, 'wait'],
    [1, true, false, 'wait'],
    [0, true, true, 'wait'],
    [1, true, true, 'wait'],
  ];
  for (const [open, isReading, isLookDue, move] of moves)
    expect([open, isReading, isLookDue, nextMove({ open, isReading, isLookDue })]).toEqual([
      open,
      isReading,
      isLookDue,
      move,
    ]);
});

test('the inbox is read again after an answer unless it is empty, or long and holds nothing new', () => {
  const looks: [left: number, expected: number, needed: boolean][] = [
    [0, 0, false],
    // Less than expected is not news either: nothing is left.
    [0, 3, false],
    [1, 1, true],
    [50, 50, true],
    [51, 51, false],
    [51, 50, true],
    [300, 299, true],
    [299, 300, true],
  ];
  expect(looks.map(([left, expected]) => [left, expected, needsLook(left, expected)])).toEqual(
    looks,
  );
});

test('a message is news until a look has seen it, and without an id it always may be', () => {
  const seen = (id: string): boolean => id === 'seen';
  const events: [event: TurnEvent, isNews: boolean][] = [
    [{ kind: 'message', id: 'seen' }, false],
    [{ kind: 'message', id: 'fresh' }, true],
    [{ kind: 'message', id: undefined }, true],
    [{ kind: 'look' }, false],
    [{ kind: 'ended' }, false],
  ];
  expect(events.map(([event]) => [event, isNews(event, seen)])).toEqual(events);
});

test('the agent goes while its person thinks, unless another tool runs beside the question', () => {
  const held = { kind: 'question-held', question: 'q', deadline: 1000 } as const;
  const cases: [open: string | undefined, tools: number, now: number, release: boolean][] = [
    ['q', 1, 0, true],
    // A budget is asked about before its tool runs.
    ['q', 0, 0, true],
    ['q', 2, 0, false],
    ['q', 1, 999, true],
    // The default applies now.
    ['q', 1, 1000, false],
    // It was answered, or another one was asked, since this was posted.
    [undefined, 1, 0, false],
    ['other', 1, 0, false],
  ];
  expect(
    cases.map(([open, tools, now]) => [open, tools, now, mayRelease(held, { open, tools, now })]),
  ).toEqual(cases);
});
