import { expect, test } from 'vitest';
import { createSlots } from '../../worker/process/slots.ts';

test('so many work at once, the others in the order in which they came; who leaves the line makes way', async () => {
  const slots = createSlots(2);
  const [a, b, c, d, e] = [
    slots.enter(),
    slots.enter(),
    slots.enter(),
    slots.enter(),
    slots.enter(),
  ];
  expect([a, b, c, d, e].map((place) => place.isGranted())).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  expect([b, c, d, e].map((place) => place.position())).toEqual([0, 1, 2, 3]);
  d.leave();
  expect([c, e].map((place) => place.position())).toEqual([1, 2]);
  a.leave();
  await c.granted;
  expect([c.isGranted(), e.isGranted(), slots.taken()]).toEqual([true, false, 2]);
  a.leave();
  expect(e.isGranted()).toBe(false);
  b.leave();
  await e.granted;
  expect(slots.taken()).toBe(2);
});
