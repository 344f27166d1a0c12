import { logoMark } from './frame/icon.ts';
import { adminColours } from './frame/style.ts';
import { Html, html } from './frame/html.ts';

const style = new Html(`${adminColours}
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; background: var(--page); color: var(--text); }
form { box-sizing: border-box; width: min(23.5rem, calc(100vw - 3rem)); padding: 2rem 1.75rem; border-radius: 16px; background: var(--card); box-shadow: 0 8px 30px rgb(0 0 0 / .12); }
h1 { font-size: 1.25rem; margin: 0 0 1.25rem; display: flex; align-items: center; gap: .6rem; } h1 svg { width: 2rem; height: 2rem; } label { display: block; font-size: .875rem; margin-bottom: .375rem; }
input, button { box-sizing: border-box; width: 100%; font: inherit; padding: .7rem .85rem; border-radius: 10px; }
input { border: 1px solid var(--edge); background: var(--field); color: inherit; }
button { margin-top: 1rem; border: 0; background: var(--brand); color: #fff; font-weight: 600; cursor: pointer; }
p { margin: .75rem 0 0; color: var(--bad); }`);

const mark = new Html(logoMark);

/** The sign-in form, with the problem of the last attempt. */
export function signInPage(problem: string): string {
  return html`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>Sidepocket: sign in</title><link rel="icon" type="image/svg+xml" href="/icon.svg"><link rel="apple-touch-icon" href="/icon-192.png"><link rel="manifest" href="/manifest.webmanifest">
<style>${style}</style>
<main><form method="post"><input type="text" name="username" value="owner" autocomplete="username" hidden><h1>${mark}Sidepocket</h1><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button>${problem && html`<p role="alert">${problem}</p>`}</form></main></html>`
    .text;
}
