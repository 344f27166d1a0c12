import { cut } from '../../../shared/runtime/cut.ts';
import { logoMark } from './icon.ts';
import { agoWords, clockWords, momentWords } from './format-measures.ts';
import { adminStyle } from './style.ts';
import { revealed } from '../../watch/step-view.ts';
import { turnStyle } from './turn-style.ts';
import { Html, html } from './html.ts';
import { liveScript } from './live-script.ts';

const style = new Html(`${adminStyle}${turnStyle}`);
const script = new Html(liveScript);
const mark = new Html(logoMark);

/** What every page behind the sign-in is written with. */
export type Frame = {
  /** The token of our forms. */
  token: string;
  /** The nonce of the page's script. */
  nonce: string;
  /** Whether the page may change something. */
  mayWrite: boolean;
  /** Whether the amounts of money are those of a model that costs nothing. */
  isPretend: boolean;
  /** The result of the last action, in words; '' for none. */
  said: string;
  /** The owner's time zone (IANA name); UTC where it is not known. */
  zone: string;
  /** The moment of the page (ms since 1970). */
  now: number;
  /** The name of a conversation's person; undefined without one. */
  nameOf: (conversation: string) => string | undefined;
};

/** A page: its title, and the path of its link in the head. */
export type PageHead = { title: string; path: string };

const links = [
  ['/admin', 'Overview'],
  ['/admin/turns', 'Turns'],
  ['/admin/people', 'People'],
  ['/admin/money', 'Money'],
  ['/admin/queues', 'Queues'],
] as const;

/** A whole page behind the sign-in. It works without its script, which only keeps it current. */
export function adminPage({ title, path }: PageHead, frame: Frame, content: Html): string {
  const { token, nonce, said } = frame;
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><meta name="theme-color" content="#008069">
<title>${title} · Sidepocket</title><link rel="icon" type="image/svg+xml" href="/icon.svg"><link rel="apple-touch-icon" href="/icon-192.png"><link rel="manifest" href="/manifest.webmanifest"><style>${style}</style></head><body>
<a class="skip" href="#content">Skip to the content</a>
<header class="top"><div><a class="brand" href="/admin" aria-label="Sidepocket, overview">${mark}<span>Sidepocket</span></a><nav aria-label="Dashboard">${links.map(([to, name]) => html`<a href="${to}"${to === path && new Html(' aria-current="page"')}>${name}</a>`)}</nav></div></header>
<main id="content" tabindex="-1" data-now="${frame.now}">${said && html`<p class="said" role="status">${said}</p>`}${content}</main>
<footer class="foot"><span id="as-of">${asOf(frame)}</span><form method="post" action="/admin/sign-out">${tokenField(token)}<button class="plain">Sign out</button></form></footer>
<script nonce="${nonce}">${script}</script></body></html>`.text;
}

/** When the page was written, and whose clock its times are of. */
export function asOf({ now, zone }: Pick<Frame, 'now' | 'zone'>): string {
  return `As of ${clockWords(now, zone)}. Times are those of ${zone.replaceAll('_', ' ')}.`;
}

/** The hidden field that proves a form is ours. */
export function tokenField(token: string): Html {
  return html`<input type="hidden" name="token" value="${token}">`;
}

/** A form that is one button; `about` names it for a screen reader where several look alike. */
export function actionButton(
  action: string,
  token: string,
  label: string,
  { kind = '', about = '' }: { kind?: 'main' | ''; about?: string } = {},
): Html {
  return html`<form method="post" action="${action}">${tokenField(token)}<button${kind && html` class="${kind}"`}>${label}${about && html`<span class="hidden">: ${about}</span>`}</button></form>`;
}

/**
 * How long ago a moment (ms since 1970) was, or how soon it comes; the exact time appears on hover.
 */
export function ago(at: number, { now, zone }: Pick<Frame, 'now' | 'zone'>): Html {
  return html`<time datetime="${new Date(at).toISOString()}" data-at="${at}" title="${momentWords(at, zone)}">${agoWords(at, now)}</time>`;
}

/** The person of a conversation: their name, or the number. */
export function personName(conversation: string, { nameOf }: Pick<Frame, 'nameOf'>): Html {
  const name = nameOf(conversation);
  return name === undefined
    ? html`<span class="num">${conversation}</span>`
    : html`<bdi title="${conversation}">${cut(revealed(name), 32)}</bdi>`;
}

/** A link to a conversation's thread. */
export function personLink(conversation: string, frame: Pick<Frame, 'nameOf'>): Html {
  return html`<a href="/admin/people/${encodeURIComponent(conversation)}">${personName(conversation, frame)}</a>`;
}
