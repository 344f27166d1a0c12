import type { ChatEvent, ChatMessage } from '../../chat.ts';

/** Every chat the page knows: what the server answered, brought up to date by events. */
export class Chats {
  readonly #messages = new Map<string, ChatMessage[]>();
  readonly #typingUntil = new Map<string, number>();
  #sinceReload: ChatEvent[] = [];

  /**
   * Must be called before chats are reloaded, so that events that overtake the answers are not
   * lost.
   */
  beginReload(): void {
    this.#sinceReload = [];
    this.#typingUntil.clear();
  }

  replace(phone: string, messages: ChatMessage[]): void {
    this.#messages.set(phone, messages);
    for (const event of this.#sinceReload) this.#change(event);
  }

  apply(event: ChatEvent): void {
    this.#sinceReload.push(event);
    this.#change(event);
  }

  messages(phone: string): ChatMessage[] {
    return this.#messages.get(phone) ?? [];
  }

  knows(phone: string): boolean {
    return this.#messages.has(phone);
  }

  /**
   * When the typing indicator of this chat ends, in milliseconds since 1970; 0 without an
   * indicator.
   */
  typingUntil(phone: string): number {
    return this.#typingUntil.get(phone) ?? 0;
  }

  /** The number of unread replies on this phone. */
  unread(phone: string): number {
    return this.messages(phone).filter(
      (message) => message.direction === 'outbound' && !settled.has(message.status),
    ).length;
  }

  #change(event: ChatEvent): void {
    if (event.kind === 'message') this.#put(event.message);
    else if (event.kind === 'status') this.#setStatus(event);
    else if (event.kind === 'typing')
      this.#typingUntil.set(event.phone, event.until ? Date.parse(event.until) : 0);
  }

  #put(message: ChatMessage): void {
    const known = this.messages(message.phone);
    const at = known.findIndex((other) => other.sid === message.sid);
    this.#messages.set(
      message.phone,
      at === -1 ? inserted(known, message) : known.with(at, message),
    );
    if (message.direction === 'outbound' && at === -1) this.#typingUntil.delete(message.phone);
  }

  #setStatus({ phone, sid, status, errorCode }: Extract<ChatEvent, { kind: 'status' }>): void {
    const messages = this.messages(phone).map((message) =>
      message.sid === sid ? { ...message, status, errorCode } : message,
    );
    this.#messages.set(phone, messages);
  }
}

/**
 * The chat with a message at its place by time: a picture takes longer than the text that was sent
 * after it.
 */
function inserted(known: ChatMessage[], message: ChatMessage): ChatMessage[] {
  const before = known.findLastIndex(({ at }) => at <= message.at) + 1;
  return known.toSpliced(before, 0, message);
}

const settled = new Set(['read', 'failed', 'undelivered']);
