import { z } from 'zod';
import { keys, ofHome, prefix } from '../redis/keys.ts';
import type { HomeSuffix } from '../redis/keys.ts';
import type { Log } from '../../runtime/log.ts';
import type { Deliveries, Turns } from '../queues.ts';
import type { Redis } from '../redis/redis.ts';
import { runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/** How many conversations one step checks: the script blocks Redis meanwhile. */
const batch = 500;

const strandedScript = loadScript(new URL('lua/stranded.lua', import.meta.url), {
  keys: ['conversations'],
  args: ['prefix'],
  rest: 'candidates',
});

const Stranded = z.tuple([z.array(z.string()), z.array(z.string())]);

/** The sets of waiting conversations of these homes. */
export function waitingSets(homes: readonly HomeSuffix[]): string[] {
  return homes.map((home) => ofHome(keys.conversations, home));
}

/**
 * Adds a missing turn for every inbox with messages, and a missing delivery for every outbox with
 * replies: a crash between two steps may have stranded them. Looks at these homes, by default at
 * the first. Returns how many jobs it added.
 */
export async function sweep(
  { redis, turns, deliveries }: { redis: Redis; turns: Turns; deliveries: Deliveries },
  log: Log,
  homes: readonly HomeSuffix[] = [''],
): Promise<number> {
  let added = 0;
  for (const set of waitingSets(homes)) {
    let cursor = '0';
    do {
      const [next, conversations] = await redis.sscan(set, cursor, 'COUNT', batch);
      cursor = next;
      if (conversations.length === 0) continue;
      added += await sweepAmong(conversations, redis, turns, deliveries);
    } while (cursor !== '0');
  }
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
