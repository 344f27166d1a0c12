import type { ChatChoice } from '../../chat.ts';
import { element } from './element.ts';
import { icon } from './icon.ts';

/** The sheet of a list message. A click on an item closes it and reports the choice. */
export function openList(
  title: string,
  items: ChatChoice[],
  choose: (choice: ChatChoice) => void,
): void {
  const close = element(
    'button',
    {
      type: 'button',
      class: 'icon-button',
      'aria-label': 'Close list',
      onclick: () => dialog.close(),
    },
    icon('close'),
  );
  const pick = (item: ChatChoice) => () => {
    dialog.close();
    choose(item);
  };
  const rows = items.map((item) =>
    element(
      'li',
      {},
      element(
        'button',
        { type: 'button', onclick: pick(item) },
        element('span', { class: 'list-title' }, item.title),
        item.description
          ? element('span', { class: 'list-description' }, item.description)
          : undefined,
      ),
    ),
  );
  const dialog = element(
    'dialog',
    { class: 'sheet list-dialog', 'aria-label': title },
    element('header', {}, element('h2', {}, title), close),
    element('ul', {}, ...rows),
  );
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
