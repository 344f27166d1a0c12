import { chmodSync, appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Answer } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { shadowDirectory } from '../../worker/checkpoints/shadow.ts';
import { git } from '../support/checkpoint-bench.ts';
import { gatePlace, openGate } from '../support/gate-story.ts';
import { holdOpen } from '../support/hold-open.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { createRandom } from '../support/random.ts';
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
  'work beside me': () => [
    callTool('Bash', {
      command: `until test -e ${gatePlace}/gate; do sleep 0.05; done; echo late > late.txt`,
      description: 'Work beside',
      run_in_background: true,
    }),
    text('It works beside.'),
  ],
  // The lock of the checkpoints, as a slow disk would hold it.
  'work while nothing can be kept': (cwd) => [
    bash(
      `echo slow > slow.txt; mkdir -p ${gatePlace}; (flock 9; touch ${gatePlace}/held; until test -e ${gatePlace}/release; do sleep 0.05; done) 9> ${shadowOf(cwd)}/lock > /dev/null 2>&1 & until test -e ${gatePlace}/held; do sleep 0.05; done`,
    ),
    text('Done without waiting.'),
  ],
  'work at random': (cwd) => randomWork(path.join(cwd, 'app')),
  ...Object.fromEntries(
    [phone, otherPhone].map((from): [string, () => Answer[]] => [
      `work of ${from}`,
      () => [
        bash(`echo 'secret of ${from}' > own-${from.slice(1)}.txt`),
        text(`Worked for ${from}.`),
      ],
    ]),
  ),
  'look around': () => [bash('ls -la'), text('Looked.')],
  'work for long': () => [bash('echo half > half.txt; sleep 60'), text('Never said.')],
};

const works: Story = {
  matches: (asked) => asked in plans,
  next: ({ results, cwd = '' }, asked) => plans[asked]?.(cwd)[results.length] ?? text('Lost.'),
};
/** What Claude is told beside the person's words, and of work in the background. */
const knows: Story = {
  matches: (asked) => asked === 'what do you know',
  next: ({ received }) => text(`I know: ${received.join(' ') || 'nothing new'}`),
};
const hears: Story = {
  matches: (asked) => asked.startsWith('Background work ended:'),
  next: () => text('It has ended.'),
};

const open = holdOpen<StoryBench>((use) => withStory({ stories: [works, knows, hears] }, use));

/** Where the checkpoints of a workspace are. */
function shadowOf(workspace: string): string {
  const name = path.basename(workspace);
  return shadowDirectory(path.dirname(path.dirname(workspace)), name);
}

/** Files that Claude works on at random, in a repository with work that the person has not committed. */
const worked = Array.from({ length: 8 }, (_, index) => `src/f${index}.txt`);

/** Edits by Edit, Write and Bash, with renames, removals, links, permissions and new directories. */
function randomWork(app: string): Answer[] {
  const random = createRandom(20);
  const steps = worked.flatMap((name, index): Answer[] => {
    const file = path.join(app, name);
    const read = callTool('Read', { file_path: file });
    const ways: Answer[][] = [
      [read, callTool('Edit', { file_path: file, old_string: 'second', new_string: 'edited' })],
      [read, callTool('Write', { file_path: file, content: `written ${index}\n` })],
      [bash(`sed -i s/third/by-sed/ ${file}; mv ${file} ${app}/moved-${index}`)],
      [bash(`rm ${file}; ln -s ../README ${file}`)],
      [bash(`chmod 711 ${file}; echo more >> ${file}`)],
      [bash(`rm ${file}; mkdir ${file}; echo deep > ${file}/deep`)],
      [callTool('Write', { file_path: `${app}/fresh/${index}/new.txt`, content: 'new\n' })],
    ];
    // The first two in any case: they are Claude Code's own tools.
    return ways[index < 2 ? index : random.below(ways.length)] ?? [];
  });
  return [...steps, text('Worked at random.')];
}

/** Asks for work and returns the message with the line about it, and the page of the changes. */
async function work(
  bench: StoryBench,
  asked: string,
  answer: string,
  from = phone,
): Promise<{ line: string; page: string; sid: string }> {
  await bench.say(asked, from);
  const { sid } = await said(bench, answer, from);
  const { text: line } = await said(bench, '· /undo', from);
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
  expect(line).toContain('notes.txt, +1 −1 · see it: http');
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
  await here.say('what do you know');
  await said(
    here,
    'I know: The person has taken back with /undo: notes.txt (as before). Read a file again',
  );
  await here.say('/redo');
  await tap(here, await said(here, 'Bring back what you took back?'), 'Bring it back');
  await until(
    'brought back',
    () => texts(here).filter((words) => words.startsWith('Done: 1 file as before.'))[1],
  );
  expect(readTree(workspace)).toEqual(after);
  const later = fromHere(bench);
  for (const expected of ['brought back with /redo: notes.txt (as before).', 'nothing new']) {
    await later.say('what do you know');
    await said(later, expected);
  }
  expect(texts(later)[0]).not.toContain('taken back');
});

test('what Bash did goes back to a quoted message, what cannot go back is named, and looking around says nothing', async () => {
  const bench = open();
  const workspace = await workspaceOf(bench);
  const before = readTree(workspace);
  const here = fromHere(bench);
  await here.say('look around');
  await said(here, 'Looked.');
  const { line, sid } = await work(here, 'work by commands', 'Worked.');
  expect(line).toMatch(/^.*\d files, \+\d+ −\d+ · see it: http/ms);
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
    const notes = path.join(await workspaceOf(bench), 'notes.txt');
    writeFileSync(notes, 'third\n');
    chmodSync(notes, 0o666);
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

test(
  'what works in the background has its line when it ends, and goes back',
  { tags: 'long' },
  async () => {
    const bench = open();
    const workspace = await workspaceOf(bench);
    const before = readTree(workspace, /^\.cache/);
    const here = fromHere(bench);
    await here.say('work beside me');
    await said(here, 'It works beside.');
    await until('it is noted', async () => (await bench.redis.hlen(keys.background)) === 1);
    await here.say('/undo');
    await said(here, 'This still runs in the background');
    await openGate(workspace);
    await said(here, 'It has ended.');
    await said(here, 'late.txt, +1 −0 · see it: http');
    await until('nothing is noted', async () => (await bench.redis.hlen(keys.background)) === 0);
    await here.say('/undo');
    await tap(here, await said(here, 'Take back what I did'), 'Undo the files');
    await said(here, 'Done: 1 file removed.');
    expect(readTree(workspace, /^\.cache/)).toEqual(before);
  },
);

test(
  'an answer does not wait for a checkpoint: the line comes behind it, with a button',
  { tags: 'long' },
  async () => {
    const bench = open();
    const workspace = await workspaceOf(bench);
    const here = fromHere(bench);
    await here.say('work while nothing can be kept');
    await said(here, 'Done without waiting.');
    expect(texts(here).join()).not.toContain('slow.txt');
    writeFileSync(path.join(workspace, gatePlace, 'release'), '');
    const line = await said(here, 'slow.txt, +1 −0 · see it: http');
    await tap(here, line, 'Undo');
    await tap(here, await said(here, 'Take back what I did'), 'Leave it');
    await said(here, 'I leave everything as it is.');
    expect(existsSync(path.join(workspace, 'slow.txt'))).toBe(true);
  },
);

test(
  'random work by Edit, Write and Bash goes back byte for byte, and the person’s own git and work stay as they are',
  { tags: 'long' },
  async () => {
    const bench = open();
    const workspace = await workspaceOf(bench);
    const app = path.join(workspace, 'app');
    mkdirSync(path.join(app, 'src'), { recursive: true });
    git(app, 'init', '-q');
    writeFileSync(path.join(app, 'README'), 'read me\n');
    for (const name of worked)
      writeFileSync(path.join(app, name), `of ${name}\nthe second line\nthird\n`);
    git(app, 'add', '.');
    git(app, 'commit', '-qm', 'first');
    appendFileSync(path.join(app, 'src/f0.txt'), 'stashed\n');
    git(app, 'stash', '-q');
    appendFileSync(path.join(app, 'src/f0.txt'), 'staged\n');
    git(app, 'add', '.');
    for (const name of worked) appendFileSync(path.join(app, name), 'not staged\n');
    writeFileSync(path.join(app, 'unknown.txt'), 'not known to git\n');
    const before = readTree(workspace);
    const here = fromHere(bench);
    const { line, page } = await work(here, 'work at random', 'Worked at random.');
    expect(line).toMatch(/\d+ files, \+\d+ −\d+/);
    for (const words of ['<ins>edited</ins>', 'written 1']) expect(page).toContain(words);
    await here.say('/undo');
    await tap(here, await said(here, 'Take back what I did'), 'Undo the files');
    await said(here, 'Done: ');
    expect(readTree(workspace)).toEqual(before);
  },
);

test(
  'nothing of one person is on another’s page, and an undo of one leaves the other’s files',
  { tags: 'long' },
  async () => {
    const bench = fromHere(open());
    const pages: string[] = [];
    for (const from of [phone, otherPhone]) {
      const { page } = await work(bench, `work of ${from}`, `Worked for ${from}.`, from);
      pages.push(page);
    }
    expect(pages[0]).toContain(`secret of ${phone}`);
    expect(pages[1]).toContain(`secret of ${otherPhone}`);
    expect(pages[0]).not.toContain(otherPhone);
    expect(pages[1]).not.toContain(phone);
    await bench.say('/undo', otherPhone);
    const question = await said(bench, 'Take back what I did', otherPhone);
    await tap(bench, question, 'Undo the files');
    await said(bench, 'Done: 1 file removed.', otherPhone);
    const names = [phone, otherPhone].map((from) => `own-${from.slice(1)}.txt`);
    expect(existsSync(path.join(await workspaceOf(bench, phone), names[0] ?? ''))).toBe(true);
    expect(existsSync(path.join(await workspaceOf(bench, otherPhone), names[1] ?? ''))).toBe(false);
  },
);
