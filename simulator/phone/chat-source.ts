import type { ChatEvent, ChatMessage, PhoneInput } from '../chat.ts';

/**
 * The phone page's source of chats and sink for a person's actions. Contract: phones are E.164
 * numbers; a number never seen before has an empty chat and is not an error.
 */
export interface ChatSource {
  /**
   * Every message of this phone's chat, oldest first; with `underway` also those that have not
   * arrived, as `queued`.
   */
  messages(phone: string, underway?: boolean): ChatMessage[];
  /** Calls the listener for every event of every phone until the returned function is called. */
  on(listener: (event: ChatEvent) => void): () => void;
  /**
   * Sends as this phone. `status` is the product's HTTP answer to the webhook, 0 when there was
   * none. Throws a RangeError with a sentence for the person when this input cannot be sent.
   */
  receive(phone: string, input: PhoneInput): Promise<{ sid: string; status: number }>;
  /** The person has looked at the chat: what arrived so far counts as read. */
  markRead(phone: string): void;
  /**
   * Acts as if the person last wrote more than 24 hours ago, so that only templates get through.
   */
  closeWindow(phone: string): void;
}

/** The state of the turn that a message started. */
export type TurnState = 'waiting' | 'working' | 'answered' | 'failed';
