import { Marked } from 'marked';
import { head } from '../../shared/runtime/cut.ts';
import { writeContents } from './contents.ts';
import type { Heading } from './contents.ts';
import { escapeHtml } from './document.ts';
import { highlight } from './highlight.ts';
import { sanitize } from './sanitize.ts';

/** Rendered Markdown: safe HTML and the page's title. */
export type Rendered = { title: string; body: string };

/** The longest title (characters); browsers show about this much. */
const longestTitle = 70;

/**
 * Renders Markdown (GitHub's flavour) as HTML for a page without scripts: code is highlighted,
 * pictures become links, layout HTML is kept and any other HTML is shown as text. The title is the
 * first heading, or the first words; a long text has its contents below it. Throws the renderer's
 * error when a text is nested too deeply.
 */
export function renderMarkdown(markdown: string): Rendered {
  const [slugs, headings, paragraphs]: [Map<string, number>, Heading[], string[]] = [
    new Map(),
    [],
    [],
  ];
  const marked = new Marked({
    gfm: true,
    renderer: {
      heading({ tokens, depth }) {
        const plain = this.parser.parseInline(tokens, this.parser.textRenderer).trim();
        const id = addSlug(slugs, plain);
        headings.push({ depth, text: plain, id });
        return `<h${depth} id="${id}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      paragraph({ tokens }) {
        if (paragraphs.length === 0)
          paragraphs.push(this.parser.parseInline(tokens, this.parser.textRenderer).trim());
        return false;
      },
      code: ({ text, lang }) => writeCode(text, lang),
      checkbox: ({ checked }) =>
        `<span class="box${checked ? ' done' : ''}" role="img" aria-label="${checked ? 'done' : 'to do'}"></span>`,
      listitem(item) {
        return `<li${item.task ? ' class="task"' : ''}>${this.parser.parse(item.tokens)}</li>\n`;
      },
      image({ href, text, title }) {
        // A remote picture would tell its server who reads this and when, so it is only linked.
        const label = text || title || href;
        return `<a href="${escapeHtml(href)}">${escapeHtml(label)}</a>`;
      },
      html: ({ text }) => writeHtml(text),
    },
  });
  const html = marked
    .parse(markdown, { async: false })
    .replaceAll('<table>', '<div class="table" tabindex="0"><table>')
    .replaceAll('</table>', '</table></div>');
  return {
    title: shorten(headings[0]?.text ?? paragraphs[0] ?? ''),
    body: withContents(sanitize(html), writeContents(markdown, headings)),
  };
}

/** The contents stand behind the heading that a page begins with, else before everything. */
function withContents(body: string, contents: string): string {
  if (contents === '') return body;
  const title = /^<h1[^>]*>[^]*?<\/h1>\n/.exec(body)?.[0] ?? '';
  return `${title}${contents}${body.slice(title.length)}`;
}

function writeCode(text: string, lang: string | undefined): string {
  const { language, html } = highlight(text, /^\S+/.exec(lang ?? '')?.[0]);
  const label = language === undefined ? '' : `<figcaption>${escapeHtml(language)}</figcaption>`;
  return `<figure class="code${language === 'diff' ? ' diff' : ''}">${label}<pre tabindex="0"><code>${html}</code></pre></figure>\n`;
}

/** An anchor for a heading, built as GitHub builds it, so that a table of contents works. */
function addSlug(slugs: Map<string, number>, heading: string): string {
  const slug =
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-') || 'section';
  const before = slugs.get(slug) ?? 0;
  slugs.set(slug, before + 1);
  return before === 0 ? slug : `${slug}-${before}`;
}

/** Layout tags that are allowed here. */
const layout =
  /^<(\/?)(br|hr|p|div|details|summary|kbd|sub|sup|b|i|u|em|strong|small|mark|del|ins|s|ul|ol|li|table|thead|tbody|tr|th|td)(?:\s[^<>]*)?\/?>$/i;

/**
 * Renders HTML inside Markdown: keeps layout tags without their attributes; any other, such as
 * `Array<string>`, is content and is shown as text.
 */
function writeHtml(html: string): string {
  return html
    .replaceAll(/<!--[^<>]*-->/g, '')
    .split(/(<[^<>]*>)/)
    .map((piece) => {
      const tag = layout.exec(piece);
      return tag ? `<${tag[1] ?? ''}${(tag[2] ?? '').toLowerCase()}>` : escapeHtml(piece);
    })
    .join('');
}

function shorten(title: string): string {
  const line = title.replaceAll(/\s+/g, ' ').trim();
  if (line.length <= longestTitle) return line;
  return `${head(line, longestTitle).replace(/\s+\S*$/, '')}…`;
}
