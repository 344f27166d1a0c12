import { randomBytes } from 'node:crypto';
import type { ChatEvent, ChatMessage, ChatStatus, PhoneInput } from '../../simulator/chat.ts';
import type { ChatSource } from '../../simulator/phone/chat-source.ts';

/**
 * A chat with nobody behind it: remembers what a phone sends, and says what the test tells it to
 * say.
 */
export class MemoryChat implements ChatSource {
  readonly received: { phone: string; input: PhoneInput; sid: string }[] = [];
  readonly read: string[] = [];
  readonly closed: string[] = [];
  /** The product's answer to the next webhooks; an error is thrown by `receive`. */
  answer: number | Error = 200;
  /** Called after a message was taken, to answer it. */
  onReceive: (phone: string, input: PhoneInput, sid: string) => void = () => {};
  readonly #messages = new Map<string, ChatMessage[]>();
  readonly #listeners = new Set<(event: ChatEvent) => void>();

  messages(phone: string): ChatMessage[] {
    return this.#messages.get(phone) ?? [];
  }

  on(listener: (event: ChatEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  async receive(phone: string, input: PhoneInput): Promise<{ sid: string; status: number }> {
    if (this.answer instanceof Error) throw this.answer;
    const { media, location, choice } = input;
    const message = this.put(phone, {
      direction: 'inbound',
      status: 'received',
      text: choice?.title ?? input.text ?? '',
      media: media
        ? [
            {
              url: `data:${media.type};base64,${media.base64}`,
              type: media.type,
              name: media.name,
              size: Buffer.from(media.base64, 'base64').length,
            },
          ]
        : [],
      quoted: input.quoted,
      ...(location ? { location } : {}),
    });
    this.received.push({ phone, input, sid: message.sid });
    this.onReceive(phone, input, message.sid);
    return { sid: message.sid, status: this.answer };
  }

  markRead(phone: string): void {
    this.read.push(phone);
    for (const message of this.messages(phone))
      if (message.direction === 'outbound' && message.status === 'delivered')
        this.setStatus(message, 'read');
  }

  closeWindow(phone: string): void {
    this.closed.push(phone);
  }

  /** Adds a message, a delivered reply unless `fields` say otherwise, and tells the listeners. */
  put(phone: string, fields: Partial<ChatMessage>): ChatMessage {
    const message: ChatMessage = {
      sid: `SM${randomBytes(16).toString('hex')}`,
      phone,
      direction: 'outbound',
      text: '',
      media: [],
      buttons: [],
      list: undefined,
      quoted: undefined,
      status: 'delivered',
      errorCode: undefined,
      at: new Date().toISOString(),
      ...fields,
    };
    this.#messages.set(phone, [...this.messages(phone), message]);
    this.emit({ kind: 'message', message });
    return message;
  }

  setStatus({ sid, phone }: ChatMessage, status: ChatStatus, errorCode?: number): void {
    this.#messages.set(
      phone,
      this.messages(phone).map((message) =>
        message.sid === sid ? { ...message, status, errorCode } : message,
      ),
    );
    this.emit({ kind: 'status', sid, phone, status, errorCode });
  }

  setTyping(phone: string, milliseconds: number): void {
    this.emit({ kind: 'typing', phone, until: new Date(Date.now() + milliseconds).toISOString() });
  }

  emit(event: ChatEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
