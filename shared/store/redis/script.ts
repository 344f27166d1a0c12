import { parseJson, wellFormedJson } from '../../runtime/json.ts';
import type { Redis } from './redis.ts';

/**
 * A Lua script that refers to its inputs by name: `defineScript` adds a header that takes the names
 * from KEYS and ARGV, and a call gives each its value. `name` is the script's name in ioredis, so
 * it must be unique in the system. Scripts run atomically in Redis: they are the system's only way
 * to check and then act. A key that is not in KEYS is built from the prefix and the content of a
 * key in KEYS or an argument; the line `-- derives: …` in the script lists these keys, after the
 * prefix, and a test enforces it for every script. The product's scripts are files
 * (`script-file.ts`).
 */
export type Script = {
  name: string;
  keys?: readonly string[];
  args?: readonly string[];
  /** The name of the list of all further arguments. */
  rest?: string;
  /**
   * The script checks `isFenced()`: whether another worker now holds the caller's job; `optional`:
   * a call may have no job.
   */
  fence?: 'required' | 'optional';
  lua: string;
};

/** Bytes are for values that were read as bytes and must match exactly. */
export type ScriptArgument = string | number | Buffer;

/** BullMQ's lock on a job and the token that it contains while the caller holds the job. */
type Lock = { lock: string; token: string };

/** A value for each name of the script, and no others. */
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

/** The input of any script. */
type AnyInput = {
  keys?: Record<string, string>;
  args?: Record<string, ScriptArgument>;
  rest?: readonly ScriptArgument[];
  fence?: Lock | undefined;
};

/** A script with its inputs, in Redis's form. */
export type ScriptCall = { name: string; lua: string; keys: string[]; args: ScriptArgument[] };

/**
 * Prepends its name, as a comment, and the header to the script. The header's names become locals of
 * the script, which must not reuse them.
 */
export function defineScript<const S extends Script>(script: S): S {
  return { ...script, lua: `-- ${script.name}\n${headerOf(script)}${script.lua}` };
}

function headerOf({ keys = [], args = [], rest, fence }: Script): string {
  const [allKeys, allArgs] = fence
    ? [
        ['lock', ...keys],
        ['token', ...args],
      ]
    : [keys, args];
  const lines = [...namesOf(allKeys, 'KEYS'), ...namesOf(allArgs, 'ARGV')];
  // A loop, since Lua cannot unpack a list of several thousand items.
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

/** The values in the header's order, each in Lua's form. */
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
    // Without a job any of the script's keys stands in for the lock: it is not read.
    allKeys.unshift(given.fence?.lock ?? allKeys[0] ?? '');
    allArgs.unshift(given.fence?.token ?? '');
  }
  return { name, lua, keys: allKeys.map((key) => key.toWellFormed()), args: allArgs.map(toLua) };
}

/**
 * Runs the script and returns Redis's raw reply. ioredis sends the digest, and the text if Redis
 * does not know it.
 */
export async function runScript<S extends Script>(
  redis: Redis,
  script: S,
  input: ScriptInput<S>,
): Promise<unknown> {
  return await run(redis, callOf(script, input), script.name);
}

/** Like `runScript`, with each string of the reply as bytes, for values that may not be text. */
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
  return await untilKnown(() => Promise.resolve(Reflect.apply(run, redis, [...keys, ...args])));
}

/** How often a script that Redis does not know is sent in all. */
const mostSendings = 5;

/**
 * Repeats a call that Redis refused because it does not know the script; then it has done nothing.
 * ioredis itself sends the text once after such a refusal, and takes a text that another call has
 * just sent for known: a Redis that loses its scripts again in between refuses the second call,
 * too.
 */
export async function untilKnown<T>(call: () => Promise<T>): Promise<T> {
  for (let sending = 1; ; sending += 1) {
    try {
      return await call();
    } catch (error) {
      const isUnknown = error instanceof Error && error.message.startsWith('NOSCRIPT');
      if (!isUnknown || sending === mostSendings) throw error;
    }
  }
}

/**
 * An argument in Lua's form: text is well formed, and so is each string within a JSON text. cjson
 * refuses an escaped lone surrogate, and a script that throws stops its conversation. Every script
 * gets its arguments through here, also within a transaction. Bytes stay unchanged.
 */
export function toLua(argument: ScriptArgument): ScriptArgument {
  if (typeof argument !== 'string') return argument;
  const text = argument.toWellFormed();
  const repaired = /^[[{"]/.test(text) ? wellFormedJson(text) : text;
  // Text that only looks like JSON is plain text, in which a backslash is a backslash.
  return repaired === text || parseJson(text) === undefined ? text : repaired;
}

/** A hash as a script returns it, each field followed by its value. */
export function fieldsOf(flat: string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let index = 0; index + 1 < flat.length; index += 2)
    fields[flat[index] ?? ''] = flat[index + 1] ?? '';
  return fields;
}
