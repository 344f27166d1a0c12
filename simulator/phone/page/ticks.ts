import type { ChatMessage } from '../../chat.ts';
import { element } from './element.ts';
import { icon } from './icon.ts';

export type Tick = 'pending' | 'sent' | 'delivered' | 'read' | 'failed';

/** The tick beside a message. Replies carry none, as on a real phone, unless they failed. */
export function tickOf({ direction, status }: ChatMessage): Tick | undefined {
  if (status === 'failed' || status === 'undelivered') return 'failed';
  if (direction === 'outbound') return undefined;
  if (status === 'queued') return 'pending';
  return status === 'received' ? 'delivered' : status;
}

const labels: Record<Tick, string> = {
  pending: 'Sending',
  sent: 'Sent',
  delivered: 'Delivered',
  read: 'Read',
  failed: 'Failed',
};
const icons = {
  pending: 'clock',
  sent: 'tick',
  delivered: 'ticks',
  read: 'ticks',
  failed: 'alert',
} as const;

export function viewTick(tick: Tick): HTMLElement {
  return element(
    'span',
    {
      class: 'tick',
      'data-tick': tick,
      role: 'img',
      'aria-label': labels[tick],
      title: labels[tick],
    },
    icon(icons[tick]),
  );
}
