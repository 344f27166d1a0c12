import { randomUUID } from 'node:crypto';
import { keys } from './keys.ts';

/**
 * How long a call's reply is remembered (s): a connection that was cut sends a script again as soon
 * as it is back.
 */
const lifetime = 3600;

/**
 * Lua for a script that must not take effect twice although ioredis sends it again when the
 * connection broke before its reply: the same call gets the reply of its first run. `call` is a key
 * of `callKey`; replies are strings or whole numbers.
 */
export const onceLua = `
  local function once(call, work)
    local known = redis.call('GET', call)
    if known then return cjson.decode(known)[1] end
    local reply = work()
    redis.call('SET', call, cjson.encode({ reply }), 'EX', ${lifetime})
    return reply
  end`;

/** The key of a call that is made now. */
export function callKey(): string {
  return keys.call(randomUUID());
}
