import type { ChatMessage } from '../../chat.ts';
import { element } from './element.ts';
import { icon } from './icon.ts';
import { dayOf, formatDay, formatTime } from './moment.ts';
import { formatNumber } from './phone-number.ts';
import { reconcile } from './reconcile.ts';
import { snippetOf } from './snippet.ts';
import { tickOf, viewTick } from './ticks.ts';

export type PhoneRow = {
  phone: string;
  last: ChatMessage | undefined;
  unread: number;
  typing: boolean;
  selected: boolean;
};

/** Shows the phones with their newest message in `list`. */
export function showPhoneList(
  list: HTMLElement,
  rows: PhoneRow[],
  pick: (phone: string) => void,
): void {
  reconcile(
    list,
    rows.map((row) => ({
      key: row.phone,
      signature: '',
      build: () =>
        element(
          'li',
          {},
          element('button', { type: 'button', class: 'phone', onclick: () => pick(row.phone) }),
        ),
      update: (node) => fillRow(node, row),
    })),
  );
}

const filled = new WeakMap<HTMLElement, string>();

function fillRow(node: HTMLElement, row: PhoneRow): void {
  const button = node.querySelector('button');
  const state = JSON.stringify({
    ...row,
    last: row.last && { ...row.last, media: row.last.media.map((media) => media.name) },
  });
  if (!button || filled.get(node) === state) return;
  filled.set(node, state);
  button.toggleAttribute('data-unread', row.unread > 0);
  button.setAttribute('aria-current', String(row.selected));
  const avatar = element(
    'span',
    { class: 'avatar', 'data-hue': String(hueOf(row.phone)), 'aria-hidden': 'true' },
    icon('person'),
  );
  const badge =
    row.unread > 0
      ? element(
          'span',
          { class: 'badge', 'aria-label': `${row.unread} unread` },
          countWords(row.unread),
        )
      : undefined;
  button.replaceChildren(
    avatar,
    element('span', { class: 'phone-number' }, formatNumber(row.phone)),
    element('span', { class: 'phone-time' }, row.last ? formatMoment(row.last.at) : ''),
    row.typing
      ? element('span', { class: 'phone-last phone-typing' }, 'typing…')
      : element('span', { class: 'phone-last' }, ...lastLine(row.last)),
    ...(badge ? [badge] : []),
  );
}

function lastLine(last: ChatMessage | undefined): Node[] {
  if (!last) return [document.createTextNode('No messages yet')];
  const tick = tickOf(last);
  return [...(tick ? [viewTick(tick)] : []), ...snippetOf(last)];
}

function formatMoment(iso: string): string {
  const now = new Date();
  return dayOf(iso) === now.toDateString() ? formatTime(iso) : formatDay(iso, now);
}

/** A number for a badge, which has room for two digits. */
export function countWords(count: number): string {
  return count > 99 ? '99+' : String(count);
}

/** One of six colours, always the same for a number, and not the same for the next number. */
function hueOf(phone: string): number {
  return (Number(phone.slice(-2)) || 0) % 6;
}
