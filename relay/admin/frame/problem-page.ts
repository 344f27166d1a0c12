import { logoMark } from './icon.ts';
import { Html, html } from './html.ts';
import { adminColours } from './style.ts';

const style = new Html(`${adminColours}
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; background: var(--page); color: var(--text); }
main { box-sizing: border-box; width: min(28rem, calc(100vw - 3rem)); padding: 2rem 1.75rem; border-radius: 16px; background: var(--card); box-shadow: 0 8px 30px rgb(0 0 0 / .12); }
svg { width: 2.5rem; height: 2.5rem; display: block; margin-bottom: 1rem; } h1 { font-size: 1.25rem; margin: 0 0 .5rem; } p { margin: 0 0 1rem; } p:last-child { margin: 0; } a { color: var(--accent); }`);
const mark = new Html(logoMark);

/** A page that says what went wrong, and what to do; `to` is a link to continue with. */
export function problemPage(
  title: string,
  advice: string,
  to?: [path: string, name: string],
): string {
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>${title} · Sidepocket</title><link rel="icon" type="image/svg+xml" href="/icon.svg">
<style>${style}</style></head><body><main>${mark}<h1>${title}</h1><p>${advice}</p>${to && html`<p><a href="${to[0]}">${to[1]}</a></p>`}</main></body></html>`
    .text;
}
