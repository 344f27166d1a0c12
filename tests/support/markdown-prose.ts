import type { Random } from './random.ts';

/** Words of three scripts: their letters make the edges of words different. */
const scripts: [string[], string[], string[]] = [
  [
    'the',
    'login',
    'page',
    'Überprüfung',
    'naïve',
    'files',
    'done.',
    'yes,',
    '(maybe)',
    'a',
    '“so”',
  ],
  ['الملف', 'تم', 'إصلاح', 'الصفحة،', 'نعم.', '١٢٣', '(ربما)', 'في'],
  ['文件', '已修复', '登录页面，', '完成。', '（也许）', '是', '重要', '一'],
];

/** What Markdown, WhatsApp or a path could take for a sign of its own. */
const signs: [string, ...string[]] = [
  '2*3*4',
  '5 * 4',
  '2**8',
  'a*b',
  '**kwargs',
  '*.ts',
  'src/**/*.ts',
  '*/5 * * * *',
  '__init__.py',
  '__name__',
  'snake_case_name',
  '_private',
  'a_b',
  '~5 km',
  '~/notes',
  'a~b~c',
  '1_000_000',
  '3.14',
  '1,234.50 €',
  '$5',
  '-20 EUR',
  '+5 °C',
  '£1.99',
  '50 %',
  '2024-01-31',
  '31.12.2024',
  '12/31/24',
  '1. Mai',
  '3) x',
  '#42',
  '# x',
  '- x',
  '+ 5',
  '> x',
  'C:\\Users\\me\\_data\\*.txt',
  '\\\\server\\share',
  '^\\d+\\.\\*\\[a\\]$',
  '/etc/*.d/x',
  './a/_b_/c',
  '\\*',
  '\\_x\\_',
  '\\*not bold\\*',
  '\\#',
  'Option<u>',
  'Vec<i>',
  '<b>',
  '</b>',
  '<T>',
  '<user@x>',
  'a<br>b',
  'x<sup>2</sup>',
  '<!-- note -->',
  '<p title="_x_">',
  '&amp;',
  '&lt;b&gt;',
  '&#42;',
  '&copy;',
  'a & b < c',
  'https://ex.org/a_b_c',
  'https://ex.org/?a=1&amp;b=2',
  'https://ex.org/x-(y)',
  '(https://ex.org/a).',
  '<https://ex.org/a.>',
  'www.ex.org',
  'a[x]',
  '[1]',
  '[INFO]: started',
  '| a | b',
  '¿qué?',
  '✅',
  '👨‍👩‍👧',
  '\u001b[31mred\u001b[0m',
  'bell\u0007',
  'a\u00a0b',
  '^',
  '=',
  '{x}',
  "it's",
  '---',
];

/** Signs that stand alone: within a mark they only tell how parsers differ on broken Markdown. */
const alone: [string, ...string[]] = ['**', '_', '~', 'me@ex.org'];

/** A way to write around a text, with its sign: no stretch holds another of the same sign. */
type Wrap = [sign: string, wrap: (text: string) => string];
const wraps: [Wrap, ...Wrap[]] = [
  ['*', (text) => `**${text}**`],
  ['_', (text) => `__${text}__`],
  ['*', (text) => `*${text}*`],
  ['_', (text) => `_${text}_`],
  ['*', (text) => `***${text}***`],
  ['~', (text) => `~~${text}~~`],
  ['~', (text) => `~${text}~`],
  ['`', (text) => `\`${text}\``],
  ['`', (text) => `\`\`${text}\`\``],
  ['<', (text) => `<b>${text}</b>`],
  ['"', (text) => `"${text}"`],
  ['(', (text) => `(${text})`],
  ['[', (text) => `[${text}](https://ex.org/a)`],
  ['[', (text) => `[${text}](https://ex.org/a_(b)-)`],
  ['[', (text) => `![${text}](https://ex.org/p.png "t")`],
  ['[', () => '[![build](https://ex.org/b.svg)](https://ex.org/ci)'],
];

/** What ends at a blank only. */
const standsApart = (text: string): boolean => /[_~]/.test(text) || hasAddress(text);

const hasAddress = (text: string): boolean => /:\/\/|www\.|@|\p{Extended_Pictographic}/u.test(text);

/**
 * A Markdown text as an assistant might write it, with the signs that are easily taken for marks:
 * the same for the same numbers.
 */
export function writeProse(random: Random): string {
  const script = random.pick(scripts);
  const word = (): string => script[random.below(script.length)] ?? '';
  const atom = (inside: string): string => {
    const choice = random.below(20);
    if (choice < 10) return word();
    if (choice === 10 && inside === '') return random.pick(alone);
    const [sign, wrap] = random.pick(wraps);
    if (choice > 16 && inside.length < 2 && !inside.includes(sign))
      return wrap(run(1 + random.below(3), inside + sign));
    const written = random.pick(signs);
    // What parsers differ about: addresses in the text of links, tildes between tildes.
    const isDisputed = inside.includes('[') && hasAddress(written);
    return isDisputed || (inside.includes('~') && written.includes('~')) ? word() : written;
  };
  const run = (length: number, inside: string): string => {
    let text = atom(inside);
    for (let index = 1; index < length; index += 1) {
      const next = atom(inside);
      const blank = random.pick([' ', ' ', ' ', ' ', ' ', '', '\u3000']);
      // An address ends at a blank, and so do underscores.
      const isApart = blank !== '' || [next, text.split(/\s/).at(-1) ?? ''].some(standsApart);
      text += `${isApart ? blank || ' ' : ''}${next}`;
    }
    return text;
  };
  // A tag at the start of a line begins a block of HTML for one parser or the other.
  const line = (): string => run(1 + random.below(7), '').replace(/^(?=[<!])/, `${word()} `);
  const paragraph = (): string =>
    Array.from({ length: 1 + random.below(2) }, line).join(
      random.pick(['\n', '\n', '  \n', ' \\\n']),
    );
  const item = (): string => paragraph().replaceAll('\n', '\n   ');
  const cell = (): string => run(1 + random.below(2), '|').replaceAll(/\n/g, ' ');
  const blocks: [() => string, ...(() => string)[]] = [
    paragraph,
    paragraph,
    paragraph,
    () => `${'#'.repeat(1 + random.below(4))} ${line()}`,
    () => `- ${item()}\n- ${item()}\n  - ${line()}`,
    () => `${1 + random.below(40)}. ${item()}\n${1 + random.below(40)}. ${item()}`,
    () => `1. ${item()}\n1. ${item()}`,
    () => `- [ ] ${line()}\n- [x] ${line()}`,
    () => `> ${paragraph().replaceAll('\n', '\n> ')}`,
    () => `\`\`\`ts\n${line()}\n\`\`\``,
    () => `| ${cell()} | ${cell()} |\n|---|--:|\n| ${cell()} | ${cell()} |`,
    () => `| ${cell()} | b | ${cell()} |\n|---|---|---|\n| ${cell()} | ${line()} | |`,
  ];
  return Array.from({ length: 1 + random.below(4) }, () => random.pick(blocks)()).join('\n\n');
}
