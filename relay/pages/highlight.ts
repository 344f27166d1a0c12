import hljs from 'highlight.js/lib/common';
import dockerfile from 'highlight.js/lib/languages/dockerfile';
import nginx from 'highlight.js/lib/languages/nginx';
import { escapeHtml } from './document.ts';

hljs.registerLanguage('dockerfile', dockerfile);
hljs.registerLanguage('nginx', nginx);

/** Code longer than this is not highlighted (characters). */
const most = 60_000;

/**
 * Returns code as HTML, with spans of highlight.js's classes if its language is named and known.
 * Detects diffs; other languages are not guessed. `language` is the given name, for a caption.
 */
export function highlight(
  code: string,
  language: string | undefined,
): { language: string | undefined; html: string } {
  const known =
    language === undefined ? (looksLikeDiff(code) ? 'diff' : undefined) : language.toLowerCase();
  if (known === 'diff' || known === 'patch')
    return {
      language: 'diff',
      html: code
        .split('\n')
        .map((line) => colourDiffLine(line))
        .join('\n'),
    };
  const html =
    known !== undefined && code.length <= most && hljs.getLanguage(known)
      ? hljs.highlight(code, { language: known, ignoreIllegals: true }).value
      : escapeHtml(code);
  return { language: known, html };
}

const diffLines: [start: RegExp, className: string][] = [
  [
    /^(?:diff |index |--- |\+\+\+ |(?:new|deleted) file |old mode |new mode |similarity |rename |Binary )/,
    'hljs-comment',
  ],
  [/^@@/, 'hljs-meta'],
  [/^\+/, 'hljs-addition'],
  [/^-/, 'hljs-deletion'],
];

/**
 * Colours a diff by whole lines, so that a colour spans the full width; the library leaves the rest
 * of a line such as “@@ -1 +1 @@ main()” outside.
 */
function colourDiffLine(line: string): string {
  const kind = diffLines.find(([start]) => start.test(line));
  return kind ? `<span class="${kind[1]}">${escapeHtml(line)}</span>` : escapeHtml(line);
}

function looksLikeDiff(code: string): boolean {
  return /^(?:diff --git |@@ -\d+)/m.test(code);
}
