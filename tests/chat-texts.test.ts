import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readSourceTexts } from './chat-texts/source-texts.ts';
import { page, writeChatTexts } from './chat-texts/table.ts';

test('the table of the chat’s texts is made from the sources as they are, and every text has its occasion', async () => {
  const { text, faults } = await writeChatTexts();
  expect(faults).toEqual([]);
  const written = await readFile(path.join(import.meta.dirname, '..', page), 'utf8');
  expect(written, 'npm run chat-texts writes it anew').toBe(text);
});

test('a text is read as it is put together, and what is for the log, Redis or Claude is none', async () => {
  const source = `
    const also = dropped ? \` Left out: \${cut(dropped, 3)}.\` : '';
    const say = () => ({ id: 'a b c', text: \`Stopped.\${also} \${isNow ? 'Now' : 'Later'} it is \${count}.\` });
    const buttons = [{ id: '/x', title: 'Yes' }];
    log.warn('a text for the log'); throw new Error('a text for the log');
    throw new MediaProblem('it is too large');
    const aLua = \`local x = 1\`;
    export const commands = [{ pattern: /^\\/go on$/, run: () => 'I go on.' }];`;
  expect(await readSourceTexts(source)).toEqual([
    {
      text: 'Stopped.[ Left out: {dropped}.] [Now / Later] it is {count}.',
      path: ['say', 'text'],
      command: undefined,
    },
    { text: 'Yes', path: ['buttons', 'title'], command: undefined },
    { text: 'it is too large', path: [], command: undefined },
    { text: 'I go on.', path: ['commands', 'run'], command: '/go' },
  ]);
});
