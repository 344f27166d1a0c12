import { randomUUID } from 'node:crypto';
import { keys } from './keys.ts';

/**
 * How long a call's reply is kept (s): a connection that broke resends a script as soon as it is
 * back.
 */
const lifetime = 3600;

/**
 * Lua for a script that must take effect only once although ioredis resends it when the connection
 * breaks before its reply: the same call gets the reply of its first run. `call` is a key of
 * `callKey`; replies are strings or whole numbers.
 */
export const idempotentLua = `
  local function once(call, work)
    local known = redis.call('GET', call)
    if known then return cjson.decode(known)[1] end
    local reply = work()
    redis.call('SET', call, cjson.encode({ reply }), 'EX', ${lifetime})
    return reply
  end`;

/** A new key for one call. */
export function callKey(): string {
  return keys.call(randomUUID());
}
