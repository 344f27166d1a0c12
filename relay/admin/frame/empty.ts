import { html } from './html.ts';
import type { Html } from './html.ts';

/** What stands in an empty list: what will be there, and the next step. */
export function adminEmpty(words: string, step?: [path: string, name: string]): Html {
  return html`<p class="soft">${words}${step && html` <a href="${step[0]}">${step[1]}</a>`}</p>`;
}
