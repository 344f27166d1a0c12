import type { SystemState } from '../../chat.ts';
import { element, find } from './element.ts';
import { icon } from './icon.ts';
import { formatNumber } from './phone-number.ts';

const subtitles: Record<SystemState['vm'], string> = {
  awake: 'online',
  asleep: 'asleep, wakes when you write',
  waking: 'waking up…',
  unknown: '',
};

export type HeaderState = {
  system: SystemState | undefined;
  /** The phone whose chat is shown; '' before there is one. */
  phone: string;
  typing: boolean;
  connected: boolean;
};

/** Shows whose chat it is, and the state of the system behind it. */
export function showHeader({ system, phone, typing, connected }: HeaderState): void {
  find('#whose', HTMLElement).textContent = phone ? formatNumber(phone) : '';
  const state = connected ? (typing ? 'typing' : (system?.vm ?? 'unknown')) : 'lost';
  const text = !connected
    ? 'not connected'
    : typing
      ? 'typing…'
      : subtitles[system?.vm ?? 'unknown'] ||
        (system ? formatNumber(system.number) : 'connecting…');
  const subtitle = find('#subtitle', HTMLElement);
  if (subtitle.dataset['state'] !== state || subtitle.innerText !== text) {
    subtitle.dataset['state'] = state;
    subtitle.replaceChildren(
      state === 'asleep'
        ? icon('moon')
        : element('span', { class: 'state-dot', 'aria-hidden': 'true' }),
      text,
    );
  }
  const address = dashboardAddress(system);
  for (const link of [
    find('#dashboard', HTMLAnchorElement),
    find('#menu-dashboard', HTMLAnchorElement),
  ]) {
    link.hidden = address === undefined;
    if (address) link.href = address;
  }
}

function dashboardAddress(system: SystemState | undefined): string | undefined {
  const url = system?.dashboardUrl ? URL.parse(system.dashboardUrl) : undefined;
  return url && ['http:', 'https:'].includes(url.protocol) ? url.href : undefined;
}
