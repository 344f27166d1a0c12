import type { ChatMessage } from '../chat.ts';

const failed = new Set(['failed', 'undelivered']);

/**
 * The lines a terminal shows of a reply: its text, each file's address, then the answers to choose
 * from.
 */
export function formatReply(message: ChatMessage): string[] {
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

  /** Prints the new messages in the chat and returns whether there were any. */
  show(chat: ChatMessage[]): boolean {
    const fresh = chat.filter(
      (message) => message.direction === 'outbound' && !this.#printed.has(message.sid),
    );
    for (const message of fresh) {
      this.#printed.add(message.sid);
      for (const line of formatReply(message)) this.#print(line);
    }
    return fresh.length > 0;
  }
}
