import { Redis } from 'ioredis';
import { prefix } from '../../shared/store/redis/keys.ts';

/**
 * Commands whose arguments are all keys, those whose first two are, and those that have none. All
 * others have one, in front.
 */
const allKeys = ['DEL', 'EXISTS', 'UNLINK', 'TOUCH'];
const twoKeys = ['RENAME', 'RENAMENX', 'SMOVE', 'LMOVE', 'RPOPLPUSH', 'COPY'];
const noKeys = ['PUBLISH', 'INFO', 'TIME'];

/** Of how many of the last calls of each script it is kept what they got and found. */
const records = 4;
const recordOf = (name: string, which: string): string => `${prefix}:recorded:${name}:${which}`;

/** A call of a script, and what each key that it touched had before, as Redis's DUMP; '' for none. */
export type RecordedCall = { name: string; keys: Buffer[]; args: Buffer[]; found: Buffer[] };

/** The last calls of the guarded scripts in a Redis. */
export async function recordedCalls(redis: Redis): Promise<RecordedCall[]> {
  const lists = await redis.keys(recordOf('*', '[0-9]'));
  return await Promise.all(
    lists.toSorted().map(async (list) => {
      const entries = await redis.lrangeBuffer(list, 0, -1);
      const take = (): Buffer[] => {
        const [count] = entries.splice(0, 1);
        return entries.splice(0, Number(count?.toString()));
      };
      const [keys, args, found] = [take(), take(), take()];
      return { name: list.split(':').at(-2) ?? '', keys, args, found };
    }),
  );
}

/**
 * Lua in front of a script that makes it fail when it touches a key that is neither in KEYS nor
 * derived by a rule of the script's, or that lies in another slot.
 */
function guardOf(lua: string, name: string): string {
  const rules = [...lua.matchAll(/-- derives: ([^\n]+)/g)].flatMap(([, list = '']) =>
    list.split(',').map((rule) => rule.trim()),
  );
  const list = (names: string[]): string => names.map((name) => `['${name}'] = true`).join(', ');
  return `
    local real = redis
    local declared = {}
    for _, key in ipairs(KEYS) do declared[key] = true end
    local rules = { ${rules.map((rule) => `'${rule}'`).join(', ')} }
    local all, two, none = { ${list(allKeys)} }, { ${list(twoKeys)} }, { ${list(noKeys)} }
    local function isDerived(key)
      for _, rule in ipairs(rules) do
        local whole = '${prefix}:' .. rule
        if key == whole then return true end
        if string.sub(whole, -1) == '*' and string.sub(key, 1, #whole - 1) == string.sub(whole, 1, -2) then return true end
      end
      return false
    end
    local touched, kept = {}, {}
    local function check(name, ...)
      local given, command = { ... }, string.upper(name)
      local count = none[command] and 0 or all[command] and #given or two[command] and 2 or 1
      for i = 1, count do
        local key = tostring(given[i])
        if not touched[key] then
          touched[key] = true
          kept[#kept + 1] = key
          kept[#kept + 1] = real.call('DUMP', key) or ''
        end
        if string.sub(key, 1, ${prefix.length + 1}) ~= '${prefix}:' then error('a key of another slot: ' .. key) end
        if not declared[key] and not isDerived(key) then error('a key that is not declared: ' .. key) end
      end
    end
    local redis = setmetatable({
      call = function(...) check(...) return real.call(...) end,
      pcall = function(...) check(...) return real.pcall(...) end,
    }, { __index = real })
    local function body()
      ${lua}
    end
    local result = body()
    local record = '${recordOf(name, '')}' .. real.call('INCR', '${recordOf(name, 'count')}') % ${records}
    real.call('DEL', record)
    for _, list in ipairs({ KEYS, ARGV, kept }) do
      real.call('RPUSH', record, #list)
      for _, entry in ipairs(list) do real.call('RPUSH', record, entry) end
    end
    return result`;
}

/** What a script that travels as text begins with. */
const named = /^-- (sidepocket\w+)\n/;

/**
 * Guards the scripts of every connection that this process makes from now on, and returns those
 * that are run, by their names and as Redis gets them, and what they were refused for. Other test
 * files share this process: `stop` ends it.
 */
export function guardScripts(): { run: Map<string, string>; refused: string[]; stop: () => void } {
  const run = new Map<string, string>();
  const refused: string[] = [];
  const { defineCommand, sendCommand } = Redis.prototype;
  const note = (error: unknown): void => {
    if (error instanceof Error && /not declared|another slot/.test(error.message))
      refused.push(error.message);
  };
  Redis.prototype.defineCommand = function define(name, { lua, ...rest }) {
    if (name.startsWith('sidepocket')) run.set(name, lua);
    defineCommand.call(this, name, {
      ...rest,
      lua: name.startsWith('sidepocket') ? guardOf(lua, name) : lua,
    });
  };
  Redis.prototype.sendCommand = function send(command, ...rest) {
    const text = command.name === 'eval' ? named.exec(String(command.args[0])) : null;
    if (text) {
      run.set(text[1] ?? '', String(command.args[0]));
      command.args[0] = guardOf(String(command.args[0]), text[1] ?? '');
    }
    for (const name of ['evalsha', 'eval']) if (command.name === name) command.promise.catch(note);
    return sendCommand.call(this, command, ...rest);
  };
  return {
    run,
    refused,
    stop: () => void Object.assign(Redis.prototype, { defineCommand, sendCommand }),
  };
}
