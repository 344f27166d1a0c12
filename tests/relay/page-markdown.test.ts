import { expect, test } from 'vitest';
import { renderMarkdown } from '../../relay/pages/markdown.ts';
import { sanitize } from '../../relay/pages/sanitize.ts';
import { htmlAttacks } from '../support/html-attacks.ts';

const body = (markdown: string): string => renderMarkdown(markdown).body.trim();

test.each([
  ['# A & B\n\nSome *text*', 'A & B'],
  ['Some `text`\n\n## With a **heading**', 'With a heading'],
  [
    'First words of a text, with a [link](https://a.example) and so many more that no title could ever take them all',
    'First words of a text, with a link and so many more that no title…',
  ],
  ['```\ncode\n```', ''],
  ['', ''],
])('%j has the title %j', (markdown, title) => {
  expect(renderMarkdown(markdown).title).toBe(title);
});

test('headings have an address of their own, and a table of contents leads to it', () => {
  expect(body('[up](#über-uns)\n\n# Über uns!\n\n## Über uns')).toBe(
    '<p><a href="#%C3%BCber-uns">up</a></p>\n<h1 id="über-uns">Über uns!</h1>\n<h2 id="über-uns-1">Über uns</h2>',
  );
});

test('a text over three screens has contents of its two highest ranks behind its title; a shorter one has none', () => {
  const part = (name: string): string =>
    `## ${name}\n\n${'Some words here. '.repeat(90)}\n\n### In it\n\n#### Deep`;
  const parts = ['Why <b>x</b> & “y”', 'What', 'How', 'When', 'Where'].map(part);
  const long = body(`# Title\n\n${parts.join('\n\n')}`);
  expect(long).toMatch(/^<h1 id="title">Title<\/h1>\n<nav class="contents" aria-label="Contents">/);
  expect(long).toContain(
    '<li><a href="#why-bxb--y">Why &lt;b&gt;x&lt;/b&gt; &amp; “y”</a></li><li class="below"><a href="#in-it">In it</a></li><li><a href="#what">What</a></li><li class="below"><a href="#in-it-1">In it</a></li>',
  );
  expect(long).not.toContain('>Deep</a>');
  // More than a few are folded.
  expect(long).toContain('<details><summary>Contents</summary>');
  const flat = ['Über', 'B', 'C']
    .map((name) => `## ${name}\n\n${'word '.repeat(900)}`)
    .join('\n\n');
  expect(body(flat)).toMatch(
    /^<nav class="contents" aria-label="Contents"><details open><summary>Contents<\/summary><ul><li><a href="#%C3%BCber">Über</,
  );
  expect(body(['# Title', '## A', '## B', '## C', 'short'].join('\n\n'))).not.toContain('<nav');
  expect(body(`# Title\n\n## A\n\n${'word '.repeat(3000)}`)).not.toContain('<nav');
});

test('code is highlighted when its language is named and known, and stays as it is otherwise', () => {
  expect(body('```ts\nconst a = 1 < 2;\n```')).toBe(
    '<figure class="code"><figcaption>ts</figcaption><pre tabindex="0"><code><span class="hljs-keyword">const</span> a = <span class="hljs-number">1</span> &lt; <span class="hljs-number">2</span>;</code></pre></figure>',
  );
  expect(body('```klingon\n<b>"x"</b>\n```')).toBe(
    '<figure class="code"><figcaption>klingon</figcaption><pre tabindex="0"><code>&lt;b&gt;"x"&lt;/b&gt;</code></pre></figure>',
  );
  expect(body('```\nif (a) b();\n```')).toBe(
    '<figure class="code"><pre tabindex="0"><code>if (a) b();</code></pre></figure>',
  );
});

test('a diff is coloured by whole lines, also when nobody says that it is one', () => {
  const diff = '@@ -1 +1 @@ <main>\n-a\n+b\n c';
  const coloured =
    '<span class="hljs-meta">@@ -1 +1 @@ &lt;main&gt;</span>\n<span class="hljs-deletion">-a</span>\n<span class="hljs-addition">+b</span>\n c';
  for (const fence of ['```diff', '```patch', '```'])
    expect(body(`${fence}\n${diff}\n\`\`\``), `after ${fence}`).toContain(coloured);
  expect(body(`\`\`\`diff\n${diff}\n\`\`\``)).toContain('<figure class="code diff">');
});

test('lists of tasks, tables and quotes', () => {
  expect(body('- [x] done\n- [ ] open')).toBe(
    '<ul>\n<li class="task"><span class="box done" role="img" aria-label="done"></span>done</li>\n<li class="task"><span class="box" role="img" aria-label="to do"></span>open</li>\n</ul>',
  );
  expect(body('| a | b |\n|---|--:|\n| 1 | 2 |')).toMatch(
    /^<div class="table" tabindex="0"><table>\n<thead>\n<tr>\n<th>a<\/th>\n<th align="right">b<\/th>[^]*<\/table><\/div>$/,
  );
});

test('links open elsewhere without telling where they were, and lead to web and mail addresses only', () => {
  expect(body('[a](https://a.example/?x=1&y=2 "t")')).toBe(
    '<p><a href="https://a.example/?x=1&amp;y=2" rel="noopener noreferrer nofollow" target="_blank" title="t">a</a></p>',
  );
  expect(body('<me@a.example>')).toContain('href="mailto:me@a.example"');
  for (const address of [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java&#10;script:alert(1)',
    '&#106;avascript:alert(1)',
    'data:text/html;base64,PGI+',
    'vbscript:x',
    'file:///etc/passwd',
    '//evil.example',
    '/admin',
    '../admin',
    'page',
    '\\\\evil.example',
  ]) {
    expect(body(`[label](<${address}>)`), `to ${address}`).toMatch(
      /^<p>(?:<a>)?label(?:<\/a>)?<\/p>$/,
    );
  }
});

test('a picture is a link, so that nothing is loaded', () => {
  expect(body('![a chart](http://evil.example/x.png?secret)')).toBe(
    '<p><a href="http://evil.example/x.png?secret" rel="noopener noreferrer nofollow" target="_blank">a chart</a></p>',
  );
  expect(body('![](data:image/png;base64,AAAA)')).toBe('<p><a>data:image/png;base64,AAAA</a></p>');
});

test('HTML of layout works without its attributes; any other is shown as the text it is', () => {
  expect(
    body('Array<string>, <kbd onclick="x()">Esc</kbd><br>and &lt;b&gt; &copy; <!-- not said -->'),
  ).toBe('<p>Array&lt;string&gt;, <kbd>Esc</kbd><br />and &lt;b&gt; © </p>');
  expect(
    body('<details open ontoggle=alert(1)><summary>More</summary>\n\n**text**\n\n</details>'),
  ).toBe('<details><summary>More</summary><p><strong>text</strong></p>\n</details>');
});

test.each(htmlAttacks)(
  '%s brings nothing in, neither within Markdown nor by the sanitiser alone',
  (attack) => {
    for (const html of [
      body(attack),
      body(`text ${attack} text`),
      body(`| a |\n|---|\n| ${attack} |`),
      body(`- > ${attack}`),
      body(`[${attack}](https://a.example "${attack.replaceAll('"', '')}")`),
      sanitize(attack),
      sanitize(`<p title='${attack}'>${attack}`),
    ]) {
      const tags = [...html.matchAll(/<([a-z][\w-]*)((?:\s[^<>]*)?)>/gi)];
      expect(
        tags
          .map((tag) => tag[1])
          .filter((name) =>
            /^(?:script|img|svg|iframe|style|link|meta|base|form|input|button|math|object|embed|video|template|textarea|noscript|body|main)$/i.test(
              name ?? '',
            ),
          ),
      ).toEqual([]);
      expect(
        tags
          .map((tag) => tag[2]?.replaceAll(/"[^"]*"/g, '""'))
          .filter((attributes) => /\bon\w+|style|src|javascript/i.test(attributes ?? '')),
      ).toEqual([]);
      expect(
        tags.filter(
          (tag) => /href/.test(tag[2] ?? '') && !/ href="https:\/\/a\.example" /.test(tag[2] ?? ''),
        ),
      ).toEqual([]);
    }
  },
);

test('what is nested deeply keeps its text', () => {
  expect(body(`${'> '.repeat(300)}deep`)).toMatch(/^(?:<blockquote>\n?){60}\s*deep/);
});
