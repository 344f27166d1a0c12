import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { claudeDirectory } from '../../worker/agent/sandbox/environment.ts';
import { holdOpen } from '../support/hold-open.ts';
import { otherPhone, phone, stranger } from '../support/pipeline.ts';
import { homeOf, said, tap, texts, withStory, workspaceOf } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/**
 * `which NAME`: says how many answers the model sees before this one, by which the sessions are
 * told apart.
 */
const which: Story = {
  matches: (asked) => asked.startsWith('which '),
  next: ({ answersBefore }, asked) =>
    text(`${asked.slice('which '.length)}: ${answersBefore} before`),
};

/** What Claude Code has written down of the phone’s sessions. */
async function readTranscripts(bench: StoryBench): Promise<string> {
  const projects = path.join(claudeDirectory(await homeOf(bench)), 'projects');
  const files = (await readdir(projects, { recursive: true })).filter((name) =>
    name.endsWith('.jsonl'),
  );
  return (await Promise.all(files.map((name) => readFile(path.join(projects, name), 'utf8')))).join(
    '\n',
  );
}

/** A phone for each of them, since each begins with what nobody has talked of. */
const environment = { ALLOWED_SENDERS: [phone, otherPhone, stranger].join(',') };
const open = holdOpen<StoryBench>((use) => withStory({ stories: [which], environment }, use));

test('/new begins afresh and keeps the files, /sessions lists what was; a tap in the list, /resume and a quote go back', async () => {
  const bench = open();
  await bench.say('which first');
  const old = await said(bench, 'first: 0 before');
  await bench.say('which second');
  await said(bench, 'second: 1 before');
  await bench.say('/sessions');
  await said(bench, 'There is no other yet.');
  await bench.say('/new');
  await said(bench, 'A fresh start.');
  await bench.say('which third');
  await said(bench, 'third: 0 before');

  await bench.say('/sessions');
  const list = await said(bench, '1. which third (now)');
  expect(list.text).toContain('2. which first');
  await tap(bench, list, 'which first');
  await said(bench, 'Back in “which first”.');
  await bench.say('which fourth');
  await said(bench, 'fourth: 2 before');
  await bench.say('/resume 9');
  await said(bench, 'There is no conversation 9.');
  await bench.say('/resume 2');
  await said(bench, 'Back in “which third”.');

  await bench.say('/new');
  await until(
    'the second fresh start',
    () => texts(bench).filter((words) => words.startsWith('A fresh start.')).length === 2,
  );
  await bench.twin.chat.receive(phone, { text: 'which fifth', quoted: old.sid });
  await said(bench, 'fifth: 3 before');
  expect(await readTranscripts(bench)).toContain('[In reply to your message: “first: 0 before”]');
  await bench.say('which sixth');
  await said(bench, 'sixth: 4 before');
});

test(
  'an unknown command goes to Claude Code: the workspace’s commands and skills work, and its own; that it has summed up is said',
  { tags: 'long' },
  async () => {
    const bench = open();
    const own = path.join(await workspaceOf(bench, otherPhone), '.claude');
    await mkdir(path.join(own, 'commands'), { recursive: true });
    await writeFile(path.join(own, 'commands', 'greet.md'), 'say greetings to $ARGUMENTS');
    await mkdir(path.join(own, 'skills', 'farewell'), { recursive: true });
    await writeFile(
      path.join(own, 'skills', 'farewell', 'SKILL.md'),
      '---\nname: farewell\ndescription: Says goodbye\n---\nsay goodbye to $ARGUMENTS',
    );
    await bench.say('/greet everybody', otherPhone);
    expect((await said(bench, 'greetings', otherPhone)).text).toBe('greetings to everybody');
    await bench.say('/farewell all', otherPhone);
    expect((await said(bench, 'goodbye', otherPhone)).text).toContain('goodbye to all');
    await bench.say('/compact', otherPhone);
    await said(bench, 'I have summed our conversation up, and go on from there.', otherPhone);
    await bench.say('which last', otherPhone);
    await said(bench, 'last: ', otherPhone);
    // The first two answers are summed up; `/compact` itself has no words.
    expect(texts(bench, otherPhone).slice(-2)).toEqual([
      'I have summed our conversation up, and go on from there. I may ask again about details.',
      'last: 1 before',
    ]);
  },
);

test(
  'a session that is not there any more is said, and the work goes on',
  { tags: 'long' },
  async () => {
    const bench = open();
    await bench.say('which first', stranger);
    await said(bench, 'first: 0 before', stranger);
    await bench.restartWorker();
    await rm(path.join(claudeDirectory(await homeOf(bench, stranger)), 'projects'), {
      recursive: true,
    });
    await bench.say('which second', stranger);
    await said(bench, 'I could not find our earlier conversation any more', stranger);
    expect((await said(bench, 'second: ', stranger)).text).toBe('second: 0 before');
  },
);
