import type { ChatMedia } from '../../chat.ts';
import { element } from './element.ts';
import { mediaAddress } from './media-address.ts';
import { fileEnding, formatSize, mediaKind } from './media-kind.ts';
import { openPicture } from './picture-dialog.ts';
import { viewVoice } from './voice-view.ts';

/** The view of one file in a message; `caption` is the message's text. */
export function viewMedia(media: ChatMedia, caption: string): HTMLElement {
  switch (mediaKind(media.type)) {
    case 'picture':
      return viewPicture(media, caption);
    case 'voice':
      return viewVoice(mediaAddress(media.url));
    case 'video':
      return element('video', {
        class: 'video',
        src: mediaAddress(media.url),
        controls: true,
        preload: 'metadata',
        'aria-label': media.name,
      });
    default:
      return viewDocument(media);
  }
}

function viewPicture(media: ChatMedia, caption: string): HTMLElement {
  const image = element('img', { src: mediaAddress(media.url), alt: '', decoding: 'async' });
  const button = element(
    'button',
    {
      class: 'picture',
      type: 'button',
      'aria-label': `Open picture ${media.name}`,
      onclick: () => openPicture(media, caption),
    },
    image,
  );
  image.addEventListener('error', () => button.replaceWith(viewDocument(media)));
  return button;
}

function viewDocument(media: ChatMedia): HTMLElement {
  const ending = fileEnding(media.name);
  return element(
    'a',
    {
      class: 'document',
      href: mediaAddress(media.url),
      target: '_blank',
      rel: 'noopener noreferrer',
      title: media.name,
    },
    element(
      'span',
      { class: 'document-icon', 'data-ending': ending.toLowerCase(), 'aria-hidden': 'true' },
      ending,
    ),
    element('span', { class: 'document-name' }, media.name),
    element('span', { class: 'document-detail' }, `${formatSize(media.size)} · ${ending}`),
  );
}
