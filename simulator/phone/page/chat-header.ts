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

/** Shows the state of the system behind the chat in the header and in the strip under it. */
export function showHeader(system: SystemState | null, typing: boolean, example: string): void {
  const state = typing ? 'typing' : (system?.vm ?? 'unknown');
  const text = typing
    ? 'typing…'
    : subtitles[system?.vm ?? 'unknown'] || (system ? formatNumber(system.number) : 'connecting…');
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
    link.hidden = address === null;
    if (address) link.href = address;
  }
  find('#scripted', HTMLElement).hidden = system?.model !== 'scripted';
  find('#scripted-try', HTMLElement).textContent = `Try: ${example}`;
}

function dashboardAddress(system: SystemState | null): string | null {
  const url = system?.dashboardUrl ? URL.parse(system.dashboardUrl) : null;
  return url && ['http:', 'https:'].includes(url.protocol) ? url.href : null;
}
