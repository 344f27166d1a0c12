import sanitizeHtml from 'sanitize-html';

/** Elements may be nested so deep; what is deeper loses its layout, not its text. */
const deepest = 60;

const tags = [
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'p',
  'br',
  'hr',
  'div',
  'blockquote',
  'ul',
  'ol',
  'li',
  'figure',
  'figcaption',
  'pre',
  'code',
  'span',
  'a',
  'details',
  'summary',
  'table',
  'thead',
  'tbody',
  'tr',
  'th',
  'td',
  'strong',
  'b',
  'em',
  'i',
  'u',
  'del',
  's',
  'ins',
  'mark',
  'small',
  'kbd',
  'sub',
  'sup',
];

/**
 * Keeps of HTML what a text needs and nothing that runs, loads, or looks like a part of the page
 * around it. It does not rely on what made the HTML. Links lead to web and mail addresses and to
 * places within the page only.
 */
export function sanitize(html: string): string {
  return sanitizeHtml(html, {
    allowedTags: tags,
    allowedAttributes: {
      a: ['href', 'title', 'rel', 'target'],
      ol: ['start'],
      th: ['align'],
      td: ['align'],
      div: ['class', 'tabindex'],
      pre: ['tabindex'],
      figure: ['class'],
      li: ['class'],
      span: ['class', 'role', 'aria-label'],
      ...headingIds,
    },
    allowedClasses: {
      div: ['table'],
      figure: ['code', 'diff'],
      li: ['task'],
      span: [
        'hljs-*',
        'box',
        'done',
        'function_',
        'class_',
        'constant_',
        'language_',
        'inherited__',
        'escape_',
      ],
    },
    allowedSchemes: ['https', 'http', 'mailto', 'tel'],
    allowProtocolRelative: false,
    disallowedTagsMode: 'discard',
    nestingLimit: deepest,
    transformTags: {
      a: (tagName, { href = '', title }) => ({
        tagName,
        attribs: { ...linkTo(href), ...(title === undefined ? {} : { title }) },
      }),
    },
  });
}

const headingIds = Object.fromEntries([1, 2, 3, 4, 5, 6].map((depth) => [`h${depth}`, ['id']]));

/**
 * An address without a scheme would lead to somewhere on the relay, where there is nothing of the
 * answer's.
 */
function linkTo(href: string): Record<string, string> {
  if (href.startsWith('#')) return { href };
  return /^(?:https?|mailto|tel):/i.test(href)
    ? { href, rel: 'noopener noreferrer nofollow', target: '_blank' }
    : {};
}
