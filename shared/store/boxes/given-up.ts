import { z } from 'zod';
import { parseJson } from '../../runtime/json.ts';
import { keys } from '../redis/keys.ts';
import { readMessage } from '../message.ts';
import type { Message } from '../message.ts';
import type { Redis } from '../redis/redis.ts';

/** The most given-up messages kept for a retry per conversation. */
const mostKept = 100;

/** Messages given up before this time (ISO 8601) are dropped. */
export function forgottenBefore(now: number, retentionDays: number): string {
  return new Date(now - retentionDays * 24 * 3600_000).toISOString();
}

/**
 * Lua that stores given-up messages, each once and byte for byte, in the conversation's `failed`;
 * `failedMeta` has the time and the turn of each by its id. Entries of an earlier version have
 * neither: they get the current time, so that they expire as well. Requires `entryLua` and
 * `buryLua`.
 */
export const keepLua = `
  -- derives given-up
  local function keep(conversation, dead, number, entries, sentence, now, before, lifetime)
    local stored = redis.call('HGET', conversation, 'failed')
    local all, known, meta = stored and decode(stored) or {}, {}, decode(redis.call('HGET', conversation, 'failedMeta') or '{}')
    if stored and stored ~= '[]' and #all == 0 then bury(dead, lifetime, now, 'failed', number, stored) end
    for _, raw in ipairs(all) do
      known[raw] = true
      local id = textOf(raw) and idOf(raw)
      if id and not meta[id] then meta[id] = { at = now } end
    end
    for _, raw in ipairs(entries) do
      if not known[raw] then all[#all + 1] = raw end
      meta[idOf(raw)] = { at = now, turn = sentence and sentence.turn or nil }
    end
    local left, leftMeta = {}, {}
    for index, raw in ipairs(all) do
      local id = textOf(raw) and idOf(raw)
      local isOld = id and type(meta[id]) == 'table' and (textOf(meta[id].at) or now) < before
      if not isOld and index > #all - ${mostKept} then
        left[#left + 1] = raw
        if id then leftMeta[id] = meta[id] end
      end
    end
    redis.call(#left == 0 and 'SREM' or 'SADD', string.match(dead, '^{[^}]*}') .. ':given-up', number)
    if #left == 0 then
      redis.call('HDEL', conversation, 'failed', 'failedMeta')
    else
      redis.call('HSET', conversation, 'failed', cjson.encode(left), 'failedMeta', cjson.encode(leftMeta))
    end
  end`;

/** The messages that a turn gave up together; `at` is the time in ms since 1970. */
export type GivenUp = { turn: string; at: number; messages: Message[] };

const Meta = z.record(
  z.string(),
  z.object({ at: z.string().optional(), turn: z.string().optional() }).catch({}),
);

/** The given-up messages of a conversation that can be retried, the latest first. */
export async function readGivenUp(
  redis: Redis,
  conversation: string,
  before: string,
): Promise<GivenUp[]> {
  const [failed, stored] = await redis.hmget(
    keys.conversation(conversation),
    'failed',
    'failedMeta',
  );
  const entries = parseJson(failed ?? '[]');
  const messages = Array.isArray(entries)
    ? entries.flatMap((raw) => readMessage(String(raw)) ?? [])
    : [];
  const meta = Meta.safeParse(parseJson(stored ?? '{}')).data ?? {};
  const groups = new Map<string, GivenUp>();
  for (const message of messages) {
    const { at, turn: noted } = meta[message.id] ?? {};
    if (at !== undefined && at < before) continue;
    // An earlier version stored the turn with the message only.
    const turn = noted ?? (await redis.hget(keys.message(message.id), 'turn')) ?? message.id;
    const group = groups.get(turn);
    groups.delete(turn);
    groups.set(turn, {
      turn,
      at: Date.parse(at ?? message.at),
      messages: [...(group?.messages ?? []), message],
    });
  }
  return [...groups.values()].toReversed();
}
