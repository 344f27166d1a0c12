import type { Page } from '../../shared/store/pages.ts';
import { copyScript } from './copy-script.ts';
import { documentHeaders, escapeHtml, scriptedHeaders, writeDocument } from './document.ts';
import type { Rendered } from './markdown.ts';

/** The page of an answer, and its headers: one with code has the script that copies it. */
export function answerPage(
  { written, expires, form, asked = '' }: Page,
  { title, body }: Rendered,
): { html: string; headers: typeof documentHeaders } {
  const hasCode = body.includes('<figure class="code');
  const html = writeDocument({
    title: title || 'An answer',
    about: `<time datetime="${written.toISOString()}">${day(written)}, ${clock(written)} UTC</time>`,
    body: `${asked === '' ? '' : questionOf(asked)}${body}`,
    footer: `Anyone with this page’s address can read it until ${day(expires)}.`,
    lang: form === 'changes' ? 'en' : 'und',
    ...(hasCode ? { script: copyScript } : {}),
  });
  return { html, headers: hasCode ? scriptedHeaders(copyScript, `'none'`) : documentHeaders };
}

/** What the person asked. */
function questionOf(asked: string): string {
  return `<p class="asked"><span lang="en">You asked</span> ${escapeHtml(asked)}</p>\n`;
}

/** A text that could not be rendered, as plain text. */
export function plainRendering(markdown: string): Rendered {
  return { title: '', body: `<pre class="plain">${escapeHtml(markdown)}</pre>` };
}

/** Changes that could not be rendered: what is stored is not for people. */
export const unreadableChanges: Rendered = {
  title: 'What changed',
  body: '<h1>These changes cannot be shown</h1>\n<p>Ask in the chat what has changed.</p>',
};

/** The page for a file that has expired, was evicted or never existed. */
export function missingFile(): string {
  return writeDocument({
    title: 'File not available',
    about: '',
    body: '<h1>This file is not here any more</h1>\n<p>A link to a file works for a day, or a little less when many files are sent. Ask for the file again in the chat.</p>',
    footer: '',
  });
}

/** The page for an unknown address. */
export function missingPage(): string {
  return writeDocument({
    title: 'Nothing here',
    about: '',
    body: '<h1>There is no page here</h1>\n<p>Its time may be over, or the address was not copied whole. Ask for the answer again in the chat.</p>',
    footer: '',
  });
}

function day(date: Date): string {
  return new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  }).format(date);
}

function clock(date: Date): string {
  return new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    timeZone: 'UTC',
  }).format(date);
}
