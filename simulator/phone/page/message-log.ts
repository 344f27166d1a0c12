import type { ChatMessage } from '../../chat.ts';
import { updateMessage, viewMessage } from './bubble.ts';
import type { BubbleActions } from './bubble.ts';
import { element } from './element.ts';
import { dayOf, formatDay } from './moment.ts';
import { reconcile } from './reconcile.ts';
import type { Row } from './reconcile.ts';
import type { Scroller } from './scroller.ts';
import { chosenTitle } from './settled-messages.ts';

export type LogState = {
  phone: string;
  messages: ChatMessage[];
  typing: boolean;
  /** Reasons this page knows why a message failed, by sid. */
  failures: ReadonlyMap<string, string>;
};

/** Shows the messages of one chat in `rows`, grouped by sender and day. */
export class MessageLog {
  readonly #rows: HTMLElement;
  readonly #scroller: Scroller;
  readonly #actions: BubbleActions;
  #phone = '';
  #count = 0;

  constructor(rows: HTMLElement, scroller: Scroller, actions: BubbleActions) {
    this.#rows = rows;
    this.#scroller = scroller;
    this.#actions = actions;
  }

  show({ phone, messages, typing, failures }: LogState): void {
    const switched = phone !== this.#phone;
    this.#rows.setAttribute('aria-busy', String(switched));
    reconcile(this.#rows, [...this.#toRows(messages, failures), ...(typing ? [typingRow] : [])]);
    this.#rows.setAttribute('aria-busy', 'false');
    if (switched) this.#scroller.toBottom();
    else
      this.#scroller.follow(
        Math.max(0, messages.length - this.#count),
        messages.at(-1)?.direction === 'inbound' && messages.length > this.#count,
      );
    this.#phone = phone;
    this.#count = messages.length;
  }

  /** Brings a message into view and marks it for a moment. */
  jump(sid: string): void {
    const row = document.getElementById(`m-${sid}`);
    if (!row) return;
    row.scrollIntoView({ block: 'center' });
    row.focus({ preventScroll: true });
    row.removeAttribute('data-found');
    requestAnimationFrame(() => row.setAttribute('data-found', ''));
  }

  #toRows(messages: ChatMessage[], failures: ReadonlyMap<string, string>): Row[] {
    const bySid = new Map(messages.map((message) => [message.sid, message]));
    return messages.flatMap((message, index) => {
      const before = messages[index - 1];
      const newDay = !before || dayOf(before.at) !== dayOf(message.at);
      const first = newDay || before.direction !== message.direction;
      const quoted = message.quoted ? bySid.get(message.quoted) : undefined;
      const details = {
        failure: failures.get(message.sid),
        chosen: chosenTitle(message, messages),
      };
      const row: Row = {
        key: message.sid,
        signature: signatureOf(message, first, quoted),
        build: () => viewMessage(message, { quoted, first }, this.#actions),
        update: (node) => updateMessage(node, message, details, this.#actions.retry),
      };
      return newDay ? [dayRow(message), row] : [row];
    });
  }
}

/** Everything a row is built from; a status only updates the row. */
function signatureOf(
  message: ChatMessage,
  first: boolean,
  quoted: ChatMessage | undefined,
): string {
  const media = message.media.map(({ url, name, type, size }) => [
    url.slice(0, 300),
    name,
    type,
    size,
  ]);
  return JSON.stringify({
    ...message,
    media,
    status: undefined,
    errorCode: undefined,
    first,
    quoted: quoted ? quoted.sid : undefined,
  });
}

function dayRow(message: ChatMessage): Row {
  const label = formatDay(message.at, new Date());
  return {
    key: `day-${dayOf(message.at)}`,
    signature: label,
    build: () => element('div', { class: 'day' }, element('span', {}, label)),
  };
}

const typingRow: Row = {
  key: 'typing',
  signature: '',
  build: () =>
    element(
      'div',
      { class: 'message theirs typing', 'data-first': true },
      element(
        'div',
        { class: 'bubble' },
        element('span', { class: 'visually-hidden' }, 'Sidepocket is typing'),
        ...[1, 2, 3].map(() => element('span', { class: 'dot' })),
      ),
    ),
};
