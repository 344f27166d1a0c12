import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { Redis } from '../../shared/store/redis/redis.ts';

const fields = z.record(z.string(), z.string());
const items = z.array(z.string());

/** What a Redis held, by key, as a fixture keeps it. */
const Stored = z.record(
  z.string(),
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('string'), value: z.string() }),
    z.object({ type: z.literal('list'), value: items }),
    z.object({ type: z.literal('set'), value: items }),
    z.object({ type: z.literal('zset'), value: items }),
    z.object({ type: z.literal('hash'), value: fields }),
  ]),
);
export type Stored = z.infer<typeof Stored>;

export function readStored(file: string): Stored {
  return Stored.parse(
    JSON.parse(readFileSync(path.join(import.meta.dirname, '..', 'fixtures', file), 'utf8')),
  );
}

/**
 * Puts it into a Redis that has none of it, in one step: a relay that runs beside it must not find
 * messages before the job that works them.
 */
export async function restoreStored(redis: Redis, stored: Stored): Promise<void> {
  const step = redis.multi();
  for (const [key, entry] of Object.entries(stored)) {
    if (entry.type === 'string') step.set(key, entry.value);
    else if (entry.type === 'hash') step.hset(key, entry.value);
    else if (entry.type === 'set') step.sadd(key, ...entry.value);
    else if (entry.type === 'list') step.rpush(key, ...entry.value);
    // Members come with their scores after them; ZADD wants them before.
    else
      step.zadd(
        key,
        ...entry.value.flatMap((member, index, all) =>
          index % 2 === 0 ? [all[index + 1] ?? '0', member] : [],
        ),
      );
  }
  await step.exec();
}
