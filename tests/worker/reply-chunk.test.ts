import { expect, test } from 'vitest';
import { createSeededRandom } from '../../simulator/twilio/seeded-random.ts';
import { chunk, messageLimit } from '../../worker/reply/chunk.ts';

const pieces = ['word', 'a longer-word', ' ', '  ', '\n', '\n\n', '. ', '! ', '\n```ts\n', '\n```\n', '`code`', '😀', '👨‍👩‍👧', 'é', '—', '- item\n', '| a | b |\n', 'x'.repeat(120), '😀'.repeat(40), '\t'];

/** A text of `length` pieces. */
function writeText(random: () => number, length: number): string {
  return Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]).join('');
}

/** The text without white space and fences, which cutting may change. */
const essence = (text: string): string => text.replaceAll(/^\s*```.*$/gm, '').replaceAll(/\s/g, '');
const fenceLines = (text: string): number => text.split('\n').filter((line) => line.trimStart().startsWith('```')).length;

/** What is wrong with the parts that a text was cut into, in words. */
function findFaults(text: string, parts: string[], limit: number): string[] {
  return [
    ...parts.flatMap((part) => (part.length > limit ? [`a part has ${part.length} characters`] : [])),
    ...parts.flatMap((part) => (part.trim() === '' ? ['a part is empty'] : [])),
    ...parts.flatMap((part) => (part.isWellFormed() ? [] : ['a character is cut in two'])),
    // A fence that the text itself leaves open stays so in the last part.
    ...parts.slice(0, -1).flatMap((part) => (fenceLines(part) % 2 === 0 ? [] : ['a fence is left open'])),
    ...(essence(parts.join('\n')) === essence(text) ? [] : ['something is lost']),
  ];
}

test('of 3,000 texts none loses anything, no part is too long, empty or broken', () => {
  const random = createSeededRandom(7);
  const failed: { limit: number; text: string; faults: string[] }[] = [];
  for (let run = 0; run < 3000; run += 1) {
    const text = writeText(random, Math.floor(random() * 120));
    const limit = run % 3 === 0 ? messageLimit : 100 + Math.floor(random() * 200);
    const faults = findFaults(text, chunk(text, limit), limit);
    if (faults.length > 0) failed.push({ limit, text, faults });
  }
  expect(failed.slice(0, 3)).toEqual([]);
});

test('a short text stays as it is, an empty one is none', () => {
  expect(chunk('  hello\nworld \n')).toEqual(['hello\nworld']);
  expect(chunk(' \n ')).toEqual([]);
  expect(chunk('x'.repeat(messageLimit))).toHaveLength(1);
});

test('it is cut at the best place: paragraphs before lines before sentences before words', () => {
  const half = 'x'.repeat(60);
  expect(chunk(`${half}\n\n${half} y. z\n${half}`, 100)[0]).toBe(half);
  expect(chunk(`${half}. ${half} ${half}`, 100)[0]).toBe(`${half}.`);
  expect(chunk(`${half} ${half}`, 100)).toEqual([half, half]);
});

test('a fence that is cut is closed and opened again with its language', () => {
  const code = Array.from({ length: 20 }, (_, index) => `const line${index} = ${index};`).join('\n');
  const parts = chunk(`Look:\n\`\`\`ts\n${code}\n\`\`\`\nDone.`, 200);
  expect(parts.length).toBeGreaterThan(1);
  for (const part of parts.slice(0, -1)) expect(part.endsWith('\n```')).toBe(true);
  for (const part of parts.slice(1, -1)) expect(part.startsWith('```ts\n')).toBe(true);
});
