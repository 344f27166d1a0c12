import { z } from 'zod';
import { boxesLua } from './box-counts.ts';
import { keys, prefix } from '../redis/keys.ts';
import type { Log } from '../../runtime/log.ts';
import type { Deliveries, Turns } from '../queues.ts';
import type { Redis } from '../redis/redis.ts';
import { defineScript, runScript } from '../redis/script.ts';

/** How many conversations one step checks: the script blocks Redis meanwhile. */
const batch = 500;

/**
 * Lua that finds a box with entries and no job to empty it. A job's name under the deduplication
 * key counts only while the job exists.
 */
export const isStrandedLua = `
  local function isStranded(prefix, queue, box, conversation)
    if redis.call('LLEN', prefix .. ':' .. box .. ':' .. conversation) == 0 then return false end
    local job = redis.call('GET', prefix .. ':' .. queue .. ':de:' .. conversation)
    return not job or redis.call('EXISTS', prefix .. ':' .. queue .. ':' .. job) == 0
  end`;

const strandedScript = defineScript({
  name: 'sidepocketStranded',
  keys: ['conversations'],
  args: ['prefix'],
  rest: 'candidates',
  // Returns the conversations that need a turn, and those that need a delivery. An earlier version
  // kept all conversations in one set only.
  lua: `-- derives inbox:*, outbox:*, turns:*, deliveries:*, parked:*, parking, conversation:*, given-up
    ${boxesLua}
    ${isStrandedLua}
    local turns, deliveries = {}, {}
    for _, conversation in ipairs(candidates) do
      if isStranded(prefix, 'turns', 'inbox', conversation) then turns[#turns + 1] = conversation end
      if isStranded(prefix, 'deliveries', 'outbox', conversation) then deliveries[#deliveries + 1] = conversation end
      leave(prefix .. ':inbox:' .. conversation)
    end
    return { turns, deliveries }`,
});

const Stranded = z.tuple([z.array(z.string()), z.array(z.string())]);

/**
 * Adds a missing turn for every inbox with messages, and a missing delivery for every outbox with
 * replies: a crash between two steps may have stranded them. Returns how many jobs it added.
 */
export async function sweep(
  redis: Redis,
  turns: Turns,
  deliveries: Deliveries,
  log: Log,
): Promise<number> {
  let added = 0;
  let cursor = '0';
  do {
    const [next, conversations] = await redis.sscan(keys.conversations, cursor, 'COUNT', batch);
    cursor = next;
    if (conversations.length === 0) continue;
    added += await sweepAmong(conversations, redis, turns, deliveries);
  } while (cursor !== '0');
  if (added > 0) log.info({ added }, 'swept');
  return added;
}

/** Like `sweep`, for the given conversations only. */
export async function sweepAmong(
  conversations: string[],
  redis: Redis,
  turns: Turns,
  deliveries: Deliveries,
): Promise<number> {
  const where = { conversations: keys.conversations };
  const found = await runScript(redis, strandedScript, {
    keys: where,
    args: { prefix },
    rest: conversations,
  });
  const [inboxes, outboxes] = Stranded.parse(found);
  for (const conversation of inboxes) await turns.add(conversation);
  for (const conversation of outboxes) await deliveries.add(conversation);
  return inboxes.length + outboxes.length;
}
