import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { iconFile, logoMark } from '../admin/frame/icon.ts';

const style = readFileSync(new URL('./page.css', import.meta.url), 'utf8').trim();

const icon = `data:image/svg+xml,${encodeURIComponent(iconFile)}`;

const hashOf = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const policyOf = (form: `'none'` | `'self'`): string =>
  `default-src 'none'; style-src ${hashOf(style)}; img-src data:; base-uri 'none'; form-action ${form}; frame-ancestors 'none'`;

/**
 * The headers of every page without a script of ours: no scripts, no external loads, no framing, no
 * indexing by search engines, and no referrer to the sites it links to.
 */
export const documentHeaders = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': policyOf(`'none'`),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Robots-Tag': 'noindex, nofollow',
};

/** The same for a page with a form of ours. */
export const formHeaders: typeof documentHeaders = {
  ...documentHeaders,
  'Content-Security-Policy': policyOf(`'self'`),
};

/** The same for a page with this one script, and with a form of ours if `form` is `'self'`. */
export function scriptedHeaders(
  script: string,
  form: `'none'` | `'self'` = `'self'`,
): typeof documentHeaders {
  return {
    ...documentHeaders,
    'Content-Security-Policy': `${policyOf(form)}; script-src ${hashOf(script)}`,
  };
}

/**
 * Builds a whole page. `title` is plain text; `about`, `body` and `footer` are safe HTML; `script`
 * is the text of a script at its end; `lang` is the language of the body: `und` when it is not
 * known.
 */
export function writeDocument(document: {
  title: string;
  about: string;
  body: string;
  footer: string;
  script?: string;
  lang?: string;
}): string {
  const { title, about, body, footer, script, lang = 'en' } = document;
  return `<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="${icon}">
<style>${style}</style>
</head>
<body>
<header class="about" lang="en"><span class="brand">${logoMark}Sidepocket</span>${about}</header>
<main dir="auto">
${body}
</main>
<footer class="about" lang="en">${footer}</footer>
${script === undefined ? '' : `<script>${script}</script>\n`}</body>
</html>
`;
}

/** Escapes text for HTML. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
