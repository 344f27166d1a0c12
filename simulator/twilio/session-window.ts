/**
 * How long a person's message lets the sender write freely, in milliseconds (error page 63016: 24
 * hours).
 */
const windowMs = 24 * 60 * 60 * 1000;

/** WhatsApp's 24-hour window of each phone. A phone that never wrote has none open. */
export class SessionWindow {
  readonly #lastInbound = new Map<string, number>();

  /** A message came from this phone now. */
  open(phone: string): void {
    this.#lastInbound.set(phone, Date.now());
  }

  /** Lets the window lapse, as if a day had passed since the last message. */
  close(phone: string): void {
    this.#lastInbound.delete(phone);
  }

  isOpen(phone: string): boolean {
    return Date.now() - (this.#lastInbound.get(phone) ?? -Infinity) < windowMs;
  }
}
