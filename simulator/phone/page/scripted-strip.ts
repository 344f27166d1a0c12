import type { SystemState } from '../../chat.ts';
import { find } from './element.ts';

const storageKey = 'scripted-strip-closed';

/** The strip that says that a scripted model answers: it offers an example, and stays closed. */
export function enableScriptedStrip(example: string, use: (example: string) => void): void {
  const button = find('#scripted-try', HTMLButtonElement);
  button.textContent = `Try: ${example}`;
  button.addEventListener('click', () => use(example));
  find('#scripted-close', HTMLButtonElement).addEventListener('click', () => {
    localStorage.setItem(storageKey, 'yes');
    find('#scripted', HTMLElement).hidden = true;
    find('#text', HTMLTextAreaElement).focus();
  });
}

export function showScriptedStrip(system: SystemState | undefined): void {
  find('#scripted', HTMLElement).hidden =
    system?.model !== 'scripted' || localStorage.getItem(storageKey) !== null;
}
