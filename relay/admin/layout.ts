import { adminStyle } from './style.ts';
import { Html, html } from './html.ts';

const style = new Html(adminStyle);

/** The frame of a page: its title, the path of its link in the head, and its form token. */
export type PageFrame = { title: string; path: string; token: string };

const links = [
  ['/admin', 'Overview'],
  ['/admin/queues', 'Queues'],
] as const;

/** A whole page behind the sign-in, without any script. */
export function adminPage({ title, path, token }: PageFrame, content: Html): string {
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>${title} · Sidepocket</title><link rel="icon" href="data:,"><style>${style}</style></head><body>
<header class="top"><div><a class="brand" href="/admin" aria-label="Sidepocket"><i></i><span>Sidepocket</span></a><nav>${links.map(([to, name]) => html`<a href="${to}"${to === path && new Html(' aria-current="page"')}>${name}</a>`)}</nav>
<form method="post" action="/admin/sign-out">${tokenField(token)}<button class="plain">Sign out</button></form></div></header>
<main>${content}</main></body></html>`.text;
}

/** The hidden field that proves a form is ours. */
export function tokenField(token: string): Html {
  return html`<input type="hidden" name="token" value="${token}">`;
}

/** A form that is one button. */
export function actionButton(
  action: string,
  token: string,
  label: string,
  kind: 'main' | '' = '',
): Html {
  return html`<form method="post" action="${action}">${tokenField(token)}<button${kind && html` class="${kind}"`}>${label}</button></form>`;
}
