import { expect, test } from 'vitest';
import { createArrivals } from '../../worker/process/arrivals.ts';

const conversation = '+15551230001';
const never = (): boolean => false;

test('what comes in while nobody is told is told at once to whoever comes next, and what is known is told to nobody', () => {
  const arrivals = createArrivals();
  const hearing = arrivals.listen(conversation);
  const told: string[] = [];
  arrivals.announce(conversation, 'a');
  const end = hearing.tell(
    () => told.push('first'),
    (message) => message === 'a',
  );
  expect(told).toEqual([]);
  arrivals.announce(conversation, 'a');
  arrivals.announce(conversation, 'b');
  arrivals.announce('+15551230002', 'c');
  expect(told).toEqual(['first']);
  end();
  arrivals.announce(conversation, 'd');
  arrivals.announce(conversation, 'e');
  expect(told).toEqual(['first']);
  hearing.tell(() => told.push('second'), never);
  expect(told).toEqual(['first', 'second']);
});

test('that something may have come in anywhere is told whatever is known', () => {
  const arrivals = createArrivals();
  const hearing = arrivals.listen(conversation);
  let told = 0;
  arrivals.announceAll();
  hearing.tell(
    () => (told += 1),
    () => true,
  );
  arrivals.announceAll();
  expect(told).toBe(2);
  hearing.end();
  arrivals.announceAll();
  expect(told).toBe(2);
});
