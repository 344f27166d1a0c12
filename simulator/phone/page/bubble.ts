import type { ChatChoice, ChatMessage } from '../../chat.ts';
import { element } from './element.ts';
import { failureSentence } from './failure.ts';
import { icon } from './icon.ts';
import { viewLocation } from './location-view.ts';
import { mediaKind } from './media-kind.ts';
import { viewMedia } from './media-view.ts';
import { formatTime } from './moment.ts';
import { authorOf, snippetOf } from './snippet.ts';
import { enableSwipe } from './swipe.ts';
import { viewText } from './text-view.ts';
import { tickOf, viewTick } from './ticks.ts';

export type BubbleActions = {
  reply(message: ChatMessage): void;
  /** Scrolls to the message with this sid. */
  jump(sid: string): void;
  choose(message: ChatMessage, choice: ChatChoice, kind: 'button' | 'list'): void;
  openList(message: ChatMessage): void;
  retry(sid: string): void;
};

/** The parts of a bubble besides its message. */
export type BubbleContext = { quoted: ChatMessage | undefined; first: boolean };

/**
 * Builds the row of a message: its bubble, with the choices at its lower end, and the reply button
 * beside it.
 */
export function viewMessage(
  message: ChatMessage,
  { quoted, first }: BubbleContext,
  actions: BubbleActions,
): HTMLElement {
  const mine = message.direction === 'inbound';
  const bare = message.text === '' && !message.location && message.media.length > 0;
  const kind = message.media[0] ? mediaKind(message.media[0].type) : 'none';
  const bubble = element(
    'div',
    { class: 'bubble', 'data-media': kind, 'data-bare': bare },
    element('span', { class: 'visually-hidden' }, `${authorOf(message)}: `),
    message.quoted ? viewQuote(message.quoted, quoted, actions) : undefined,
    ...message.media.map((media) => viewMedia(media, message.text)),
    message.location ? viewLocation(message.location) : undefined,
    message.text && !message.location ? viewText(message.text) : undefined,
    element(
      'span',
      { class: 'meta' },
      element('time', { datetime: message.at }, formatTime(message.at)),
      element('span', { class: 'tick-slot' }),
    ),
    element('p', { class: 'failure', hidden: true }),
    ...viewChoices(message, actions),
  );
  const row = element('article', {
    class: `message ${mine ? 'mine' : 'theirs'}`,
    id: `m-${message.sid}`,
    'data-first': first,
    tabindex: '-1',
  });
  const canReply = !message.sid.startsWith('pending-');
  row.append(
    element(
      'div',
      { class: 'bubble-line' },
      bubble,
      canReply ? replyButton(message, actions) : undefined,
    ),
  );
  if (canReply) enableSwipe(row, bubble, () => actions.reply(message));
  return row;
}

/**
 * Brings ticks, the reason of a failure and the state of the choices up to date. `failure` is a
 * page's own reason; `chosen` is the title of the answer to the choices, '' for an answer in other
 * words.
 */
export function updateMessage(
  row: HTMLElement,
  message: ChatMessage,
  details: { failure: string | undefined; chosen: string | undefined },
  retry: (sid: string) => void,
): void {
  const tick = details.failure === undefined ? tickOf(message) : 'failed';
  const slot = row.querySelector<HTMLElement>('.tick-slot');
  if (slot && slot.dataset['tick'] !== String(tick)) {
    slot.dataset['tick'] = String(tick);
    slot.replaceChildren(...(tick ? [viewTick(tick)] : []));
  }
  row.toggleAttribute('data-failed', tick === 'failed');
  const line = row.querySelector<HTMLElement>('.failure');
  if (line)
    showFailure(
      line,
      tick === 'failed' ? (details.failure ?? failureSentence(message.errorCode)) : undefined,
      message,
      retry,
    );
  for (const button of row.querySelectorAll<HTMLButtonElement>('.choice')) {
    button.disabled = details.chosen !== undefined;
    button.toggleAttribute('data-chosen', button.dataset['title'] === details.chosen);
  }
}

function showFailure(
  line: HTMLElement,
  sentence: string | undefined,
  message: ChatMessage,
  retry: (sid: string) => void,
): void {
  line.hidden = sentence === undefined;
  if (sentence === undefined || line.dataset['sentence'] === sentence) return;
  line.dataset['sentence'] = sentence;
  const again = element(
    'button',
    { type: 'button', class: 'retry', onclick: () => retry(message.sid) },
    icon('retry'),
    'Retry',
  );
  line.replaceChildren(sentence, ...(message.sid.startsWith('pending-') ? [' ', again] : []));
}

function viewQuote(
  sid: string,
  quoted: ChatMessage | undefined,
  actions: BubbleActions,
): HTMLElement {
  if (!quoted)
    return element(
      'div',
      { class: 'quote' },
      element('span', { class: 'quote-text' }, 'A message that is not here any more'),
    );
  return element(
    'button',
    {
      type: 'button',
      class: 'quote',
      'data-author': authorOf(quoted),
      onclick: () => actions.jump(sid),
    },
    element('span', { class: 'visually-hidden' }, 'Go to the quoted message from '),
    element('span', { class: 'quote-author' }, authorOf(quoted)),
    element('span', { class: 'quote-text' }, ...snippetOf(quoted)),
  );
}

function replyButton(message: ChatMessage, actions: BubbleActions): HTMLElement {
  return element(
    'button',
    {
      type: 'button',
      class: 'reply',
      'aria-label': `Reply to this message from ${authorOf(message)}`,
      title: 'Reply',
      onclick: () => actions.reply(message),
    },
    icon('reply'),
  );
}

function viewChoices(message: ChatMessage, actions: BubbleActions): HTMLElement[] {
  const buttons = message.buttons.map((choice) =>
    element(
      'button',
      {
        type: 'button',
        class: 'choice',
        'data-title': choice.title,
        onclick: () => actions.choose(message, choice, 'button'),
      },
      icon('reply'),
      choice.title,
    ),
  );
  const list = message.list
    ? [
        element(
          'button',
          {
            type: 'button',
            class: 'choice choice-list',
            'aria-haspopup': 'dialog',
            onclick: () => actions.openList(message),
          },
          icon('list'),
          message.list.button,
        ),
      ]
    : [];
  return buttons.length + list.length > 0
    ? [
        element(
          'div',
          { class: 'choices', role: 'group', 'aria-label': 'Answers' },
          ...buttons,
          ...list,
        ),
      ]
    : [];
}
