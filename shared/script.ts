import type { Redis } from './redis.ts';

/**
 * A Lua script with its number of keys. `name` is how ioredis registers it, so it must be unique in the system.
 * Scripts run atomically in Redis: they are the system's only way to look and then act.
 */
export type Script = { name: string; keys: number; lua: string };

/** Registers the script on a connection. */
function defineScript(redis: Redis, script: Script): void {
  redis.defineCommand(script.name, { numberOfKeys: script.keys, lua: script.lua });
}

/** Runs the script and returns Redis's reply as it is. ioredis sends the digest, and the text when Redis does not know it. */
export async function runScript(redis: Redis, script: Script, args: (string | number)[]): Promise<unknown> {
  if (!(script.name in redis)) defineScript(redis, script);
  const run: unknown = Reflect.get(redis, script.name);
  if (typeof run !== 'function') throw new TypeError(`script ${script.name} is not registered`);
  return await Reflect.apply(run, redis, args);
}

/** A hash as a script returns it, each field followed by its value. */
export function fieldsOf(flat: string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let index = 0; index + 1 < flat.length; index += 2) fields[flat[index] ?? ''] = flat[index + 1] ?? '';
  return fields;
}
