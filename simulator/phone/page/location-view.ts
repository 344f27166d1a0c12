import type { ChatMessage } from '../../chat.ts';
import { element } from './element.ts';
import { icon } from './icon.ts';

/**
 * A shared place. The map is drawn, not fetched, so that no map server learns of it before a click.
 */
export function viewLocation({
  latitude,
  longitude,
  label,
  address,
}: NonNullable<ChatMessage['location']>): HTMLElement {
  const href = `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=16/${latitude}/${longitude}`;
  return element(
    'a',
    { class: 'location', href, target: '_blank', rel: 'noopener noreferrer' },
    element('span', { class: 'location-map', 'aria-hidden': 'true' }, icon('pin')),
    element('span', { class: 'location-label' }, label ?? 'Location'),
    element(
      'span',
      { class: 'location-detail' },
      address ?? `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`,
    ),
  );
}
