import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..');
const design = readFileSync(path.join(root, 'docs', 'design.md'), 'utf8');

/**
 * The rows of the table below a heading: each its first cell and the files that its last one names.
 */
function rowsBelow(heading: string): { text: string; files: string[] }[] {
  const [, section = ''] = design.split(`\n${heading}\n`);
  const [own = ''] = section.split(/^#+ /m);
  return [...own.matchAll(/^\|(.*)\|(.*)\|$/gm)].slice(2).map(([, text = '', last = '']) => ({
    text: text.trim(),
    files: [...last.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
  }));
}

const ways: [heading: string, most: number][] = [
  ['### From the webhook to the stored turn', 10],
  ['### From the turn to the outbox', 15],
  ['### From the outbox to Twilio', 10],
];
const questions = rowsBelow('## Where is it decided?');

test.each(ways)('%s names at least one and at most %i files, one in each row', (heading, most) => {
  const files = rowsBelow(heading).flatMap((row) => row.files);
  expect(rowsBelow(heading).map((row) => row.files.length)).toEqual(files.map(() => 1));
  expect(files.length).toBeGreaterThan(0);
  expect(new Set(files).size).toBeLessThanOrEqual(most);
});

test('twenty different questions each have one file that answers them', () => {
  expect(questions.map((row) => row.files.length)).toEqual(Array.from({ length: 20 }, () => 1));
  expect(new Set(questions.map(({ text }) => text)).size).toBe(20);
  for (const { text } of questions)
    expect(text).toMatch(/^(?:Where is .* decided .*|What happens when .*)\?$/);
});

test('each file that the tables name is there', () => {
  const files = [...ways.map(([heading]) => rowsBelow(heading)), questions]
    .flat()
    .flatMap((row) => row.files);
  expect(files.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
});
