import { expect, test } from 'vitest';
import { createArrivals } from '../../worker/process/arrivals.ts';

const conversation = '+15551230001';

test('who listens hears of each message of its conversation, until it ends', () => {
  const arrivals = createArrivals();
  const heard: (string | undefined)[] = [];
  arrivals.announce(conversation, 'before');
  const end = arrivals.listen(conversation, (message) => heard.push(message));
  arrivals.announce(conversation, 'a');
  arrivals.announce('+15551230002', 'other');
  arrivals.announce(conversation, 'b');
  expect(heard).toEqual(['a', 'b']);
  end();
  arrivals.announce(conversation, 'c');
  expect(heard).toEqual(['a', 'b']);
});

test('several listen to one conversation, and one that ends takes none of the others along', () => {
  const arrivals = createArrivals();
  const heard: string[] = [];
  const hear = (message: string | undefined): void => void heard.push(message ?? 'any');
  const [first, second] = [1, 2].map(() => arrivals.listen(conversation, hear));
  arrivals.announce(conversation, 'a');
  first?.();
  first?.();
  arrivals.announce(conversation, 'b');
  second?.();
  arrivals.announce(conversation, 'c');
  const again = arrivals.listen(conversation, hear);
  second?.();
  arrivals.announce(conversation, 'd');
  again();
  expect(heard).toEqual(['a', 'a', 'b', 'd']);
});

test('that something may have come in anywhere is heard by all', () => {
  const arrivals = createArrivals();
  let heard = 0;
  const hear = (message: string | undefined): void => void (heard += message === undefined ? 1 : 0);
  const ends = [conversation, '+15551230002'].map((one) => arrivals.listen(one, hear));
  arrivals.announceAll();
  expect(heard).toBe(2);
  for (const end of ends) end();
  arrivals.announceAll();
  expect(heard).toBe(2);
});
