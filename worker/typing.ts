import type { Messenger } from '../shared/messenger.ts';

/** Twilio's indicator lasts up to 25 s (twilio.com/docs/whatsapp/api/typing-indicators-resource); it is renewed a little earlier (ms). */
const renewMs = 20_000;

/** Shows "typing…" for a message and keeps it showing while `isAlive` says so. Returns how to end it. */
export function createTyping(messenger: Messenger): (messageId: string, isAlive: () => boolean) => () => void {
  return (messageId, isAlive) => {
    void messenger.showTyping(messageId);
    const timer = setInterval(() => {
      if (isAlive()) void messenger.showTyping(messageId);
    }, renewMs);
    return () => clearInterval(timer);
  };
}
