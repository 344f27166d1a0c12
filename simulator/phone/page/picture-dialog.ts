import type { ChatMedia } from '../../chat.ts';
import { element } from './element.ts';
import { icon } from './icon.ts';
import { mediaAddress } from './media-address.ts';
import { plainText, viewText } from './text-view.ts';

/**
 * Shows a picture in full size over the page, with its caption under it ('' for none). Escape, the
 * cross and a click beside the picture close it.
 */
export function openPicture(media: ChatMedia, caption: string): void {
  const close = element(
    'button',
    {
      type: 'button',
      class: 'icon-button',
      'aria-label': 'Close picture',
      onclick: () => dialog.close(),
    },
    icon('close'),
  );
  const original = element(
    'a',
    {
      class: 'icon-button',
      href: mediaAddress(media.url),
      target: '_blank',
      rel: 'noopener noreferrer',
      'aria-label': 'Open in a new tab',
      title: 'Open in a new tab',
    },
    icon('open'),
  );
  const dialog = element(
    'dialog',
    { class: 'picture-dialog', 'aria-label': `Picture ${media.name}` },
    element('header', {}, element('span', { class: 'picture-name' }, media.name), original, close),
    element(
      'div',
      { class: 'picture-stage' },
      element('img', {
        src: mediaAddress(media.url),
        alt: caption ? plainText(caption) : media.name,
      }),
    ),
    caption ? element('div', { class: 'picture-caption' }, viewText(caption)) : undefined,
  );
  dialog.addEventListener('click', (event) => {
    if (
      !(event.target instanceof Element) ||
      !event.target.closest('img, header, .picture-caption')
    )
      dialog.close();
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}
