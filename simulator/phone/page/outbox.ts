import type { ChatMessage, PhoneInput } from '../../chat.ts';

/** A message that is being sent, or that failed and waits for a retry. */
export type Pending = {
  id: string;
  phone: string;
  input: PhoneInput;
  at: string;
  failure: string | undefined;
};

type Send = (phone: string, input: PhoneInput) => Promise<{ sid: string; status: number }>;

/**
 * Messages the server has not answered yet. A message that could not be sent stays, with the
 * reason, until it is sent again. `onSent` comes before the message leaves the outbox, so that its
 * chat can be brought up to date.
 */
export class Outbox {
  readonly #send: Send;
  readonly #onSent: (phone: string, answer: { sid: string; status: number }) => Promise<void>;
  readonly #onChange: () => void;
  #pending: Pending[] = [];
  #count = 0;

  constructor(
    send: Send,
    onSent: (phone: string, answer: { sid: string; status: number }) => Promise<void>,
    onChange: () => void,
  ) {
    this.#send = send;
    this.#onSent = onSent;
    this.#onChange = onChange;
  }

  of(phone: string): Pending[] {
    return this.#pending.filter((pending) => pending.phone === phone);
  }

  send(phone: string, input: PhoneInput): void {
    this.#count += 1;
    const pending = {
      id: `pending-${this.#count}`,
      phone,
      input,
      at: new Date().toISOString(),
      failure: undefined,
    };
    this.#pending.push(pending);
    void this.#attempt(pending);
  }

  retry(id: string): void {
    const pending = this.#pending.find((other) => other.id === id && other.failure !== undefined);
    if (pending) void this.#attempt(pending);
  }

  /**
   * The server shows this message in the chat already, while its answer to the send may still be
   * under way.
   */
  settle(message: ChatMessage): void {
    if (message.direction !== 'inbound') return;
    const match = this.#pending.find(
      (pending) => pending.failure === undefined && isSame(pending, message),
    );
    if (match) this.#drop(match);
  }

  async #attempt(pending: Pending): Promise<void> {
    pending.failure = undefined;
    this.#onChange();
    try {
      await this.#onSent(pending.phone, await this.#send(pending.phone, pending.input));
      this.#drop(pending);
    } catch (error) {
      pending.failure = error instanceof Error ? error.message : String(error);
    }
    this.#onChange();
  }

  #drop(pending: Pending): void {
    this.#pending = this.#pending.filter((other) => other !== pending);
  }
}

function isSame({ phone, input }: Pending, message: ChatMessage): boolean {
  const text = input.choice?.title ?? input.text ?? '';
  if (phone !== message.phone || (input.media !== undefined) !== message.media.length > 0)
    return false;
  return input.location
    ? message.location !== undefined || message.text !== ''
    : text.trim() === message.text.trim();
}

/** A pending message in the shape of the chat's own, for showing it. */
export function asMessage({ id, phone, input, at, failure }: Pending): ChatMessage {
  const media = input.media;
  return {
    sid: id,
    phone,
    direction: 'inbound',
    text: input.choice?.title ?? input.text ?? '',
    media: media
      ? [
          {
            url: `data:${media.type};base64,${media.base64}`,
            type: media.type,
            name: media.name,
            size: Math.floor(media.base64.length * 0.75),
          },
        ]
      : [],
    buttons: [],
    list: undefined,
    ...(input.location ? { location: input.location } : {}),
    quoted: input.quoted,
    status: failure === undefined ? 'queued' : 'failed',
    errorCode: undefined,
    at,
  };
}
