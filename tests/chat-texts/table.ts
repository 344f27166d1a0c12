import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { notForTheChat, subjects } from './occasions.ts';
import type { Occasion } from './occasions.ts';
import { readSourceTexts } from './source-texts.ts';
import type { SourceText } from './source-texts.ts';

const root = path.join(import.meta.dirname, '..', '..');

/** The page with the table, from the root of the project. */
export const page = 'docs/chat-texts.md';

const introduction = [
  '# Every text of the chat',
  '',
  'What Sidepocket says by itself, when, and to whom; answers of Claude’s are not in it. `{x}` is filled',
  'in, `[a / b]` is one of them, `[a]` may be missing, and ⏎ begins a line. Buttons and lists stand',
  'among the texts. The page is made from the sources by `npm run chat-texts`;',
  '`tests/chat-texts.test.ts` compares the two, and fails for a text that no occasion in',
  '`tests/chat-texts/occasions.ts` covers.',
  '',
].join('\n');

const listed = new Set(subjects.flatMap(({ occasions }) => occasions.map(({ file }) => file)));
const others = Object.values(notForTheChat).flat();

/** Whether a whole folder, in which a file stands, is for another reader. */
function isUnderOther(file: string): boolean {
  return others.some((other) => other.endsWith('/') && file.startsWith(other));
}

/** What may be a text of several words, outside of a comment: parsing a file takes far longer. */
const aText = /['`][^'`\n]*\p{L} +[\p{L}$]/u;
const aComment = /^\s*(?:\/\/|\*|\/\*\*).*$/gm;

/** The texts of every source file that may have some for the chat. */
async function readAll(): Promise<Map<string, SourceText[]>> {
  const folders = ['relay', 'shared', 'worker'];
  const files = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(path.join(root, folder), { recursive: true })).map(
        (name) => `${folder}/${name}`,
      ),
    ),
  );
  const sources = files
    .flat()
    .filter((file) => file.endsWith('.ts') && (listed.has(file) || !isUnderOther(file)))
    .toSorted();
  const texts = await Promise.all(
    sources.map(async (file) => {
      const source = await readFile(path.join(root, file), 'utf8');
      const isWorthIt = listed.has(file) || aText.test(source.replaceAll(aComment, ''));
      return [file, isWorthIt ? await readSourceTexts(source) : []] as const;
    }),
  );
  return new Map(texts.filter(([, found]) => found.length > 0));
}

/** When a text comes; 'none' when it is not for the chat. */
function whenOf({ when, parts = {} }: Occasion, { path: names, command }: SourceText): string {
  const named = names.findLast((name) => parts[name] !== undefined);
  if (named !== undefined) return parts[named] ?? 'none';
  if (names.includes('help') && names.at(-1) !== 'run' && command !== undefined) return '/help';
  return command === undefined || when === 'none' ? when : `${command}`;
}

/**
 * The page, and what is wrong with the list: files with texts that neither an occasion nor another
 * reader has, and occasions without a text.
 */
export async function writeChatTexts(): Promise<{ text: string; faults: string[] }> {
  const all = await readAll();
  const faults: string[] = [];
  for (const file of all.keys())
    if (!listed.has(file) && !others.includes(file))
      faults.push(`${file} has texts that no occasion covers`);
  for (const file of others)
    if (file.endsWith('.ts') && !all.has(file)) faults.push(`${file} has no texts any more`);
  const parts = subjects.map(({ title, occasions }) => {
    const rows = occasions.flatMap((occasion) => {
      const texts = all.get(occasion.file) ?? [];
      const names = new Set(texts.flatMap((text) => text.path));
      for (const part of Object.keys(occasion.parts ?? {}))
        if (!names.has(part)) faults.push(`${occasion.file} has no text in ${part}`);
      const lines = texts
        .map((text) => ({ text: text.text, when: whenOf(occasion, text) }))
        .filter(({ when }) => when !== 'none')
        .map(
          ({ text, when }) => `| ${cell(text)} | ${cell(when)} | ${occasion.to ?? 'the person'} |`,
        );
      return [...new Set(lines)];
    });
    return [
      `## ${title}`,
      '',
      '| text | when | to whom |',
      '| --- | --- | --- |',
      ...rows,
      '',
    ].join('\n');
  });
  return { text: [introduction, ...parts].join('\n'), faults };
}

/** A text in a cell of a Markdown table, as it is written. */
function cell(text: string): string {
  return text
    .replaceAll('\n', ' ⏎ ')
    .replaceAll(/[\\|*_`<>]/g, String.raw`\$&`)
    .replaceAll(/ +/g, ' ')
    .trim();
}
