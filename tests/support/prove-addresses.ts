import { createIntake } from '../../shared/store/boxes/intake.ts';
import { createTurns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { newSid } from './relay-bench.ts';

/** Takes in a message whose webhook proves that its sender has these addresses as well. */
export async function proveAddresses(
  redis: Redis,
  conversation: string,
  ...proven: string[]
): Promise<void> {
  const turns = createTurns(redis);
  const sender = { address: conversation, conversation, proven, rivals: [] };
  const message = { conversation, at: new Date().toISOString(), text: 'hello', media: [] };
  await createIntake(turns)({ ...message, id: newSid() }, sender);
  await turns.close();
}
