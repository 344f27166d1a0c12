import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { phone } from './pipeline.ts';
import type { Pipeline } from './pipeline.ts';
import { until } from './until.ts';

/** Waits until nothing is under way, in any conversation's turn or in the first phone's boxes. */
export async function settled({ redis }: Pick<Pipeline, 'redis'>): Promise<void> {
  const lists = [
    keys.inbox(phone),
    keys.outbox(phone),
    `${prefix}:turns:active`,
    `${prefix}:deliveries:active`,
  ];
  await until('nothing is under way', async () =>
    (await Promise.all(lists.map((list) => redis.llen(list)))).every((length) => length === 0),
  );
}
