import { keys } from './keys.ts';
import type { Messenger } from './messenger.ts';
import type { Redis } from './redis.ts';

/** Twilio's indicator lasts up to 25 s (twilio.com/docs/whatsapp/api/typing-indicators-resource); it is renewed a little earlier (ms). */
const renewMs = 20_000;

/** Shows "typing…" in a chat, which also marks the message as read. All of its failures are harmless and silent. */
export type Typing = {
  /** Shows it now, unless some process did so in the last 20 s. Never throws. */
  show(conversation: string, messageId: string): Promise<void>;
  /** Shows it at once when asked to, and again and again, under the message that `current` names; undefined: not now. */
  keep(conversation: string, current: () => string | undefined): { showNow(): void; end(): void };
};

export function createTyping(redis: Redis, messenger: Messenger): Typing {
  const show = async (conversation: string, messageId: string): Promise<void> => {
    const isFirst = await redis.set(keys.typing(conversation), messageId, 'PX', renewMs - 500, 'NX').catch(() => null);
    if (isFirst) await messenger.showTyping(messageId);
  };
  return {
    show,
    keep(conversation, current) {
      const showNow = (): void => {
        const messageId = current();
        if (messageId !== undefined) void show(conversation, messageId);
      };
      const timer = setInterval(showNow, renewMs);
      return { showNow, end: () => clearInterval(timer) };
    },
  };
}
