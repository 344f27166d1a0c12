import { expect, test } from 'vitest';
import {
  addSettled,
  confirmedAnswer,
  isLeftAsItIs,
  lateAnswer,
  parseSettled,
  settledSentence,
} from '../../worker/questions/settled-questions.ts';
import type { Missed } from '../../worker/questions/settled-questions.ts';

const dayMs = 24 * 3600_000;
const missed: Missed = {
  kind: 'choice',
  text: 'Which colour?',
  digest: 'd',
  labels: ['Red', 'Blue'],
  fallback: 'Red',
};

test('a late tap is asked about when it says something else than what was gone on with', () => {
  const settled = addSettled([], 'q.ask.1', 'Red, without an answer', 0, missed);
  expect(lateAnswer(settled, 'q.ask.1.2')).toEqual({ id: 'q.ask.1', missed, label: 'Blue' });
  expect(lateAnswer(settled, 'q.ask.1.1')).toBeUndefined();
  const others = ['q.ask.1.3', 'q.ask.1.0', 'q.ask.1.x', 'q.ask.11.2', 'q.ask.2.2', ''];
  expect(others.filter((choice) => lateAnswer(settled, choice) !== undefined)).toEqual([]);
  expect(confirmedAnswer(settled, 'after.q.ask.1.2')?.label).toBe('Blue');
  expect(confirmedAnswer(settled, 'q.ask.1.2')).toBeUndefined();
  expect([
    isLeftAsItIs('after.q.ask.1.0'),
    isLeftAsItIs('after.q.ask.1.2'),
    isLeftAsItIs('q.ask.1.0'),
  ]).toEqual([true, false, false]);
});

test('a question that was answered in time is settled, with its words', () => {
  const settled = addSettled([], 'q.ask.1', 'Blue', 0);
  expect(lateAnswer(settled, 'q.ask.1.2')).toBeUndefined();
  expect([settledSentence(settled, 'q.ask.1.2'), settledSentence(settled, 'r.ask.1.2')]).toEqual([
    'That question is settled (Blue).',
    'That question is settled.',
  ]);
});

test('a conversation remembers its last thirty questions, for thirty days', () => {
  const many = Array.from({ length: 40 }).reduce<ReturnType<typeof parseSettled>>(
    (list, _, index) => addSettled(list, `q${index}`, 'x', index),
    [],
  );
  expect(many.map(({ id }) => id)).toEqual(
    Array.from({ length: 30 }, (_, index) => `q${index + 10}`),
  );
  expect(addSettled(many, 'late', 'x', 30 * dayMs + 38).map(({ id }) => id)).toEqual([
    'q39',
    'late',
  ]);
  expect(addSettled(many, 'q39', 'again', 40).filter(({ id }) => id === 'q39')).toEqual([
    { id: 'q39', words: 'again', at: 40 },
  ]);
});

test('what a conversation has stored is read, and what cannot be read counts as nothing', () => {
  const settled = addSettled([], 'q', 'Yes', 5, missed);
  expect(parseSettled(JSON.stringify(settled))).toEqual(settled);
  for (const stored of [undefined, '', '{', '{}', '[{"id":1}]', 'null'])
    expect(parseSettled(stored)).toEqual([]);
  // Of entries that another version has written the others are read.
  const later = [{ id: 'p' }, { id: 'q', words: 'Yes', at: 5, missed: { kind: 'drawing' } }, null];
  expect(parseSettled(JSON.stringify(later))).toEqual([{ id: 'q', words: 'Yes', at: 5 }]);
});
