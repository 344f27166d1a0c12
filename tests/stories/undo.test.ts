import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Answer } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { git } from '../support/checkpoint-bench.ts';
import { holdOpen } from '../support/hold-open.ts';
import { phone } from '../support/pipeline.ts';
import { fromHere, said, tap, texts, withStory, workspaceOf } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import { readTree } from '../support/tree.ts';
import { until } from '../support/until.ts';

const bash = (command: string): Answer => callTool('Bash', { command, description: 'Work' });

/** What the model does for a request, one call after the other, and says at the end. */
const plans: Record<string, (cwd: string) => Answer[]> = {
  'prepare the files': () => [
    bash(
      'printf "one\\nthe second line\\n" > notes.txt; echo b > b.txt; echo run > run.sh; ln -s b.txt link',
    ),
    text('Prepared.'),
  ],
  'edit the notes': (cwd) => [
    callTool('Read', { file_path: path.join(cwd, 'notes.txt') }),
    callTool('Edit', {
      file_path: path.join(cwd, 'notes.txt'),
      old_string: 'second',
      new_string: 'third',
    }),
    text('Edited.'),
  ],
  'edit them again': () => [bash('sed -i s/third/fourth/ notes.txt'), text('Edited again.')],
  'work by commands': () => [
    bash(
      'rm link; mv b.txt c.txt; mkdir b.txt; echo deep > b.txt/deep; chmod 700 run.sh; git push 2>/dev/null || :',
    ),
    text('Worked.'),
  ],
  'work in two repositories': () => [
    bash(
      'echo x >> one/file; echo y >> two/file; echo z > one/dist/out; sleep 60 & disown; rm two/gone',
    ),
    text('Worked in two.'),
  ],
  'look around': () => [bash('ls -la'), text('Looked.')],
  'work for long': () => [bash('echo half > half.txt; sleep 60'), text('Never said.')],
};

const works: Story = {
  matches: (asked) => asked in plans,
  next: ({ results, cwd = '' }, asked) => plans[asked]?.(cwd)[results.length] ?? text('Lost.'),
};

const open = holdOpen<StoryBench>((use) =>
  withStory({ stories: [works], environment: { CHECKPOINTS: '1' } }, use),
);

/** Asks for work and returns the message with the line about it, and the page of the changes. */
async function work(
  bench: StoryBench,
  asked: string,
  answer: string,
): Promise<{ line: string; page: string; sid: string }> {
  await bench.say(asked);
  const { sid } = await said(bench, answer);
  const { text: line } = await said(bench, '· /undo');
  const url = /https?:\S+/.exec(line)?.[0] ?? '';
  const html = await (await fetch(url)).text();
  return { line, page: html.replace(/^[^]*<main/, '').replaceAll('<wbr>', ''), sid };
}

test('a change by Edit has a line and a page, is taken back and brought back', async () => {
  const bench = open();
  await bench.say('prepare the files');
  await said(fromHere(bench), '· /undo').catch(() => said(bench, '· /undo'));
  const workspace = await workspaceOf(bench);
  const before = readTree(workspace);
  const here = fromHere(bench);
  const { line, page } = await work(here, 'edit the notes', 'Edited.');
  expect(line).toContain('notes.txt, +1 −1: http');
  expect(page).toContain('<del>second</del>');
  expect(page).toContain('<ins>third</ins>');
  const after = readTree(workspace);
  await here.say('/undo');
  const question = await said(here, 'Take back what I did for “edit the notes”? 1 file as before:');
  expect(question.text).toContain('• notes.txt');
  await tap(here, question, 'Undo the files');
  await said(here, 'Done: 1 file as before.');
  expect(readTree(workspace)).toEqual(before);
  // A second tap changes nothing.
  await tap(here, question, 'Undo the files');
  await said(here, 'That is taken back already.');
  await here.say('/redo');
  await tap(here, await said(here, 'Bring back what you took back?'), 'Bring it back');
  await until(
    'brought back',
    () => texts(here).filter((words) => words.startsWith('Done: 1 file as before.'))[1],
  );
  expect(readTree(workspace)).toEqual(after);
});

test('what Bash did goes back to a quoted message, what cannot go back is named, and looking around says nothing', async () => {
  const bench = open();
  const workspace = await workspaceOf(bench);
  const before = readTree(workspace);
  const here = fromHere(bench);
  await here.say('look around');
  await said(here, 'Looked.');
  const { line, sid } = await work(here, 'work by commands', 'Worked.');
  expect(line).toMatch(/^.*\d files, \+\d+ −\d+: http/ms);
  expect(texts(here).filter((words) => words.includes('/undo'))).toHaveLength(1);
  const later = fromHere(bench);
  await later.say('edit them again');
  await said(later, 'Edited again.');
  await here.twin.chat.receive(phone, { text: '/undo', quoted: sid });
  const question = await said(later, 'Take back all 2 changes since “work by commands”?');
  expect(question.text).toContain('This I cannot take back: a push to a repository elsewhere.');
  await tap(later, question, 'Undo the files');
  await said(later, 'Done: ');
  expect(readTree(workspace)).toEqual(before);
});

test(
  'changes in two repositories count, those that git ignores by name alone; while something runs, undo asks to stop it first',
  { tags: 'long' },
  async () => {
    const bench = open();
    const workspace = await workspaceOf(bench);
    for (const name of ['one', 'two']) {
      const repository = path.join(workspace, name);
      mkdirSync(path.join(repository, 'dist'), { recursive: true });
      git(repository, 'init', '-q');
      writeFileSync(path.join(repository, '.gitignore'), 'dist/\n');
      writeFileSync(path.join(repository, 'file'), 'committed\n');
      writeFileSync(path.join(repository, 'gone'), 'committed\n');
      git(repository, 'add', '.');
      git(repository, 'commit', '-qm', 'first');
      writeFileSync(path.join(repository, 'file'), 'not committed\n');
    }
    const before = readTree(workspace);
    const here = fromHere(bench);
    const { line, page } = await work(here, 'work in two repositories', 'Worked in two.');
    expect(line).toContain('3 files, +2 −1, and 1 file that git ignores');
    for (const name of ['one/file', 'two/file', 'two/gone', 'one/dist/out'])
      expect(page).toContain(name);
    expect(page).not.toContain('<code>z</code>');
    await here.say('work for long');
    await until('it works', () => existsSync(path.join(workspace, 'half.txt')));
    await here.say('/undo');
    await tap(here, await said(here, 'I am still at work'), 'Stop');
    await said(here, 'Stopped.');
    await until('a line about what the stopped turn did', () =>
      texts(here).find((words) => words.startsWith('half.txt, +1 −0')),
    );
    await here.twin.chat.receive(phone, {
      text: '/undo',
      quoted: (await said(here, 'Worked in two.')).sid,
    });
    await tap(here, await said(here, 'Take back all 2 changes'), 'Undo the files');
    await said(here, 'Done: ');
    expect(readTree(workspace)).toEqual(before);
  },
);

test(
  'with the chat, Claude forgets what was said since then, and only that',
  { tags: 'long' },
  async () => {
    const bench = open();
    const here = fromHere(bench);
    await here.say('look around');
    await said(here, 'Looked.');
    await work(here, 'edit them again', 'Edited again.');
    const answersBefore = (asked: string): number | undefined =>
      here.model.requests.find(({ view }) => view.texts.some(({ text: words }) => words === asked))
        ?.view.answersBefore;
    expect(answersBefore('edit them again')).toBeGreaterThan(0);
    await here.say('/undo');
    await tap(here, await said(here, 'Take back what I did'), 'Files and chat');
    await said(here, 'I have forgotten our conversation since then, too.');
    await here.say('say still here');
    await said(here, 'still here');
    expect(texts(here).filter((words) => words.includes('could not find'))).toEqual([]);
    expect(answersBefore('say still here')).toBe(
      here.model.requests.findLast(({ view }) =>
        view.texts.some(({ text: words }) => words === 'edit them again'),
      )?.view.answersBefore,
    );
  },
);
