import type { ChatMessage } from '../../chat.ts';

/**
 * The answer to a message's choices, which counts once: the title that was tapped, named or
 * numbered, '' for an answer in other words; undefined while it has no answer.
 */
export function chosenTitle(message: ChatMessage, messages: ChatMessage[]): string | undefined {
  const choices = message.list?.items ?? message.buttons;
  if (choices.length === 0) return undefined;
  const later = messages.slice(messages.indexOf(message) + 1);
  const asksAgain = later.findIndex(
    ({ direction, buttons, list }) => direction === 'outbound' && (buttons.length > 0 || list),
  );
  const meant = (asksAgain === -1 ? later : later.slice(0, asksAgain)).filter(
    ({ direction }) => direction === 'inbound',
  );
  const quoting = later.find(({ quoted }) => quoted === message.sid);
  const said = (text: string): string | undefined => {
    const plain = text
      .trim()
      .replace(/[.!]+$/, '')
      .toLowerCase();
    return choices.find(({ title }, index) => [title.toLowerCase(), `${index + 1}`].includes(plain))
      ?.title;
  };
  if (quoting) return said(quoting.text) ?? '';
  for (const { text } of meant) {
    const title = said(text);
    if (title !== undefined) return title;
  }
  return undefined;
}

/**
 * The messages as a phone has them: a reply that WhatsApp did not deliver, and that was sent again
 * later, is there once.
 */
export function withoutResent(messages: ChatMessage[]): ChatMessage[] {
  const contentOf = ({ text, media, buttons, list }: ChatMessage): string =>
    JSON.stringify([text, media.map(({ name }) => name), buttons, list]);
  return messages.filter((message, index) => {
    const isLost = message.status === 'failed' || message.status === 'undelivered';
    if (message.direction === 'inbound' || !isLost) return true;
    const content = contentOf(message);
    return !messages.some(
      (later, place) =>
        place > index && later.direction === 'outbound' && contentOf(later) === content,
    );
  });
}
