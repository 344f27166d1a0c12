import type { Background } from './background.ts';
import type { Callbacks } from './callbacks.ts';
import { failureStatus } from './failures.ts';
import type { Faults } from './faults.ts';
import { fetchMedia } from './media-fetch.ts';
import type { TwinMemory } from './memory.ts';
import type { MessageRecord } from './message-record.ts';
import type { Messages } from './messages.ts';
import type { Sandbox } from './sandbox.ts';
import type { SessionWindow } from './session-window.ts';

/**
 * Milliseconds from accepted to sent, from sent to delivered, and from opened on the phone to read.
 */
export type SendRate = { sentMs: number; deliveredMs: number; readMs: number };

/** The remaining steps of a message after its acceptance. */
export type Shipment = {
  mediaUrl: string | undefined;
  /**
   * A content that WhatsApp can approve may be sent outside the 24-hour window; free text, media,
   * buttons and lists may not.
   */
  template: boolean;
  /** A failure that is already known from rendering the content. */
  failure: number | undefined;
};

type Parts = {
  messages: Messages;
  callbacks: Callbacks;
  faults: Faults;
  memory: TwinMemory;
  background: Background;
  window: SessionWindow;
  sandbox: Sandbox;
  pace: SendRate;
};

/**
 * Carries accepted messages to the phone: queued, sent, delivered, read, or a failure; each state
 * with its callback.
 */
export class Delivery {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Starts on a message and returns at once. */
  start(record: MessageRecord, shipment: Shipment): void {
    const { background, pace } = this.#parts;
    background.run(() => this.#carry(record, shipment, pace.sentMs, () => undefined));
  }

  /**
   * Starts on a message and resolves when its first callback was answered (or could not be sent).
   */
  startWithCallback(record: MessageRecord, shipment: Shipment): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.background.run(async () => {
        try {
          await this.#carry(record, shipment, 0, resolve);
        } finally {
          resolve();
        }
      });
    });
  }

  /** The person opened the chat: delivered messages become read. */
  markRead(phone: string): void {
    const { messages, callbacks, background, pace } = this.#parts;
    const isUnread = (record: MessageRecord): boolean =>
      record.direction !== 'inbound' && record.status === 'delivered';
    for (const record of messages.all()) {
      if (record.phone !== phone || !isUnread(record)) continue;
      background.run(async () => {
        await background.pause(pace.readMs);
        if (!isUnread(record)) return;
        messages.setStatus(record, 'read');
        await callbacks.prepare(record)();
      });
    }
  }

  async #carry(
    record: MessageRecord,
    shipment: Shipment,
    sentMs: number,
    onFirst: () => void,
  ): Promise<void> {
    const { messages, callbacks, faults, background, pace } = this.#parts;
    const failure = await this.#findFailure(record, shipment);
    background.signal.throwIfAborted();
    messages.emit({ kind: 'typing', phone: record.phone, until: undefined });
    messages.show(record);
    const end = failure === undefined ? 'delivered' : failureStatus(failure);
    const params = { MessageSid: record.sid, To: record.to, Body: record.body };
    const shuffled = faults.take('callbacks-shuffled', params) !== undefined;
    const held: (() => Promise<void>)[] = [];
    const enter = async (status: 'sent' | typeof end, ms: number): Promise<void> => {
      await background.pause(ms);
      messages.setStatus(record, status, status === end ? failure : undefined);
      const post = callbacks.prepare(record);
      if (shuffled) held.unshift(post);
      // Twilio does not wait for one callback's answer before the next state; the first may be
      // waited for.
      else background.run(() => post().finally(onFirst));
    };
    if (end !== 'failed') await enter('sent', sentMs);
    await enter(end, end === 'failed' ? sentMs : pace.deliveredMs);
    for (const post of held) {
      await post();
      onFirst();
    }
  }

  /** Runs what Twilio and WhatsApp check after the 201; the media's bytes go into the record. */
  async #findFailure(
    record: MessageRecord,
    { mediaUrl, template, failure }: Shipment,
  ): Promise<number | undefined> {
    const { faults, memory, background, window, sandbox } = this.#parts;
    const fault = faults.take('late-failure', {
      To: record.to,
      Body: record.body,
      MessageSid: record.sid,
    });
    if (fault !== undefined) return fault.code;
    if (!sandbox.admits(record.phone)) return 63_015;
    if (failure !== undefined) return failure;
    if (!template && !window.isOpen(record.phone)) return 63_016;
    if (mediaUrl === undefined) return undefined;
    const media = await fetchMedia(mediaUrl, background.signal, memory);
    if (typeof media === 'number') return media;
    record.media = [media];
    return undefined;
  }
}
