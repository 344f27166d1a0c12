import { keys } from '../store/redis/keys.ts';
import type { Message } from '../store/message.ts';
import type { Messenger } from './messenger.ts';
import type { Redis } from '../store/redis/redis.ts';

/**
 * Twilio's indicator lasts up to 25 s (twilio.com/docs/whatsapp/api/typing-indicators-resource); it
 * is renewed a little earlier (ms).
 */
const renewMs = 20_000;

/**
 * Shows "typing…" in a chat, which also marks the message as read. Its failures are harmless and
 * silent.
 */
export type Typing = {
  /** Shows it now, unless a process did so in the last 20 s. Never throws. */
  show(conversation: string, messageId: string): Promise<void>;
  /**
   * Keeps it showing under the message that `current` names (undefined: not now), from `begin` to
   * `end`. The relay shows it first when it accepts the message, so the first renewal comes when
   * that indicator expires.
   */
  keep(
    conversation: string,
    current: () => Pick<Message, 'id' | 'at'> | undefined,
  ): { begin(): void; end(): void };
};

export function createTyping(redis: Redis, messenger: Messenger): Typing {
  /**
   * When this process's indicator expires (ms since 1970): until then Redis need not be queried.
   */
  const shownUntil = new Map<string, number>();
  const show = async (conversation: string, messageId: string): Promise<void> => {
    const now = Date.now();
    if ((shownUntil.get(conversation) ?? 0) > now) return;
    const until = now + renewMs - 500;
    shownUntil.set(conversation, until);
    const isFirst = await redis
      .set(keys.typing(conversation), messageId, 'PX', renewMs - 500, 'NX')
      .catch(() => null);
    if (isFirst) await messenger.showTyping(messageId);
    else shownUntil.delete(conversation);
  };
  return {
    show,
    keep(conversation, current) {
      let timer: NodeJS.Timeout | undefined;
      const renewIn = (ms: number): void => {
        timer = setTimeout(() => {
          const message = current();
          if (message) void show(conversation, message.id);
          renewIn(renewMs);
        }, ms);
      };
      return {
        begin() {
          const message = current();
          const age = message ? Date.now() - Date.parse(message.at) : 0;
          renewIn(Math.min(Math.max(renewMs - age, 0), renewMs));
        },
        end: () => clearTimeout(timer),
      };
    },
  };
}
