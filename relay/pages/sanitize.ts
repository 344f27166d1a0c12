import sanitizeHtml from 'sanitize-html';

/** The deepest nesting of elements; deeper ones lose their layout, not their text. */
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
 * Sanitizes HTML: keeps text layout, and removes anything that runs, loads, or imitates the page
 * around it. Does not trust the source of the HTML. Links may lead to web and mail addresses and to
 * anchors within the page only.
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

/** A relative address would lead to a path of the relay, which has nothing of the answer's. */
function linkTo(href: string): Record<string, string> {
  if (href.startsWith('#')) return { href };
  return /^(?:https?|mailto|tel):/i.test(href)
    ? { href, rel: 'noopener noreferrer nofollow', target: '_blank' }
    : {};
}
