import { expect, test } from 'vitest';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import type { FailureKind } from '../../worker/agent/agent-failure.ts';
import { failureSentence, limitWithoutTime } from '../../worker/turn/ending/failure-sentence.ts';
import { planWait } from '../../worker/turn/ending/retry-plan.ts';

const now = new Date('2026-01-05T13:00:00Z');

test.each([
  ['2026-01-05T15:30:00Z', undefined, 'until 15:30 UTC'],
  ['2026-01-05T15:30:00Z', 'Europe/Berlin', 'until 16:30'],
  ['2026-01-05T15:30:00Z', 'Asia/Tokyo', 'until Tue 6 Jan 2026, 0:30'],
  ['2026-01-09T08:00:00Z', 'Europe/Berlin', 'until Fri 9 Jan 2026, 9:00'],
])('a limit that ends at %s is told to somebody in %s as %s', (resetsAt, timezone, words) => {
  expect(failureSentence('usage-limit', new Date(resetsAt), timezone, now)).toBe(
    `Claude's usage limit is reached ${words}. I go on by myself then.`,
  );
});

test('each failure has one sentence of its own that says what helps', () => {
  const kinds: FailureKind[] = [
    'died',
    'no-memory',
    'no-processes',
    'silent',
    'model-away',
    'overloaded',
    'signed-out',
    'no-credit',
    'usage-limit',
    'account-off',
    'not-allowed',
    'no-model',
    'too-long',
    'unreadable',
    'history',
    'declined',
    'refused',
    'day-limit',
    'broken',
  ];
  const sentences = kinds.map((kind) => failureSentence(kind));
  expect(new Set(sentences).size).toBe(kinds.length);
  for (const sentence of sentences) {
    expect(sentence).toMatch(/“(retry|\/new|\/model)”/);
    expect(sentence.length).toBeLessThan(200);
  }
});

test('a usage limit is waited for until it ends; without a time with growing pauses, for an hour in all', () => {
  const limit = (resetsAt?: string) =>
    new AgentFailure(
      'usage-limit',
      'limit',
      resetsAt === undefined ? undefined : new Date(resetsAt),
    );
  expect(planWait(limit('2026-01-05T13:10:00Z'), 7, now.getTime(), 'UTC')).toEqual({
    ms: 600_000,
    sentence: "Claude's usage limit is reached until 13:10 UTC. I go on by myself then.",
  });
  const waits = Array.from({ length: 7 }, (_, index) => planWait(limit(), index, now.getTime()));
  const pauses = waits.map((wait) => wait?.ms ?? 0);
  expect(pauses).toEqual(
    pauses
      .slice(0, 6)
      .toSorted((a, b) => a - b)
      .concat(0),
  );
  expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBe(63 * 60_000);
  expect(waits[0]?.sentence).toBe(limitWithoutTime);
  expect(waits[6]).toBeUndefined();
  // A time that is over is no reason to ask every second.
  expect(planWait(limit('2026-01-05T12:00:00Z'), 0, now.getTime())?.ms).toBe(60_000);
  expect(planWait(new AgentFailure('overloaded', '529'), 0, now.getTime())).toBeUndefined();
});
