import { z } from 'zod';
import { parseJson } from '../../runtime/json.ts';
import { keys } from '../redis/keys.ts';
import { readMessage } from '../message.ts';
import type { Message } from '../message.ts';
import type { Redis } from '../redis/redis.ts';

/** Messages given up before this time (ISO 8601) are dropped. */
export function forgottenBefore(now: number, retentionDays: number): string {
  return new Date(now - retentionDays * 24 * 3600_000).toISOString();
}

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
