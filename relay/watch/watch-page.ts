import { createHash } from 'node:crypto';
import { dayWords } from '../admin/frame/format-measures.ts';
import { html, Html } from '../admin/frame/html.ts';
import { logoMark } from '../admin/frame/icon.ts';
import { turnTitle } from '../admin/turns/message-title.ts';
import { cut } from '../../shared/runtime/cut.ts';
import { documentHeaders } from '../pages/document.ts';
import type { LinkPage } from '../links/link-handler.ts';
import { isUnderWay, layOut } from './turn-view.ts';
import type { Part, TurnLook } from './turn-view.ts';
import { revealed } from './step-view.ts';
import { watchScript } from './watch-script.ts';
import { watchStyle } from './watch-style.ts';
import type { TurnNow } from './watched-turns.ts';

const hashOf = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The page runs its own script, hears of the turn from this relay, and loads nothing foreign. */
const headers = {
  ...documentHeaders,
  'Content-Security-Policy': `default-src 'none'; style-src ${hashOf(watchStyle)}; script-src ${hashOf(watchScript)}; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`,
};

const [style, script, mark] = [new Html(watchStyle), new Html(watchScript), new Html(logoMark)];

/** How often a page without script loads itself again while the turn goes on (seconds). */
const reloadSeconds = 10;

/** The live page of a turn, for its person. `until` is how long the link leads here. */
export function watchPage(
  { story, record }: TurnNow,
  parts: Part[],
  { now, zone }: Pick<TurnLook, 'now' | 'zone'>,
  until: Date,
): LinkPage {
  const isOver = !isUnderWay(story) && !record.isAtWork;
  const title = cut(turnTitle(story.turn, 'My work'), 80);
  const text =
    html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><meta name="theme-color" content="#008069">
<title>${revealed(title)} · Sidepocket</title><link rel="icon" type="image/svg+xml" href="/icon.svg">${!isOver && html`<noscript><meta http-equiv="refresh" content="${reloadSeconds}"></noscript>`}<style>${style}</style></head><body>
<main class="watch" id="watch" data-now="${now}" data-last="${record.length}" data-over="${isOver ? 1 : 0}"><header class="brand-line">${mark}<span>Sidepocket</span></header>
<h1><bdi>${title}</bdi></h1>
${layOut(parts)}</main>
<footer class="foot watch"><p class="offline" id="w-live" role="status"></p><p>Only this browser can open this page, until ${dayWords(until.getTime(), zone)}. It shows what I do; what you want, write in the chat.</p></footer>
<script>${script}</script></body></html>`.text;
  return { html: text, headers };
}

/** The page of a link that was not used yet: it says nothing that a crawler may not read. */
export function watchFirstPage(): LinkPage {
  const text =
    html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>Sidepocket</title><link rel="icon" type="image/svg+xml" href="/icon.svg"><style>${style}</style></head><body>
<main class="watch"><header class="brand-line">${mark}<span>Sidepocket</span></header><h1>See me work</h1>
<section class="card"><p>The page opens in this browser only. For another browser, text “/watch” again.</p><form class="actions" method="post"><button class="main">Open the page</button></form></section></main></body></html>`
      .text;
  return { html: text, headers };
}

/** The page of a link whose turn is no longer kept. */
export function watchGonePage(): LinkPage {
  const text =
    html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>Sidepocket</title><style>${style}</style></head><body>
<main class="watch"><header class="brand-line">${mark}<span>Sidepocket</span></header><h1>This work is no longer kept</h1><section class="card"><p>Text “/watch” in the chat to see the last one.</p></section></main></body></html>`
      .text;
  return { html: text, headers };
}
