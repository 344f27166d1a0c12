import { keys } from './keys.ts';
import type { Redis } from './redis.ts';
import { defineScript, runScript } from './script.ts';

/**
 * Lua that tells since when the store is what it is now (ISO 8601; '' when it has always been):
 * another run of Redis, another history of it, or a counter that went back mean that the end of
 * what was written may be missing, as after a fail-over or a restored copy. What is older than that
 * may have been answered or sent by what is missing. `seen` is the highest count that the caller
 * knows. A server that does not tell scripts of itself is judged by the counter alone. Returns the
 * time and the count.
 */
export const epochLua = `
  local function told(part, pattern)
    local known, info = pcall(redis.call, 'INFO', part)
    return known and string.match(info, pattern) or ''
  end
  local function epochOf(key, now, seen, first)
    local identity = told('server', 'run_id:(%w+)') .. ' ' .. told('replication', 'master_replid:(%w+)')
    local known, since, count = unpack(redis.call('HMGET', key, 'identity', 'since', 'count'))
    if not known then since = first and now or '' end
    if known and (known ~= identity or tonumber(count or '0') < tonumber(seen)) then since = now end
    if known ~= identity or tonumber(count or '0') < tonumber(seen) then redis.call('HSET', key, 'identity', identity, 'since', since, 'count', seen) end
    return since or '', redis.call('HINCRBY', key, 'count', 1)
  end`;

const beginScript = defineScript({
  name: 'sidepocketEpoch',
  keys: ['epoch', 'conversations', 'known'],
  args: ['now'],
  // A store that has no epoch yet and is not empty was written by an earlier version, or comes from
  // a copy of its data.
  lua: `${epochLua}
    return epochOf(epoch, now, '0', redis.call('EXISTS', conversations, known) > 0)`,
});

/**
 * Notes which Redis this is, before anything is worked. Returns since when it is (ISO 8601), or ''.
 */
export async function beginEpoch(redis: Redis, now: Date = new Date()): Promise<string> {
  const where = { epoch: keys.epoch, conversations: keys.conversations, known: keys.known };
  return String(
    await runScript(redis, beginScript, { keys: where, args: { now: now.toISOString() } }),
  );
}

const memories = new WeakMap<Redis, { seen: number }>();

/**
 * What a connection's process knows of the count: two parts that use one connection learn from each
 * other.
 */
export function epochMemory(redis: Redis): { seen: number } {
  const known = memories.get(redis) ?? { seen: 0 };
  memories.set(redis, known);
  return known;
}
