import { parseJson, wellFormedJson } from './json.ts';
import type { Redis } from './redis.ts';

/**
 * A Lua script with its number of keys. `name` is how ioredis registers it, so it must be unique in the system.
 * Scripts run atomically in Redis: they are the system's only way to look and then act. A key that is not in KEYS is made of the prefix and what a key in KEYS holds or an argument
 * names; the line `-- derives …` in the script says which, after the prefix, and a test holds every script to it.
 */
export type Script = { name: string; keys: number; lua: string };

/** Bytes are for what was read as such and must be found again as it is. */
export type ScriptArgument = string | number | Buffer;

/** Registers the script on a connection. */
function defineScript(redis: Redis, script: Script): void {
  redis.defineCommand(script.name, { numberOfKeys: script.keys, lua: script.lua });
}

/** Runs the script and returns Redis's reply as it is. ioredis sends the digest, and the text when Redis does not know it. */
export async function runScript(redis: Redis, script: Script, args: ScriptArgument[]): Promise<unknown> {
  return await run(redis, script, script.name, args);
}

/** The same with each string of the reply as its bytes, for what may be no text. */
export async function runScriptForBytes(redis: Redis, script: Script, args: ScriptArgument[]): Promise<unknown> {
  return await run(redis, script, `${script.name}Buffer`, args);
}

async function run(redis: Redis, script: Script, method: string, args: ScriptArgument[]): Promise<unknown> {
  if (!(script.name in redis)) defineScript(redis, script);
  const run: unknown = Reflect.get(redis, method);
  if (typeof run !== 'function') throw new TypeError(`script ${script.name} is not registered`);
  return await Reflect.apply(run, redis, args.map(toLua));
}

/**
 * An argument as Lua takes it, whatever it was made of: text is well formed, and so is each string within a JSON text.
 * cjson refuses the escape of a half of a surrogate pair, and a script that throws stops its conversation. Every script
 * gets its arguments through here, also within a transaction. Bytes stay as they are.
 */
export function toLua(argument: ScriptArgument): ScriptArgument {
  if (typeof argument !== 'string') return argument;
  const text = argument.toWellFormed();
  const repaired = /^[[{"]/.test(text) ? wellFormedJson(text) : text;
  // What only looks like JSON is text, where a backslash is a backslash.
  return repaired === text || parseJson(text) === undefined ? text : repaired;
}

/** A hash as a script returns it, each field followed by its value. */
export function fieldsOf(flat: string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let index = 0; index + 1 < flat.length; index += 2) fields[flat[index] ?? ''] = flat[index + 1] ?? '';
  return fields;
}
