import type { Redis } from '../../shared/store/redis/redis.ts';

/** The content of every key, in a form that does not depend on Redis's own order. */
const script = `
  local dump = {}
  for _, key in ipairs(redis.call('KEYS', '*')) do
    local kind = redis.call('TYPE', key)['ok']
    local all = {}
    if kind == 'string' then all = { redis.call('GET', key) }
    elseif kind == 'list' then all = redis.call('LRANGE', key, 0, -1)
    elseif kind == 'zset' then all = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    elseif kind == 'set' then all = redis.call('SMEMBERS', key) table.sort(all)
    elseif kind == 'hash' then
      local flat = redis.call('HGETALL', key)
      for i = 1, #flat, 2 do all[#all + 1] = flat[i] .. ': ' .. flat[i + 1] end
      table.sort(all)
    end
    dump[key] = { kind, unpack(all) }
  end
  return cjson.encode(dump)`;

/**
 * Everything that a Redis holds, by key, but how long it holds it and the keys that `without`
 * names: to see that something has changed nothing.
 */
export async function dumpRedis(
  redis: Redis,
  without: (key: string) => boolean = () => false,
): Promise<Record<string, unknown>> {
  const dump = JSON.parse(String(await redis.eval(script, 0))) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(dump)
      .filter(([key]) => !without(key))
      .toSorted(([one], [other]) => one.localeCompare(other)),
  );
}
