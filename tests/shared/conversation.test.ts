import { expect, test } from 'vitest';
import { createConversations } from '../../shared/store/conversation.ts';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { withRedis } from '../support/redis.ts';

const conversation = '+15551230001';
const fence = { lock: keys.jobLock('turns', '1'), token: 'mine' };

test('only who holds the lock writes what a conversation remembers; an emptied field counts as missing', async () => {
  await withRedis(async (redis) => {
    const conversations = createConversations(redis);
    await redis.set(fence.lock, 'other');
    await expect(conversations.write(conversation, fence, { model: 'opus' })).rejects.toThrow(
      FencedError,
    );
    expect(await redis.exists(keys.conversation(conversation))).toBe(0);
    await redis.set(fence.lock, 'mine');
    await conversations.write(conversation, fence, { model: 'opus', timezone: 'Europe/Berlin' });
    await conversations.write(conversation, fence, { model: '' });
    expect(await conversations.read(conversation)).toMatchObject({
      model: undefined,
      timezone: 'Europe/Berlin',
    });
    // Another version knows zones that this one does not.
    await conversations.write(conversation, fence, { timezone: 'Mars/Olympus' });
    expect((await conversations.read(conversation)).timezone).toBeUndefined();
  });
});
