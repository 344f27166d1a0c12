import type { Redis } from './redis.ts';
import { runScript } from './script.ts';
import { loadScript } from './script-file.ts';

const script = loadScript(new URL('lua/first-to-exist.lua', import.meta.url), { rest: 'names' });

/** The index of the first of these keys of jobs that exists, in one command; undefined without. */
export async function firstToExist(
  redis: Redis,
  names: readonly string[],
): Promise<number | undefined> {
  const place = Number(await runScript(redis, script, { rest: names }));
  return place === 0 ? undefined : place - 1;
}
