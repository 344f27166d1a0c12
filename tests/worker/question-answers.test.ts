import { assert, constantFrom, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import { findCommand } from '../../worker/commands/find-command.ts';
import { nextStep } from '../../worker/turn/next-step.ts';
import type { Situation } from '../../worker/turn/next-step.ts';
import { readAnswer } from '../../worker/questions/question.ts';
import type { OpenQuestion } from '../../worker/questions/question.ts';
import { isStop } from '../../worker/turn/stop.ts';

const id = 'SM00000000000000000000000000000000.ask.0123456789ab.1';
const quoting = `SM${'9'.repeat(32)}`;
const open = (
  kind: OpenQuestion['kind'],
  labels: string[],
  yes?: string,
  no?: string,
): OpenQuestion => ({
  id,
  kind,
  text: 'May I?',
  labels,
  multiple: false,
  deadline: 0,
  ...(yes ? { yes } : {}),
  ...(no ? { no } : {}),
});
const permission = open('permission', ['Yes', 'Yes, always', 'No'], 'Yes', 'No');
const planned = open('plan', ['Go', 'Go, edits unasked', 'Keep planning'], 'Go', 'Keep planning');
const plan = { ...planned, at: 0 };
const budget = open('budget', ['Continue? +$1', 'Stop here'], 'Continue? +$1', 'Stop here');
const colours = open('choice', ['Red', 'Green', 'Blue']);

const message = (text: string, more: Partial<Message> = {}): Message => ({
  id: `SM${'1'.repeat(32)}`,
  conversation: '+15551230001',
  at: '2026-01-02T03:04:05.678Z',
  text,
  media: [],
  human: true,
  ...more,
});
const tick = (text: string, more: Partial<Message> = {}): Message =>
  message(text, { id: 'schedule-15551230001-1-1', human: false, ...more });
const tap = (choice: string, title: string): Message =>
  message(title, { choice: { id: choice, title } });

/** Ways to agree that are no answer to a question for leave, in the languages of the world. */
const agreements = [
  'yes please',
  'yes!',
  'Yes.',
  'YES!!',
  'yes yes',
  'yes, do it',
  'yes but only once',
  'yes if it is safe',
  'yes?',
  'yess',
  'yeah',
  'yep',
  'yup',
  'y',
  'ya',
  'aye',
  'ok',
  'OK',
  'okay',
  'ok go',
  'k',
  'kk',
  'sure',
  'sure, go on',
  'sure thing',
  'of course',
  'fine',
  'fine by me',
  'go',
  'go on',
  'go ahead',
  'do it',
  'just do it',
  'please do',
  'allow',
  'allowed',
  'approve',
  'approved',
  'I approve',
  'accept',
  'confirm',
  'confirmed',
  'permission granted',
  'proceed',
  'continue',
  'carry on',
  'sounds good',
  'looks good',
  'lgtm',
  'good',
  'great',
  'perfect',
  'right',
  'correct',
  'true',
  'absolutely',
  'definitely',
  'certainly',
  'by all means',
  'be my guest',
  'always',
  'yes always',
  'Yes always!',
  'always yes',
  'yes, always please',
  'yes to all',
  'all yes',
  'whatever',
  'I do not mind',
  'you may',
  'you can',
  'why not',
  '1.',
  '1)',
  '#1',
  '(1)',
  '1!',
  '01.',
  '01',
  '02',
  '1 please',
  'number 1',
  'option 1',
  'one',
  'the first',
  '1, 2',
  '1 2',
  '1 and 2',
  '１',
  '١',
  '①',
  '1️⃣',
  '+1',
  '-1',
  '0',
  '4',
  '11',
  '👍',
  '👍🏽',
  '✅',
  '✔️',
  '🆗',
  '👌',
  '🙏',
  '💯',
  '❤️',
  ':+1:',
  '"yes"',
  '“Yes”',
  '*yes*',
  '_Yes_',
  '`yes`',
  '```yes```',
  '> yes',
  'yes\nno',
  'yes / no',
  'yes or no?',
  'sí',
  'si',
  'sí, claro',
  'claro',
  'vale',
  'dale',
  'adelante',
  'de acuerdo',
  'por supuesto',
  'hazlo',
  'está bien',
  'bueno',
  'ok, hazlo',
  'ja',
  'Ja!',
  'ja bitte',
  'jawohl',
  'klar',
  'gerne',
  'mach das',
  'mach ruhig',
  'in Ordnung',
  'einverstanden',
  'passt',
  'los',
  'natürlich',
  'ja, immer',
  'oui',
  'oui !',
  'ouais',
  'd’accord',
  'vas-y',
  'bien sûr',
  'allez-y',
  'c’est bon',
  'ça marche',
  'oui toujours',
  'entendu',
  'sim',
  'claro que sim',
  'pode',
  'pode ser',
  'tá bom',
  'beleza',
  'faz isso',
  'com certeza',
  'sì',
  'certo',
  'va bene',
  'fai pure',
  'procedi',
  'd’accordo',
  'certamente',
  'ovviamente',
  'да',
  'да, конечно',
  'хорошо',
  'давай',
  'ладно',
  'можно',
  'согласен',
  'угу',
  'так',
  'добре',
  'звісно',
  'はい',
  'はい、お願いします',
  'いいよ',
  'いいですよ',
  'どうぞ',
  'お願いします',
  '了解',
  'オーケー',
  'うん',
  '好',
  '好的',
  '可以',
  '是',
  '是的',
  '行',
  '没问题',
  '同意',
  '当然',
  '對',
  '네',
  '예',
  '좋아요',
  '응',
  '물론',
  '그래',
  'نعم',
  'أجل',
  'حسنا',
  'موافق',
  'تمام',
  'طبعا',
  'हाँ',
  'हां जी',
  'ठीक है',
  'ज़रूर',
  'evet',
  'tamam',
  'olur',
  'tabii',
  'tak',
  'dobrze',
  'jasne',
  'oczywiście',
  'áno',
  'ja graag',
  'prima',
  'doe maar',
  'oké',
  'ναι',
  'εντάξει',
  'כן',
  'בסדר',
  'ใช่',
  'ได้',
  'vâng',
  'được',
  'iya',
  'boleh',
  'y\u200bes',
  '\u202eYes',
  'Yes\u200b',
  'Ｙｅｓ',
  'Υes',
  'Yеs',
  'ye s',
  'Y E S',
  '/yes',
  '/allow',
  'yes /stop',
  `${id}.1`,
  `${id}.1 Yes`,
  'Yes'.repeat(50),
  '',
  ' ',
  '\n',
  'Go!',
  'Go.',
  'go go',
  'go, edits',
  'Go, edits unasked!',
  'Go edits unasked',
  'continue +$1',
  'Continue',
  'continue? +1',
  'continue? + $1',
];

describe('leave', () => {
  test('is given by nothing but its button, its number, its label, or a quoted yes: not by 250 other ways to agree', () => {
    expect(new Set(agreements).size).toBeGreaterThan(250);
    for (const words of agreements) {
      for (const question of [permission, plan, budget]) {
        const given = readAnswer(question, message(words), undefined);
        // A plan takes some of them for what should be different.
        const usual = question === plan ? (words === 'go' ? 'Go' : 'Keep planning') : undefined;
        expect([words, given?.[0] ?? usual]).toEqual([words, usual]);
        expect([
          words,
          readAnswer(question, message(words, { quoted: quoting }), undefined),
        ]).toEqual([words, undefined]);
      }
      // Under the question itself, too.
      expect(readAnswer(permission, message(words, { quoted: quoting }), `${id}.text`)).toBe(
        undefined,
      );
      expect(
        readAnswer(plan, message(words, { quoted: quoting }), `${id}.text`)?.[0] ?? 'Keep planning',
      ).toBe(words === 'go' ? 'Go' : 'Keep planning');
    }
  });

  test('by a text of any other form: never', () => {
    const given = new Set(['1', '2', 'yes', 'yes, always']);
    const words = constantFrom(
      'yes',
      'Yes',
      'YES',
      'always',
      'no',
      ' ',
      ',',
      ', ',
      '1',
      '2',
      '.',
      '!',
      'ok',
      '\n',
      '\u200b',
      'да',
      '👍',
    );
    const isRight = (text: string): boolean => {
      const gives =
        readAnswer(permission, message(text), undefined)?.[0]?.startsWith('Yes') ?? false;
      return gives === given.has(text.trim().replaceAll(/\s+/g, ' ').toLowerCase());
    };
    expect(() =>
      assert(property(string({ unit: words, maxLength: 5 }), isRight), { numRuns: 500 }),
    ).not.toThrow();
  });

  test('is given and refused by these', () => {
    for (const words of ['Yes', 'yes', ' YES\n', '1'])
      expect(readAnswer(permission, message(words), undefined)).toEqual(['Yes']);
    for (const words of ['yes, always', 'Yes,  Always', '2'])
      expect(readAnswer(permission, message(words), undefined)).toEqual(['Yes, always']);
    for (const words of ['No', 'no', '3'])
      expect(readAnswer(permission, message(words), undefined)).toEqual(['No']);
    expect(readAnswer(permission, tap(`${id}.2`, 'Yes, always'), undefined)).toEqual([
      'Yes, always',
    ]);
    for (const question of [permission, plan, budget]) {
      expect(readAnswer(question, message('yes', { quoted: quoting }), `${id}.text`)).toEqual([
        question.yes,
      ]);
      expect(readAnswer(question, message('Yes', { quoted: quoting }), `${id}.before.2`)).toEqual([
        question.yes,
      ]);
    }
    // A plan and a budget have no label that is a yes: only quoted it is one.
    for (const question of [plan, budget])
      expect(readAnswer(question, message('yes'), undefined)).toBe(undefined);
    expect(readAnswer(plan, message('GO, edits  unasked'), undefined)).toEqual([
      'Go, edits unasked',
    ]);
    expect(readAnswer(budget, message('continue? +$1'), undefined)).toEqual(['Continue? +$1']);
    // Where “always” is not offered, nothing means it.
    const once = open('permission', ['Yes', 'No'], 'Yes', 'No');
    for (const words of ['Yes, always', '3'])
      expect(readAnswer(once, message(words), undefined)).toBe(undefined);
    expect(readAnswer(once, message('2'), undefined)).toEqual(['No']);
  });

  test('a text that was written before the question is no answer to it, whatever it says', () => {
    const asked = Date.parse(message('').at);
    const before = new Date(asked - 1).toISOString();
    for (const question of [permission, plan, budget, colours]) {
      const known = { ...question, at: asked };
      const [label = ''] = known.labels;
      for (const words of ['1', label, known.yes ?? label, 'no', 'no, use yarn']) {
        const early = message(words, { at: before });
        expect([words, readAnswer(known, early, undefined)]).toEqual([words, undefined]);
      }
      expect(readAnswer(known, message('1'), undefined)).toEqual([label]);
      // A tap and a quote name the question, so clocks do not count.
      const [tapped, quote] = [tap(`${id}.1`, label), message('1', { quoted: quoting })];
      expect(readAnswer(known, { ...tapped, at: before }, undefined)).toEqual([label]);
      expect(readAnswer(known, { ...quote, at: before }, `${id}.text`)).toEqual([label]);
    }
  });

  test('a text that begins with a no refuses, and its words are kept', () => {
    const refusals = [
      'no, use yarn',
      'No!',
      'nope',
      'don’t',
      'do not touch that',
      'never',
      'not now',
      'nein, lass das',
      'non merci',
      'não',
      'нет, не надо',
      'не надо',
      'hayır',
      'いいえ',
      'だめです',
      '不要',
      '아니요',
      'لا',
      'नहीं',
      'nee',
      'tidak',
      '👎',
      '“no”',
      '- no',
    ];
    for (const words of refusals) {
      expect([words, readAnswer(permission, message(words), undefined)]).toEqual([
        words,
        ['No', words],
      ]);
      expect(readAnswer(plan, message(words), undefined)).toEqual(['Keep planning', words]);
    }
    for (const words of [
      'nothing yet',
      'now',
      'noodles',
      'nicely',
      'know',
      'number 3',
      'notes',
      'нетто',
      'лан',
    ]) {
      expect([words, readAnswer(permission, message(words), undefined)]).toEqual([
        words,
        undefined,
      ]);
    }
    expect(readAnswer(plan, message('use postgres', { quoted: quoting }), `${id}.text`)).toEqual([
      'Keep planning',
      'use postgres',
    ]);
  });

  test('a quote of something else, a file, a tap under something else and forged payloads give none', () => {
    expect(readAnswer(permission, message('Yes', { quoted: quoting }), 'SMother.command.1')).toBe(
      undefined,
    );
    expect(readAnswer(permission, message('Yes', { quoted: quoting }), undefined)).toBe(undefined);
    // A question whose id only begins alike.
    expect(readAnswer(permission, message('yes', { quoted: quoting }), `${id}2.text`)).toBe(
      undefined,
    );
    expect(
      readAnswer(
        permission,
        message('Yes', { media: [{ url: 'https://x/y', type: 'image/png' }] }),
        undefined,
      ),
    ).toBe(undefined);
    expect(
      readAnswer(permission, message('1', { location: { latitude: 1, longitude: 1 } }), undefined),
    ).toBe(undefined);
    for (const choice of [
      `${id}.0`,
      `${id}.4`,
      `${id}.01`,
      `${id}.1.1`,
      `${id}2.1`,
      id,
      id.replace('SM0', 'SM1'),
      `${id.replace(/1$/, '2')}.1`,
      'show',
      '/permissions all',
      'Yes',
      '1',
    ]) {
      expect([choice, readAnswer(permission, tap(choice, 'Yes'), undefined)]).toEqual([
        choice,
        undefined,
      ]);
    }
  });

  test('Claude’s own questions are answered as before', () => {
    for (const words of ['green', ' Green. ', '2.', '#2', '2'])
      expect(readAnswer(colours, message(words), undefined)).toEqual(['Green']);
    expect(
      readAnswer(colours, message('a dark violet', { quoted: quoting }), `${id}.text`),
    ).toEqual(['a dark violet']);
    expect(readAnswer({ ...colours, multiple: true }, message('1 and 3'), undefined)).toEqual([
      'Red',
      'Blue',
    ]);
  });
});

describe('who speaks', () => {
  const situation = (more: Partial<Situation> = {}): Situation => ({
    taken: new Set(),
    busy: true,
    question: permission,
    session: 's',
    quoted: () => undefined,
    tapSentence: () => undefined,
    ...more,
  });

  test('is said by the stamp; a message of an earlier version has none, and its id says it', () => {
    const { human: _, ...old } = message('hi');
    expect(isFromPerson(old)).toBe(true);
    expect(isFromPerson({ id: 'schedule-1-1-1' })).toBe(false);
    expect(isFromPerson(message('hi', { human: false }))).toBe(false);
    expect(isFromPerson(tick('hi'))).toBe(false);
  });

  test('what no person wrote never answers, approves, commands or stops', () => {
    const texts = (
      'Yes|1|yes, always|No|stop|/stop|STOP!|/permissions all|/new|/resume 1|/retry|retry|' +
      '/model opus|/schedules cancel 1|/verbose'
    ).split('|');
    for (const text of texts) {
      for (const spoken of [
        tick(text),
        tick(text, { quoted: quoting }),
        message(text, { human: false }),
      ]) {
        expect(isStop(spoken)).toBe(false);
        for (const question of [permission, plan, budget, colours])
          expect(readAnswer(question, spoken, `${id}.text`)).toBe(undefined);
        // Into the middle of other work it is not said; without work it is a prompt like any other.
        expect(nextStep([spoken], situation({ quoted: () => ({ id: `${id}.text` }) }))).toBe(
          undefined,
        );
        expect(nextStep([spoken], situation({ busy: false }))).toEqual({
          kind: 'prompt',
          message: spoken,
        });
      }
      // The same words of a person are heard.
      const found =
        isStop(message(text)) ||
        readAnswer(permission, message(text), undefined) !== undefined ||
        findCommand(message(text), true) !== undefined;
      expect([text, found]).toEqual([text, true]);
    }
  });

  test('a tap answers its question whatever was said before it, and one on a settled question is told so', () => {
    const tapSentence = ({ choice }: Message): string | undefined =>
      choice?.id.includes('.ask.') ? 'That question is settled (Yes).' : undefined;
    const barrier = message('/new', { id: `SM${'2'.repeat(32)}` });
    const yes = tap(`${id}.1`, 'Yes');
    expect(nextStep([barrier, yes], situation({ tapSentence }))).toEqual({
      kind: 'answer',
      message: yes,
      words: ['Yes'],
    });
    const stale = { kind: 'settled', message: yes, sentence: 'That question is settled (Yes).' };
    expect(nextStep([yes], situation({ question: undefined, tapSentence }))).toEqual(stale);
    expect(nextStep([yes], situation({ question: undefined, busy: false, tapSentence }))).toEqual(
      stale,
    );
    const other = { ...permission, id: id.replace(/1$/, '2') };
    expect(nextStep([yes], situation({ question: other, tapSentence }))).toEqual(stale);
    // A text that equals a payload is a text.
    const typed = message(`${id}.1`);
    expect(nextStep([typed], situation({ tapSentence }))).toEqual({
      kind: 'prompt',
      message: typed,
    });
  });
});
