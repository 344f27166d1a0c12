import type { ChatMessage } from '../chat.ts';

const failed = new Set(['failed', 'undelivered']);

/**
 * The lines a terminal shows of a reply: its text, each file's address, then the answers to choose
 * from.
 */
function formatReply(message: ChatMessage): string[] {
  return [
    ...(message.text ? [message.text] : []),
    ...message.media.map((media) => media.url),
    ...message.buttons.map((button) => `  [${button.title}]`),
    ...(message.list?.items.map(
      (item) => `  [${item.title}]${item.description ? ` ${item.description}` : ''}`,
    ) ?? []),
    ...(failed.has(message.status)
      ? [
          `  (this reply was not delivered${message.errorCode ? `: Twilio error ${message.errorCode}` : ''})`,
        ]
      : []),
  ];
}

/** Prints each reply once; earlier messages in the chat count as printed. */
export class ReplyPrinter {
  readonly #printed: Set<string>;
  readonly #print: (line: string) => void;

  constructor(before: ChatMessage[], print: (line: string) => void) {
    this.#printed = new Set(before.map((message) => message.sid));
    this.#print = print;
  }

  /**
   * Prints the new messages in the chat, in their order, up to the first that is still queued: its
   * file is not there yet. Returns how many it printed, and whether such a message is left.
   */
  show(chat: ChatMessage[]): { printed: number; isBehind: boolean } {
    const fresh = chat.filter(
      (message) => message.direction === 'outbound' && !this.#printed.has(message.sid),
    );
    const queued = fresh.findIndex((message) => message.status === 'queued');
    const ready = queued === -1 ? fresh : fresh.slice(0, queued);
    for (const message of ready) {
      this.#printed.add(message.sid);
      for (const line of formatReply(message)) this.#print(line);
    }
    return { printed: ready.length, isBehind: queued !== -1 };
  }
}
