import { array, assert, boolean, integer, property, record, string } from 'fast-check';
import { expect, test } from 'vitest';
import { numberedText } from '../../shared/store/choices.ts';
import { fitQuestion } from '../../worker/questions/fit-question.ts';
import type { FittedQuestion } from '../../worker/questions/fit-question.ts';
import { readAnswer, writeQuestion } from '../../worker/questions/question.ts';
import type { OpenQuestion, Question } from '../../worker/questions/question.ts';
import { anyCharacter } from '../support/any-character.ts';

const ask = (change: Partial<Question>): FittedQuestion =>
  fitQuestion(
    writeQuestion(
      `SM${'1'.repeat(32)}.ask.0123456789ab.1`,
      { kind: 'choice', text: 'Which?', options: [], multiple: false, fallback: 'A', ...change },
      30,
    ),
  );
/** What arrives when nothing can be tapped. */
const messagesOf = ({ before, text, choices }: FittedQuestion): string[] => [
  ...before,
  choices ? numberedText(text, choices) : text,
];
const labels = (count: number, description?: string): Question['options'] =>
  Array.from({ length: count }, (_, index) => ({
    label: `Choice ${index}`,
    ...(description ? { description: `${description} end ${index}` } : {}),
  }));
const long = 'A sentence of some words. '.repeat(16).trim();

test('a question that one message holds is one message', () => {
  for (const options of [labels(2), labels(3, 'short'), labels(7), labels(12), []])
    expect(ask({ options }).before).toEqual([]);
});

test('of a longer one everything arrives: its text, each description, and how to answer', () => {
  for (const question of [
    { text: `${long} ${long} ${long} ${long} ${long} The end.`, options: labels(2) },
    { text: `${long} ${long} ${long} ${long} ${long} The end.`, options: labels(5) },
    { options: labels(3, `${long} ${long}`) },
    { options: labels(4, long), multiple: true },
    { options: labels(12, long.slice(0, 200)) },
    { text: `${long} ${long} ${long} ${long} ${long} The end.` },
  ]) {
    const fitted = ask(question);
    const messages = messagesOf(fitted);
    expect(messages.length).toBeGreaterThan(1);
    expect(Math.max(...messages.map((message) => message.length))).toBeLessThanOrEqual(1600);
    const all = messages.join('\n').replaceAll(/\s+/g, ' ');
    expect(all).toContain(question.text ?? 'Which?');
    for (const { label, description } of question.options ?? []) {
      expect(all).toContain(label);
      expect(all).toContain(description ?? label);
    }
    expect(messages.at(-1)).toContain('Without an answer in 30 minutes: A.');
  }
});

test('whatever Claude asks, it takes at most six messages, each of which WhatsApp takes', () => {
  const text = (maxLength: number) =>
    record({
      unit: string({ unit: anyCharacter, maxLength: 30 }),
      times: integer({ min: 0, max: maxLength }),
    }).map(({ unit, times }) => unit.repeat(times));
  assert(
    property(
      text(1000),
      array(record({ label: text(20), description: text(60) }), { maxLength: 14 }),
      boolean(),
      text(40),
      (words, options, multiple, fallback) => {
        const messages = messagesOf(ask({ text: words, options, multiple, fallback }));
        expect(messages.length).toBeLessThanOrEqual(6);
        for (const message of messages) expect(message.length).toBeLessThanOrEqual(1600);
      },
    ),
    { numRuns: 200 },
  );
});

test('a written label means itself, whatever place it has and whichever other one is like it', () => {
  const read = (labels: string[], text: string, more: Partial<OpenQuestion> = {}) =>
    readAnswer(
      { id: 'q', kind: 'choice', text: '', labels, multiple: false, deadline: 0, ...more },
      { id: 'SM1', conversation: '', at: '2026-01-02T03:04:05.678Z', text, media: [], human: true },
      undefined,
    );
  const counts = ['5', '10', '2'];
  for (const count of counts) expect(read(counts, count)).toEqual([count]);
  expect(read(counts, '3')).toEqual(['2']);
  const languages = ['C', 'C++', 'C#'];
  for (const language of languages)
    expect(read(languages, ` ${language.toLowerCase()} `)).toEqual([language]);
  expect(read(['-1', '1'], '1')).toEqual(['1']);
  expect(read(['👍', '👎'], '👎')).toEqual(['👎']);
  // Beside numbers on the screen a number is one of those.
  expect(read(counts, '2', { multiple: true })).toEqual(['10']);
  const many = Array.from({ length: 11 }, (_, index) => String(index));
  expect(read(many, '2')).toEqual(['1']);
  // Two are meant alike: the words themselves are the answer.
  expect(read(['C++', 'C#'], 'C', { at: 0 })).toEqual(['C']);
});
