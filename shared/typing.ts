import { keys } from './keys.ts';
import type { Messenger } from './messenger.ts';
import type { Redis } from './redis.ts';

/** Twilio's indicator lasts up to 25 s (twilio.com/docs/whatsapp/api/typing-indicators-resource); it is renewed a little earlier (ms). */
const renewMs = 20_000;

/** Shows "typing…" in a chat, which also marks the message as read. All of its failures are harmless and silent. */
export type Typing = {
  /** Shows it now, unless some process did so in the last 20 s. Never throws. */
  show(conversation: string, messageId: string): Promise<void>;
  /** Shows it now and keeps it showing while `isAlive` says so. Returns how to end it. */
  keep(conversation: string, messageId: string, isAlive: () => boolean): () => void;
};

export function createTyping(redis: Redis, messenger: Messenger): Typing {
  const show = async (conversation: string, messageId: string): Promise<void> => {
    const isFirst = await redis.set(keys.typing(conversation), messageId, 'PX', renewMs - 500, 'NX').catch(() => null);
    if (isFirst) await messenger.showTyping(messageId);
  };
  return {
    show,
    keep(conversation, messageId, isAlive) {
      void show(conversation, messageId);
      const timer = setInterval(() => {
        if (isAlive()) void show(conversation, messageId);
      }, renewMs);
      return () => clearInterval(timer);
    },
  };
}
