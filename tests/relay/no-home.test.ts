import { expect, test } from 'vitest';
import { createTellNoHome } from '../../relay/people/no-home.ts';

const phone = '+15551230001';

test('a person without a free home hears so once an hour, since nothing that they write is kept', () => {
  const notices: string[] = [];
  let now = Date.parse('2026-01-31T12:10:00.000Z');
  const tell = createTellNoHome(
    async (id) => void notices.push(id),
    async () => undefined,
    () => now,
  );
  tell(phone);
  now += 30 * 60_000;
  tell(phone);
  now += 30 * 60_000;
  tell(phone);
  expect(notices).toHaveLength(3);
  // A notice is sent once by its id.
  expect(new Set(notices).size).toBe(2);
});
