import { expect, test } from 'vitest';
import { lazy } from '../../shared/runtime/lazy.ts';

test('it is created once, for calls at the same time as well, and again after a failure only', async () => {
  let [created, isBroken] = [0, true];
  const get = lazy(async () => {
    created += 1;
    if (isBroken) throw new Error('broken');
    return { number: created };
  });
  await expect(Promise.allSettled([get(), get()])).resolves.toMatchObject([
    { status: 'rejected' },
    { status: 'rejected' },
  ]);
  expect(created).toBe(1);
  isBroken = false;
  const [one, other] = await Promise.all([get(), get()]);
  expect(one).toBe(other);
  expect(await get()).toBe(one);
  expect(created).toBe(2);
});
