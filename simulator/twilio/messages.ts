import type { ChatEvent, ChatMessage, ChatStatus } from '../chat.ts';
import { formatChatMessage, type MessageRecord } from './message-record.ts';

/** The required fields of a new record; the rest starts empty. */
export type NewMessage = Pick<
  MessageRecord,
  'sid' | 'accountSid' | 'direction' | 'from' | 'to' | 'phone' | 'body' | 'status'
> &
  Partial<MessageRecord>;

/**
 * The twin's memory of messages, oldest first, and the source of the phone's events. Contract:
 * listeners receive a message once, when it is shown, and its later states only after that. A
 * listener must not throw.
 */
export class Messages {
  /** The twin's own address, in links to media. */
  readonly #site: string;
  readonly #records = new Map<string, MessageRecord>();
  readonly #listeners = new Set<(event: ChatEvent) => void>();

  constructor(site: string) {
    this.#site = site;
  }

  /** Stores a new message; the phone does not show it yet. */
  add(fields: NewMessage): MessageRecord {
    const now = new Date();
    const record: MessageRecord = {
      numMedia: 0,
      media: [],
      buttons: [],
      list: undefined,
      location: undefined,
      quoted: undefined,
      errorCode: undefined,
      shown: false,
      deleted: false,
      seen: false,
      createdAt: now,
      updatedAt: now,
      sentAt: undefined,
      statusCallback: undefined,
      ...fields,
    };
    this.#records.set(record.sid, record);
    return record;
  }

  find(sid: string): MessageRecord | undefined {
    return this.#records.get(sid);
  }

  /** Every message, oldest first. */
  all(): MessageRecord[] {
    return [...this.#records.values()];
  }

  /** The messages that Twilio still has, oldest first. */
  kept(): MessageRecord[] {
    return this.all().filter((record) => !record.deleted);
  }

  /** A message that Twilio still has. */
  findKept(sid: string): MessageRecord | undefined {
    const record = this.find(sid);
    return record?.deleted === true ? undefined : record;
  }

  /** Deletes a message and its media on Twilio's side; the phone keeps both. */
  remove(record: MessageRecord): void {
    record.deleted = true;
    for (const media of record.media) media.deleted = true;
  }

  /**
   * The messages that one phone shows, oldest first; with `underway` also those that are still on
   * their way to it, such as one whose picture is being fetched, as `queued`.
   */
  chat(phone: string, underway = false): ChatMessage[] {
    const shown = this.all().filter(
      (record) => record.phone === phone && (record.shown || underway),
    );
    return shown.map((record) => formatChatMessage(record, this.#site));
  }

  chatMessage(sid: string): ChatMessage | undefined {
    const record = this.find(sid);
    return record?.shown === true ? formatChatMessage(record, this.#site) : undefined;
  }

  /** Puts a message on the phone's screen. */
  show(record: MessageRecord): void {
    if (record.shown) return;
    record.shown = true;
    this.emit({ kind: 'message', message: formatChatMessage(record, this.#site) });
  }

  /** Moves a message to a new state; `sent` and a failure fix the time it was sent. */
  setStatus(record: MessageRecord, status: ChatStatus, errorCode?: number): void {
    record.status = status;
    record.errorCode = errorCode;
    record.updatedAt = new Date();
    record.sentAt ??= record.updatedAt;
    this.#emitStatus(record);
  }

  /**
   * Marks an inbound message and all before it of the same phone as read by the product (blue ticks
   * on the phone).
   */
  markSeen(upTo: MessageRecord): void {
    for (const record of this.all()) {
      if (record.phone === upTo.phone && record.direction === 'inbound' && !record.seen) {
        record.seen = true;
        this.#emitStatus(record);
      }
      if (record === upTo) return;
    }
  }

  /** @returns a function that ends the listening. */
  on(listener: (event: ChatEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: ChatEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #emitStatus(record: MessageRecord): void {
    if (!record.shown) return;
    const { sid, phone, status, errorCode } = formatChatMessage(record, this.#site);
    this.emit({ kind: 'status', sid, phone, status, errorCode });
  }
}
