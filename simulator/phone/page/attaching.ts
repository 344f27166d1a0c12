import { find } from './element.ts';

/**
 * Brings files into the chat: chosen from the menu, pasted into the text, or dropped on the chat.
 */
export function enableAttaching(attach: (file: File) => void): void {
  const menu = find('#attach-menu', HTMLElement);
  for (const item of menu.querySelectorAll<HTMLButtonElement>('[data-pick]')) {
    const input = find(`#pick-${item.dataset['pick']}`, HTMLInputElement);
    item.addEventListener('click', () => {
      menu.hidePopover();
      input.click();
    });
    input.addEventListener('change', () => {
      const file = input.files?.[0];
      if (file) attach(file);
      input.value = '';
    });
  }
  find('#text', HTMLTextAreaElement).addEventListener('paste', (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    attach(file);
  });
  enableDropping(find('main.chat', HTMLElement), attach);
}

function enableDropping(chat: HTMLElement, attach: (file: File) => void): void {
  const carriesFile = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  chat.addEventListener('dragover', (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    chat.toggleAttribute('data-dropping', true);
  });
  chat.addEventListener('dragleave', (event) => {
    if (!(event.relatedTarget instanceof Node) || !chat.contains(event.relatedTarget))
      chat.removeAttribute('data-dropping');
  });
  chat.addEventListener('drop', (event) => {
    chat.removeAttribute('data-dropping');
    const file = event.dataTransfer?.files[0];
    if (!carriesFile(event) || !file) return;
    event.preventDefault();
    attach(file);
  });
}
