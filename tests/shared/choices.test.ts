import { array, assert, constantFrom, oneof, property, record, string, tuple } from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { numberedText, roomForText, toTappable } from '../../shared/store/choices.ts';
import type { Choices } from '../../shared/store/choices.ts';
import { defineContent } from '../../shared/twilio/content.ts';
import { parseContent, renderContent } from '../../simulator/twilio/content.ts';
import { anyCharacter } from '../support/any-character.ts';

const buttons = (...titles: string[]): Choices => ({
  kind: 'buttons',
  items: titles.map((title, index) => ({ id: `q.${index + 1}`, title })),
});
const list = (items: { title: string; description?: string }[], button = 'Choose'): Choices => ({
  kind: 'list',
  button,
  items: items.map((item, index) => ({ id: `q.${index + 1}`, ...item })),
});

/**
 * Any words, with signs of several units, marks, blanks and line breaks, also none; often long and
 * often alike.
 */
const words = oneof(
  string({ unit: 'grapheme', maxLength: 120 }),
  string({ unit: anyCharacter, maxLength: 40 }),
  constantFrom(
    '',
    ' ',
    'the same title in every single place',
    'the same title in every other place',
    '{{1}}',
    "don't",
    'a\tb',
    '👩‍👩‍👧‍👦'.repeat(4),
  ),
);
const items = (most: number) =>
  array(record({ title: words, description: words }), { minLength: 1, maxLength: most }).map(
    (found) => found.map((item, index) => ({ id: `turn.ask.${index + 1}`, ...item })),
  );
const anyChoices: Arbitrary<Choices> = oneof(
  items(10).map((found): Choices => ({ kind: 'buttons', items: found })),
  tuple(items(10), words).map(([found, button]): Choices => ({
    kind: 'list',
    button,
    items: found,
  })),
);

/** A text as it looks to a person: what Twilio shows, line by line, without blanks at the ends. */
const body = (text: string): string => text.trim().split(/\r?\n/).join('\n');

describe('what can be tapped', () => {
  test('any choices become legal for WhatsApp, keep their ids, and no two titles are equal', () => {
    assert(
      property(anyChoices, (choices) => {
        const tappable = toTappable(choices);
        if (!tappable) throw new Error('not tappable');
        const [titleLength, most] = tappable.kind === 'buttons' ? [20, 3] : [24, 10];
        expect(tappable.items.map(({ id }) => id)).toEqual(choices.items.map(({ id }) => id));
        expect(tappable.items.length).toBeLessThanOrEqual(most);
        expect(new Set(tappable.items.map(({ title }) => title)).size).toBe(choices.items.length);
        expect(tappable.kind === 'list' ? tappable.button.trim() : 'none').not.toBe('');
        for (const { title, description = 'none' } of tappable.items) {
          expect(title).toBe(title.trim());
          expect(title.length).toBeGreaterThan(0);
          expect(title.length).toBeLessThanOrEqual(titleLength);
          expect(title.isWellFormed()).toBe(true);
          expect(description.length).toBeGreaterThan(0);
          expect(description.length).toBeLessThanOrEqual(72);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a question that becomes a content is taken by the Content API and shows exactly its text and choices', () => {
    assert(
      property(array(words, { minLength: 1, maxLength: 80 }), anyChoices, (lines, choices) => {
        const text = lines.join('\n').toWellFormed();
        const form = defineContent('AC1', text, choices);
        if (!form) return;
        const shown = renderContent(
          parseContent(JSON.parse(JSON.stringify(form.definition))),
          form.values,
        );
        expect(shown.failure).toBeUndefined();
        expect(shown.body).toBe(body(text));
        const tappable = toTappable(choices);
        expect(shown.list?.items ?? shown.buttons).toEqual(tappable?.items);
        expect(shown.list?.button).toBe(tappable?.kind === 'list' ? tappable.button : undefined);
        expect(Object.keys(form.values).length).toBeLessThanOrEqual(100);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['short titles stay', buttons('Allow', 'Deny'), ['Allow', 'Deny']],
    [
      'long ones are cut',
      buttons('Allow it for the rest of this day', 'Deny'),
      ['Allow it for the re…', 'Deny'],
    ],
    [
      'equal ones get a number',
      buttons('Deploy to production east', 'Deploy to production west', 'Deploy to production'),
      ['Deploy to productio…', 'Deploy to product… 2', 'Deploy to production'],
    ],
    ['empty ones get a name', buttons('', ' \n '), ['Option 1', 'Option 2']],
    [
      'a sign of several units is not cut in two',
      buttons(`${'x'.repeat(18)}👩‍👩‍👧‍👦`),
      [`${'x'.repeat(18)}…`],
    ],
  ])('titles: %s', (_, choices, titles) => {
    expect(toTappable(choices)?.items.map(({ title }) => title)).toEqual(titles);
  });

  test('more than three buttons become a list, and a cut title stands in full below', () => {
    expect(
      toTappable(buttons('One', 'Two', 'Three', 'The fourth one, which is rather long')),
    ).toEqual({
      kind: 'list',
      button: 'Choose',
      items: [
        { id: 'q.1', title: 'One' },
        { id: 'q.2', title: 'Two' },
        { id: 'q.3', title: 'Three' },
        {
          id: 'q.4',
          title: 'The fourth one, which i…',
          description: 'The fourth one, which is rather long',
        },
      ],
    });
  });

  test('too many choices, and ids that are empty, long or alike, cannot be tapped', () => {
    const withIds = (...ids: string[]): Choices => ({
      kind: 'buttons',
      items: ids.map((id) => ({ id, title: 'x' })),
    });
    for (const choices of [
      list(Array.from({ length: 11 }, (_, index) => ({ title: `${index}` }))),
      withIds(''),
      withIds('x'.repeat(201)),
      withIds('a', 'a'),
      withIds(' a'),
    ]) {
      expect(toTappable(choices)).toBeUndefined();
      expect(defineContent('AC1', 'Which?', choices)).toBeUndefined();
    }
  });
});

describe('the shape of a question', () => {
  const permission = (command: string, id: string) =>
    defineContent(
      'AC1',
      `Claude wants to run\n\`${command}\`\n\n_Without an answer in 30 minutes: denied._`,
      {
        kind: 'buttons',
        items: [
          { id: `${id}.1`, title: 'Allow' },
          { id: `${id}.2`, title: 'Deny' },
        ],
      },
    );

  test('questions of one shape share a content, whatever they say', () => {
    const [first, second] = [
      permission('npm test', 'turn-1'),
      permission('git push origin main', 'turn-2'),
    ];
    expect(first?.digest).toBe(second?.digest);
    expect(first?.values).not.toEqual(second?.values);
    expect(defineContent('AC2', 'x', buttons('a'))?.digest).not.toBe(
      defineContent('AC1', 'x', buttons('a'))?.digest,
    );
  });

  test('what a variable cannot hold stands in the definition', () => {
    const [plain, quoted] = [permission('npm test', 'turn'), permission("echo 'hi'", 'turn')];
    expect(quoted?.digest).not.toBe(plain?.digest);
    expect(JSON.stringify(quoted?.definition)).toContain("echo 'hi'");
    expect(JSON.stringify(plain?.definition)).not.toContain('npm test');
  });

  test.each([
    ['no text', ' '],
    ['a text over 1024 characters', 'x'.repeat(1025)],
    ['double braces', 'Is it {{name}} or {name}?'],
  ])('%s goes as text', (_, text) => {
    expect(defineContent('AC1', text, buttons('a'))).toBeUndefined();
  });
});

describe('written out', () => {
  test('buttons and lists read well', () => {
    expect(numberedText('Claude wants to run `npm test`.', buttons('Allow', 'Deny'))).toBe(
      'Claude wants to run `npm test`.\n\n1. Allow\n2. Deny\n\nAnswer with a number.',
    );
    expect(
      numberedText(
        'Which one?',
        list([{ title: 'First', description: 'the quick one' }, { title: 'Second' }]),
      ),
    ).toBe('Which one?\n\n1. First: the quick one\n2. Second\n\nAnswer with a number.');
    expect(numberedText('The budget is used up.', buttons('Continue? +$1'))).toBe(
      'The budget is used up.\n\n1. Continue? +$1\n\nAnswer with 1.',
    );
    expect(numberedText('Write “/resume 2”.', { ...buttons('One', 'Two'), told: true })).toBe(
      'Write “/resume 2”.',
    );
    expect(numberedText('', buttons('Allow', 'Deny'))).toBe(
      '1. Allow\n2. Deny\n\nAnswer with a number.',
    );
  });

  test('it is never over 1600 characters, and a text within its room arrives whole', () => {
    assert(
      property(string({ unit: 'grapheme', maxLength: 1700 }), anyChoices, (text, choices) => {
        const written = numberedText(text, choices);
        expect(written.length).toBeLessThanOrEqual(1600);
        expect(written).toMatch(/Answer with (a number|1)\.$/);
        expect(roomForText(choices)).toBeGreaterThanOrEqual(798);
        expect(written.startsWith(text.trim()) || text.trim().length > roomForText(choices)).toBe(
          true,
        );
      }),
      { numRuns: 300 },
    );
  });

  test('what does not fit is left out where it hurts least', () => {
    const long = list(
      Array.from({ length: 10 }, (_, index) => ({
        title: `Title ${index} ${'t'.repeat(40)}`,
        description: 'd'.repeat(72),
      })),
    );
    expect(numberedText('x'.repeat(300), long)).toContain('ddd');
    expect(numberedText('x'.repeat(900), long)).toMatch(/^x{900}\n\n1\. Title 0 t{40}\n/);
    expect(numberedText('x'.repeat(1600), long)).toMatch(/^x{1000,}…\n\n1\. Title 0/);
  });
});
