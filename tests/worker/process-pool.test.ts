import { expect, test } from 'vitest';
import type { BrowserProcess } from '../../worker/agent/mcp/browser-process.ts';
import { createProcessPool } from '../../worker/agent/claude/pool.ts';
import type { ProcessPool } from '../../worker/agent/claude/pool.ts';
import type { LiveSession } from '../../worker/agent/claude/session.ts';

const session = (browser?: BrowserProcess): LiveSession => ({ browser }) as LiveSession;
const browser = (ended: boolean): BrowserProcess => ({ ended, call: async () => ({}) });

/** A budget over processes that are only counted; `closed` tells what it closed, in order. */
function openBudget(
  most: number,
  {
    kept = {},
    working = [],
    hasPrewarmed = false,
  }: { kept?: Record<string, LiveSession>; working?: LiveSession[]; hasPrewarmed?: boolean },
): ProcessPool & { closed: string[] } {
  const closed: string[] = [];
  const idle = new Map(Object.entries(kept));
  let prewarmed = hasPrewarmed ? 1 : 0;
  const none = async (): Promise<undefined> => undefined;
  const budget = createProcessPool({
    most,
    working: () => working,
    idle: {
      take: none,
      keep: none,
      touch: () => undefined,
      retire: () => undefined,
      drop: () => undefined,
      release: none,
      stop: none,
      kept: () => [...idle].map(([conversation, live]) => ({ conversation, live })),
      closeOldest() {
        const [oldest] = idle.keys();
        if (oldest === undefined) return false;
        closed.push(oldest);
        return idle.delete(oldest);
      },
    },
    prewarmed: () => ({
      count: () => prewarmed,
      isIn: () => false,
      claim: none,
      stir: () => undefined,
      stop: none,
      drop() {
        if (prewarmed === 0) return false;
        closed.push('prewarmed');
        prewarmed = 0;
        return true;
      },
    }),
  });
  return { ...budget, closed };
}

test.each([
  {
    about: 'what fits stays',
    most: 4,
    open: { kept: { a: session(), b: session() }, hasPrewarmed: true },
    more: 1,
    closed: [],
  },
  {
    about: 'the prewarmed process goes first',
    most: 3,
    open: { kept: { a: session(), b: session() }, hasPrewarmed: true },
    more: 1,
    closed: ['prewarmed'],
  },
  {
    about: 'then the one used least recently',
    most: 2,
    open: { kept: { a: session(), b: session() }, hasPrewarmed: true },
    more: 1,
    closed: ['prewarmed', 'a'],
  },
  {
    about: 'those at work count, and stay',
    most: 1,
    open: { kept: { a: session() }, working: [session(), session()] },
    more: 0,
    closed: ['a'],
  },
  {
    about: 'an open browser counts as one more',
    most: 3,
    open: { kept: { a: session(), b: session(browser(false)) } },
    more: 1,
    closed: ['a'],
  },
  {
    about: 'one that has ended does not',
    most: 3,
    open: { kept: { a: session(), b: session(browser(true)) } },
    more: 1,
    closed: [],
  },
])('$about', ({ most, open, more, closed }) => {
  const budget = openBudget(most, open);
  budget.makeRoom(more);
  expect(budget.closed).toEqual(closed);
});

test('there is room for a prewarmed process only below the limit', () => {
  expect(openBudget(2, { kept: { a: session() } }).hasRoom()).toBe(true);
  expect(openBudget(2, { kept: { a: session(browser(false)) } }).hasRoom()).toBe(false);
  expect(openBudget(2, { working: [session(), session()] }).hasRoom()).toBe(false);
});
