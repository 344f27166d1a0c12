import { element } from './element.ts';
import { parseWhatsappText } from './whatsapp-text.ts';
import type { Block, Inline } from './whatsapp-text.ts';

/** The nodes of a message's text. Everything from the message goes in as text nodes. */
export function viewText(text: string): HTMLElement {
  return element('div', { class: 'text' }, ...parseWhatsappText(text).map(viewBlock));
}

/** The text without its marks on one line, for a snippet. */
export function plainText(text: string): string {
  const blocks = [...viewText(text).querySelectorAll('p, blockquote, pre, li')].map(
    (block) => block.textContent,
  );
  return blocks.join(' ').replace(/\s+/g, ' ').trim() || text.replace(/\s+/g, ' ').trim();
}

function viewBlock(block: Block): HTMLElement {
  const spaced = { 'data-spaced': block.spaced ?? false };
  switch (block.kind) {
    case 'paragraph':
      return element('p', spaced, ...block.children.map(viewInline));
    case 'quote':
      return element('blockquote', { dir: 'auto', ...spaced }, ...block.children.map(viewInline));
    case 'code':
      return element(
        'pre',
        { tabindex: '0', 'aria-label': 'Code', ...spaced },
        element('code', {}, block.text),
      );
    case 'list': {
      // Without a direction of their own: the list takes its side, and its marks', from them.
      const items = block.items.map((item) => element('li', {}, ...item.map(viewInline)));
      return block.ordered
        ? element('ol', { dir: 'auto', start: String(block.start), ...spaced }, ...items)
        : element('ul', { dir: 'auto', ...spaced }, ...items);
    }
    default:
      return block satisfies never;
  }
}

function viewInline(inline: Inline): Node {
  switch (inline.kind) {
    case 'text':
      return document.createTextNode(inline.text);
    case 'code':
      return element('code', {}, inline.text);
    case 'link':
      return element(
        'a',
        { href: inline.href, target: '_blank', rel: 'noopener noreferrer' },
        inline.text,
      );
    case 'bold':
      return element('strong', {}, ...inline.children.map(viewInline));
    case 'italic':
      return element('em', {}, ...inline.children.map(viewInline));
    case 'strike':
      return element('s', {}, ...inline.children.map(viewInline));
    default:
      return inline satisfies never;
  }
}
