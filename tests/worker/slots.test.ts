import { expect, test } from 'vitest';
import { createSlots } from '../../worker/process/slots.ts';

test('a free slot goes round by person: many turns of one do not keep another waiting', async () => {
  const slots = createSlots(1);
  const working = slots.request('ann');
  const anns = Array.from({ length: 5 }, () => slots.request('ann'));
  expect(slots.isWanted('ann')).toBe(false);
  const bobs = [slots.request('bob'), slots.request('bob')];
  const cara = slots.request('cara');
  expect([...anns, ...bobs, cara].map((request) => request.position())).toEqual([
    3, 5, 6, 7, 8, 1, 4, 2,
  ]);
  const names = new Map([
    ...anns.map((request, index) => [request, `ann ${index + 1}`] as const),
    ...bobs.map((request, index) => [request, `bob ${index + 1}`] as const),
    [cara, 'cara'],
  ]);
  const order: string[] = [];
  working.leave();
  for (let left = names.size; left > 0; left -= 1) {
    const [request, name] = [...names].find(([one]) => one.isGranted()) ?? [];
    order.push(name ?? 'nobody');
    if (request) names.delete(request);
    request?.leave();
  }
  expect(order).toEqual(['bob 1', 'cara', 'ann 1', 'bob 2', 'ann 2', 'ann 3', 'ann 4', 'ann 5']);
});

test('who holds fewer slots is next, and a turn that worked before goes before all', async () => {
  const slots = createSlots(3);
  const [bob, , ann] = ['bob', 'bob', 'ann'].map((person) => slots.request(person));
  const [bobs, anns] = [slots.request('bob'), slots.request('ann')];
  expect([bobs.position(), anns.position()]).toEqual([2, 1]);
  // Bob got his last one before, and holds two.
  ann?.leave();
  expect([bobs.isGranted(), anns.isGranted()]).toEqual([false, true]);
  const back = slots.request('ann', true);
  expect([back.position(), bobs.position()]).toEqual([1, 2]);
  expect(['ann', 'bob', 'cara'].map(slots.isWanted)).toEqual([true, true, true]);
  bob?.leave();
  expect([back.isGranted(), bobs.isGranted()]).toEqual([true, false]);
  expect(['ann', 'bob'].map(slots.isWanted)).toEqual([true, false]);
});

test('so many work at once, the others in the order in which they came; who leaves the line makes way', async () => {
  const slots = createSlots(2);
  const [a, b, c, d, e] = [
    slots.request(),
    slots.request(),
    slots.request(),
    slots.request(),
    slots.request(),
  ];
  expect([a, b, c, d, e].map((request) => request.isGranted())).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  expect([b, c, d, e].map((request) => request.position())).toEqual([0, 1, 2, 3]);
  d.leave();
  expect([c, e].map((request) => request.position())).toEqual([1, 2]);
  a.leave();
  await c.granted;
  expect([c.isGranted(), e.isGranted(), slots.taken()]).toEqual([true, false, 2]);
  a.leave();
  expect(e.isGranted()).toBe(false);
  b.leave();
  await e.granted;
  expect(slots.taken()).toBe(2);
});
