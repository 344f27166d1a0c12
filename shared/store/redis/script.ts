import { parseJson, wellFormedJson } from '../../runtime/json.ts';
import type { Redis } from './redis.ts';

/**
 * A Lua script, which speaks of what it is given by name: a header that `defineScript` writes takes
 * the names from KEYS and ARGV, and a call gives each its value. `name` is how ioredis registers
 * it, so it must be unique in the system. Scripts run atomically in Redis: they are the system's
 * only way to look and then act. A key that is not in KEYS is made of the prefix and what a key in
 * KEYS holds or an argument names; the line `-- derives …` in the script says which, after the
 * prefix, and a test holds every script to it.
 */
export type Script = {
  name: string;
  keys?: readonly string[];
  args?: readonly string[];
  /** Names the list of all further arguments. */
  rest?: string;
  /**
   * The script asks `isFenced()` whether another works the caller's job now; `optional`: a call may
   * have no job.
   */
  fence?: 'required' | 'optional';
  lua: string;
};

/** Bytes are for what was read as such and must be found again as it is. */
export type ScriptArgument = string | number | Buffer;

/** BullMQ's lock on a job and the token that it holds as long as the job is the caller's. */
type Lock = { lock: string; token: string };

/** A value for each name of the script's, and for no other. */
export type ScriptInput<S extends Script> = (S extends {
  keys: readonly (infer Key extends string)[];
}
  ? { keys: Record<Key, string> }
  : unknown) &
  (S extends { args: readonly (infer Arg extends string)[] }
    ? { args: Record<Arg, ScriptArgument> }
    : unknown) &
  (S extends { rest: string } ? { rest: readonly ScriptArgument[] } : unknown) &
  (S extends { fence: 'required' } ? { fence: Lock } : unknown) &
  (S extends { fence: 'optional' } ? { fence: Lock | undefined } : unknown);

/** The same for any script. */
type AnyInput = {
  keys?: Record<string, string>;
  args?: Record<string, ScriptArgument>;
  rest?: readonly ScriptArgument[];
  fence?: Lock | undefined;
};

/** A script with what it is run with, as Redis takes it. */
export type ScriptCall = { name: string; lua: string; keys: string[]; args: ScriptArgument[] };

/**
 * Puts the header before the script. Its names are locals of the script, which must not call
 * anything else by them.
 */
export function defineScript<const S extends Script>(script: S): S {
  return { ...script, lua: `${headerOf(script)}${script.lua}` };
}

function headerOf({ keys = [], args = [], rest, fence }: Script): string {
  const [allKeys, allArgs] = fence
    ? [
        ['lock', ...keys],
        ['token', ...args],
      ]
    : [keys, args];
  const lines = [...namesOf(allKeys, 'KEYS'), ...namesOf(allArgs, 'ARGV')];
  // A loop, since Lua unpacks no list of some thousands.
  const count = allArgs.length;
  if (rest)
    lines.push(
      `local ${rest} = {}`,
      `for i = ${count + 1}, #ARGV do ${rest}[i - ${count}] = ARGV[i] end`,
    );
  const hasJob = fence === 'optional' ? `token ~= '' and ` : '';
  if (fence)
    lines.push(`local function isFenced() return ${hasJob}redis.call('GET', lock) ~= token end`);
  return lines.map((line) => `${line}\n`).join('');
}

function namesOf(names: readonly string[], list: 'KEYS' | 'ARGV'): string[] {
  const places = names.map((_, index) => `${list}[${index + 1}]`);
  return names.length === 0 ? [] : [`local ${names.join(', ')} = ${places.join(', ')}`];
}

/** The values in the order of the header, each as Lua takes it. */
export function callOf<S extends Script>(script: S, input: ScriptInput<S>): ScriptCall {
  const { name, lua, keys = [], args = [], fence }: Script = script;
  const given = input as AnyInput;
  const valueOf = <T>(values: Record<string, T> | undefined, of: string): T => {
    const value = values?.[of];
    if (value === undefined) throw new TypeError(`script ${name} is given no ${of}`);
    return value;
  };
  const allKeys = keys.map((key) => valueOf(given.keys, key));
  const allArgs = [...args.map((arg) => valueOf(given.args, arg)), ...(given.rest ?? [])];
  if (fence) {
    // Without a job any key of the script's stands for the lock: it is not looked at.
    allKeys.unshift(given.fence?.lock ?? allKeys[0] ?? '');
    allArgs.unshift(given.fence?.token ?? '');
  }
  return { name, lua, keys: allKeys.map((key) => key.toWellFormed()), args: allArgs.map(toLua) };
}

/**
 * Runs the script and returns Redis's reply as it is. ioredis sends the digest, and the text when
 * Redis does not know it.
 */
export async function runScript<S extends Script>(
  redis: Redis,
  script: S,
  input: ScriptInput<S>,
): Promise<unknown> {
  return await run(redis, callOf(script, input), script.name);
}

/** The same with each string of the reply as its bytes, for what may be no text. */
export async function runScriptForBytes<S extends Script>(
  redis: Redis,
  script: S,
  input: ScriptInput<S>,
): Promise<unknown> {
  return await run(redis, callOf(script, input), `${script.name}Buffer`);
}

async function run(
  redis: Redis,
  { name, lua, keys, args }: ScriptCall,
  method: string,
): Promise<unknown> {
  if (!(name in redis)) redis.defineCommand(name, { numberOfKeys: keys.length, lua });
  const run: unknown = Reflect.get(redis, method);
  if (typeof run !== 'function') throw new TypeError(`script ${name} is not registered`);
  return await Reflect.apply(run, redis, [...keys, ...args]);
}

/**
 * An argument as Lua takes it, whatever it was made of: text is well formed, and so is each string
 * within a JSON text. cjson refuses the escape of a half of a surrogate pair, and a script that
 * throws stops its conversation. Every script gets its arguments through here, also within a
 * transaction. Bytes stay as they are.
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
  for (let index = 0; index + 1 < flat.length; index += 2)
    fields[flat[index] ?? ''] = flat[index + 1] ?? '';
  return fields;
}
