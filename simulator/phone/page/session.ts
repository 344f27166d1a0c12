import type { ChatEvent, ChatMessage, PhoneInput, SystemState } from '../../chat.ts';
import { Chats } from './chats.ts';
import { knownPhones } from './known-phones.ts';
import { Outbox, asMessage } from './outbox.ts';
import type { PhoneApi } from './phone-api.ts';
import { withoutResent } from './settled-messages.ts';

/** A page that is being looked at reports what it shows as read this soon after it shows it. */
const readAfterMs = 200;

/** The state of the page and its actions; calls `onChange` whenever the view has changed. */
export class Session {
  readonly #api: PhoneApi;
  readonly #onChange: () => void;
  readonly #chats = new Chats();
  readonly #outbox: Outbox;
  /** Why a message failed, as far as only this page knows: the product did not take its webhook. */
  readonly failures = new Map<string, string>();
  system: SystemState | undefined;
  phone = '';
  connected = true;
  #reading = 0;

  constructor(api: PhoneApi, onChange: () => void) {
    this.#api = api;
    this.#onChange = onChange;
    this.#outbox = new Outbox(
      (phone, input) => api.send(phone, input),
      (phone, answer) => this.#onSent(phone, answer),
      onChange,
    );
  }

  phones(): string[] {
    const phones = knownPhones(this.system?.phones ?? []);
    return this.phone && !phones.includes(this.phone) ? [...phones, this.phone] : phones;
  }

  /** The chat of a phone with what is still on its way to the server. */
  messages(phone: string): ChatMessage[] {
    return [
      ...withoutResent(this.#chats.messages(phone)),
      ...this.#outbox.of(phone).map(asMessage),
    ];
  }

  isTyping(phone: string): boolean {
    return this.#chats.typingUntil(phone) > Date.now();
  }

  unread(phone: string): number {
    return phone === this.phone && document.visibilityState === 'visible'
      ? 0
      : this.#chats.unread(phone);
  }

  isLoaded(phone: string): boolean {
    return this.#chats.knows(phone);
  }

  /** Shows the chat of another phone. */
  select(phone: string): void {
    this.phone = phone;
    this.#onChange();
    if (!this.isLoaded(phone)) void this.#load(phone);
    this.readSoon();
  }

  send(input: PhoneInput): void {
    this.#outbox.send(this.phone, input);
  }

  retry(id: string): void {
    this.#outbox.retry(id);
  }

  /** Reloads everything, as after a lost connection. */
  async reload(): Promise<void> {
    this.#chats.beginReload();
    this.system = await this.#api.system();
    if (!this.phone) this.phone = this.phones()[0] ?? '';
    await Promise.all(this.phones().map((phone) => this.#load(phone)));
    this.readSoon();
  }

  apply(event: ChatEvent): void {
    if (event.kind === 'system') this.system = event.system;
    else this.#chats.apply(event);
    if (event.kind === 'message') this.#outbox.settle(event.message);
    if (event.kind === 'typing' && event.until)
      setTimeout(this.#onChange, Math.max(0, Date.parse(event.until) - Date.now()) + 20);
    if (event.kind === 'message' || event.kind === 'status') this.readSoon();
    this.#onChange();
  }

  /** Reports the shown chat as read, if someone is looking and there is something new in it. */
  readSoon(): void {
    clearTimeout(this.#reading);
    this.#reading = window.setTimeout(() => {
      const phone = this.phone;
      if (document.visibilityState !== 'visible' || this.#chats.unread(phone) === 0) return;
      this.#api.markRead(phone).catch(() => {});
    }, readAfterMs);
  }

  async #load(phone: string): Promise<void> {
    this.#chats.replace(phone, await this.#api.messages(phone));
    this.#onChange();
  }

  async #onSent(phone: string, { sid, status }: { sid: string; status: number }): Promise<void> {
    if (status < 200 || status > 299) {
      this.failures.set(
        sid,
        status === 0
          ? 'Not received: Sidepocket did not answer'
          : `Not received: Sidepocket answered ${status}`,
      );
    }
    if (!this.#chats.messages(phone).some((message) => message.sid === sid))
      await this.#load(phone).catch(() => {});
  }
}
