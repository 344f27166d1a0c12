import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { lazy } from '../../shared/runtime/lazy.ts';
import { leastSecret, mostSecretBytes } from '../../shared/store/links/secret-link.ts';
import type { Link } from '../../shared/store/links/links.ts';
import { escapeHtml, documentHeaders, scriptedHeaders, writeDocument } from '../pages/document.ts';
import type { LinkPage } from './link-handler.ts';

/**
 * The library that encrypts in the browser (tweetnacl: X25519, XSalsa20 and Poly1305, on every
 * phone) and the page's own script, both in the page itself. Read when the first such page is asked
 * for.
 */
const script = lazy(async () => {
  const files = [
    fileURLToPath(import.meta.resolve('tweetnacl/nacl-fast.min.js')),
    fileURLToPath(new URL('./seal-secret.js', import.meta.url)),
  ];
  return (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n');
});

/**
 * The page that takes a secret in. `key` is the public key of the person's computer (base64url).
 */
export async function secretPage({ object, expires }: Link, key: string): Promise<LinkPage> {
  const name = escapeHtml(object);
  const text = await script();
  const html = writeDocument({
    title: 'Sidepocket',
    lang: 'en',
    about: '',
    body: `<h1>Enter ${name}</h1>
<p>It is encrypted here, in your browser, and only your own computer can open it. It does not appear in the chat.</p>
<form method="post" autocomplete="off" data-key="${escapeHtml(key)}" data-least="${leastSecret}" data-most="${mostSecretBytes}">
<input type="hidden" name="sealed">
<p class="bad" data-without-script>This page needs JavaScript to encrypt the value. Allow it for this page, or open the link in Safari, Chrome or Firefox.</p>
<div><label for="value">Value</label>
<textarea id="value" rows="4" autocapitalize="off" autocomplete="off" autocorrect="off" spellcheck="false" aria-describedby="problem"></textarea></div>
<p class="bad" id="problem" role="alert"></p>
<button disabled>Save ${name}</button>
</form>`,
    footer: `<span>This link works once, until <time datetime="${expires.toISOString()}">${clock(expires)} UTC</time>.</span>`,
    script: text,
  });
  return { html, headers: scriptedHeaders(text) };
}

/** The page after a secret was entered. */
export function secretTakenPage({ object }: Link): LinkPage {
  return plainPage(
    `<h1>${escapeHtml(object)} is on its way</h1>
<p>It went off encrypted. I write in the chat as soon as your computer has it, which can take a minute when it was asleep.</p>
<p class="soft">You can close this page.</p>`,
  );
}

/** The page of a link that does not work (any more). */
export function overPage(): LinkPage {
  return plainPage(
    `<h1>This link does not work any more</h1>
<p>A link like this works once, for 15 minutes, in one browser. Ask for a new one in the chat.</p>`,
  );
}

/** The page for a request that did not come from the form of this browser. */
export function refusedPage(): LinkPage {
  return plainPage(
    `<h1>That did not work</h1>
<p>Nothing was saved. Open the link in the chat again, in a browser that keeps cookies, and enter the value there.</p>`,
  );
}

function plainPage(body: string): LinkPage {
  const html = writeDocument({ title: 'Sidepocket', lang: 'en', about: '', body, footer: '' });
  return { html, headers: documentHeaders };
}

function clock(date: Date): string {
  return new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    timeZone: 'UTC',
  }).format(date);
}
