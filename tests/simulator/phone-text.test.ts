import { expect, test } from 'vitest';
import { parseInline, parseWhatsappText } from '../../simulator/phone/page/whatsapp-text.ts';
import type { Inline } from '../../simulator/phone/page/whatsapp-text.ts';
import { scaled } from '../support/machine-speed.ts';

/** The tree in short: `bold(a)`. */
function short(nodes: Inline[]): string {
  return nodes
    .map((node) =>
      'children' in node
        ? `${node.kind}(${short(node.children)})`
        : node.kind === 'text'
          ? node.text
          : `${node.kind}(${node.text})`,
    )
    .join('');
}

test.each([
  ['a *b* c', 'a bold(b) c'],
  ['_a_ ~b~ `c`', 'italic(a) strike(b) code(c)'],
  ['*a _b_*', 'bold(a italic(b))'],
  ['snake_case_name and 2*3*4', 'snake_case_name and 2*3*4'],
  ['C:\\Users\\_me_ and /srv/_data_/x', 'C:\\Users\\_me_ and /srv/_data_/x'],
  ['a=_b_ #_y_ _z_% <_t_>', 'a=_b_ #_y_ _z_% <_t_>'],
  ['(_a_), "*b*"! *_c_*', '(italic(a)), "bold(b)"! bold(italic(c))'],
  ['* a *', '* a *'],
  ['*a\nb*', '*a\nb*'],
  ['`*a*`', 'code(*a*)'],
  ['**', '**'],
  ['```x``` in a line', 'code(x) in a line'],
  ['see https://a.example/b_c_d?e=f.', 'see link(https://a.example/b_c_d?e=f).'],
  ['*https://a.example/x*', 'bold(link(https://a.example/x))'],
  ['*a\n*b* c', '*a\nbold(b) c'],
  ['(http://a.example/x)', '(link(http://a.example/x))'],
  ['http://a.example/x_(y)', 'link(http://a.example/x_(y))'],
  ['javascript:alert(1)', 'javascript:alert(1)'],
  ['http://', 'http://'],
  ['<b>*x*</b>', '<b>bold(x)</b>'],
])('%s', (text, tree) => {
  expect(short(parseInline(text))).toBe(tree);
});

test('blocks: paragraph, list, numbered list, quote, code', () => {
  const blocks = parseWhatsappText(
    'Hi\nthere\n- a\n* b\n3. c\n4. d\n> q\n> r\n```\n*x*\n  y\n```\nend',
  );
  expect(blocks.map((block) => block.kind)).toEqual([
    'paragraph',
    'list',
    'list',
    'quote',
    'code',
    'paragraph',
  ]);
  expect(blocks[1]).toMatchObject({ ordered: false, items: [[{ text: 'a' }], [{ text: 'b' }]] });
  expect(blocks[2]).toMatchObject({ ordered: true, start: 3 });
  expect(blocks[3]).toMatchObject({ children: [{ text: 'q\nr' }] });
  expect(blocks[4]).toEqual({ kind: 'code', text: '*x*\n  y' });
});

test('blank lines between blocks become space, those within a paragraph stay', () => {
  const spaced = (text: string) =>
    parseWhatsappText(text).map(
      (block) =>
        `${block.spaced ? '+' : ''}${block.kind}${'children' in block ? ` ${short(block.children)}` : ''}`,
    );
  expect(spaced('\na\n\nb\n\n1. c\n2. d\n\n\ne\n')).toEqual([
    'paragraph a\n\nb',
    '+list',
    '+paragraph e',
  ]);
  expect(spaced('a:\n- b\nc\n```\nd\n```\ne\n\n```\nf\n```\n\n> g\n\n- h')).toEqual([
    'paragraph a:',
    'list',
    'paragraph c',
    'code',
    'paragraph e',
    '+code',
    '+quote g',
    '+list',
  ]);
});

test('an empty text has no blocks, an open fence stays as text', () => {
  expect(parseWhatsappText('')).toEqual([]);
  expect(parseWhatsappText('```a').map((block) => block.kind)).toEqual(['paragraph']);
});

test('a long text full of marks is parsed in reasonable time', () => {
  const start = performance.now();
  parseWhatsappText('*a _b ~c '.repeat(7000));
  parseWhatsappText('`'.repeat(15_000));
  parseWhatsappText('```\n'.repeat(4000));
  expect(performance.now() - start).toBeLessThan(scaled(2000));
});
