import type { ChatMessage } from '../../chat.ts';
import { element } from './element.ts';
import { icon } from './icon.ts';
import { fileEnding, formatSize } from './media-kind.ts';
import { authorOf, snippetOf } from './snippet.ts';

/** The bar over the composer that shows what is being replied to. */
export function viewDraftQuote(message: ChatMessage, remove: () => void): Node[] {
  return [
    element(
      'div',
      { class: 'quote', 'data-author': authorOf(message) },
      element('span', { class: 'quote-author' }, authorOf(message)),
      element('span', { class: 'quote-text' }, ...snippetOf(message)),
    ),
    element(
      'button',
      { type: 'button', class: 'icon-button', 'aria-label': 'Do not quote', onclick: remove },
      icon('close'),
    ),
  ];
}

/** The bar over the composer that shows the attached file. */
export function viewDraftFile(file: File, remove: () => void): Node[] {
  return [
    file.type.startsWith('image/')
      ? thumbnail(file)
      : element(
          'span',
          {
            class: 'document-icon',
            'data-ending': fileEnding(file.name).toLowerCase(),
            'aria-hidden': 'true',
          },
          fileEnding(file.name),
        ),
    element(
      'span',
      { class: 'draft-name' },
      element('strong', {}, file.name),
      element('span', {}, formatSize(file.size)),
    ),
    element(
      'button',
      {
        type: 'button',
        class: 'icon-button',
        'aria-label': `Remove ${file.name}`,
        onclick: remove,
      },
      icon('close'),
    ),
  ];
}

function thumbnail(file: File): HTMLElement {
  const url = URL.createObjectURL(file);
  return element('img', { src: url, alt: '', onload: () => URL.revokeObjectURL(url) });
}
