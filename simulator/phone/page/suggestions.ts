import { element } from './element.ts';
import { icon } from './icon.ts';
import type { IconName } from './icon.ts';

/** A request that shows pictures at work, with a page that is sure to be there: this one. */
export const screenshotRequest = `take a screenshot of ${location.origin}`;

const suggestions: { icon: IconName; title: string; text: string }[] = [
  { icon: 'picture', title: 'Take a screenshot', text: screenshotRequest },
  { icon: 'play', title: 'Run a command', text: 'run a command: uname -a && date' },
  { icon: 'document', title: 'Write a file', text: 'write me a file' },
  { icon: 'clock', title: 'Work for a while', text: 'work for a while' },
];

/** Puts a chip for each suggestion into `list`; a click hands its text to `fill`. */
export function showSuggestions(list: HTMLElement, fill: (text: string) => void): void {
  list.replaceChildren(
    ...suggestions.map((suggestion) =>
      element(
        'li',
        {},
        element(
          'button',
          { type: 'button', class: 'chip', onclick: () => fill(suggestion.text) },
          icon(suggestion.icon),
          element(
            'span',
            {},
            element('strong', {}, suggestion.title),
            element('span', { class: 'chip-text' }, suggestion.text),
          ),
        ),
      ),
    ),
  );
}
