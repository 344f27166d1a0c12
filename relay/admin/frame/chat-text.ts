import { html } from './html.ts';
import type { Html } from './html.ts';

/** WhatsApp's marks: code in one or three backquotes, bold, italic, struck out. */
const marks =
  /```([^]+?)```|`([^`\n]+)`|(?<![\p{L}\d*])\*([^\s*](?:[^*\n]*[^\s*])?)\*(?![\p{L}\d*])|(?<![\p{L}\d_])_([^\s_](?:[^_\n]*[^\s_])?)_(?![\p{L}\d_])|(?<![\p{L}\d~])~([^\s~](?:[^~\n]*[^\s~])?)~(?![\p{L}\d~])/gu;

/** A text of the chat as WhatsApp shows it. Nothing in it is taken for HTML. */
export function chatText(text: string): Html {
  const parts: Html[] = [];
  let end = 0;
  for (const match of text.matchAll(marks)) {
    const [all, block, code, bold, italic, struck] = match;
    parts.push(html`${text.slice(end, match.index)}`);
    if (block ?? code)
      parts.push(html`<code>${(block ?? code ?? '').replace(/^\n/, '').replace(/\n$/, '')}</code>`);
    else if (bold) parts.push(html`<strong>${bold}</strong>`);
    else if (italic) parts.push(html`<em>${italic}</em>`);
    else parts.push(html`<s>${struck}</s>`);
    end = match.index + all.length;
  }
  return html`${parts}${text.slice(end)}`;
}
