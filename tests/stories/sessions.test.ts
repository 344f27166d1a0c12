import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { claudeDirectory } from '../../worker/agent/environment.ts';
import { phone } from '../support/pipeline.ts';
import { said, texts, withStory } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/** `which NAME`: says how many answers the model sees before this one, by which the sessions are told apart. */
const which: Story = {
  matches: (asked) => asked.startsWith('which '),
  next: ({ answersBefore }, asked) => text(`${asked.slice('which '.length)}: ${answersBefore} before`),
};

/** What Claude Code has written down of all sessions. */
async function readTranscripts({ dataDir }: StoryBench): Promise<string> {
  const projects = path.join(claudeDirectory(dataDir), 'projects');
  const files = (await readdir(projects, { recursive: true })).filter((name) => name.endsWith('.jsonl'));
  return (await Promise.all(files.map((name) => readFile(path.join(projects, name), 'utf8')))).join('\n');
}

test('/new begins afresh and keeps the files, /sessions lists what was, /resume and a quote go back', async () => {
  await withStory({ stories: [which] }, async (bench) => {
    await bench.say('which first');
    const old = await said(bench, 'first: 0 before');
    await bench.say('which second');
    await said(bench, 'second: 1 before');
    await bench.say('/new');
    await said(bench, 'A fresh start.');
    await bench.say('which third');
    await said(bench, 'third: 0 before');

    await bench.say('/sessions');
    const list = await said(bench, '1. which third (now)');
    expect(list.text).toContain('2. which first');
    await bench.say('/resume 2');
    await said(bench, 'Back in “which first”.');
    await bench.say('which fourth');
    await said(bench, 'fourth: 2 before');
    await bench.say('/resume 9');
    await said(bench, 'There is no conversation 9.');

    await bench.say('/new');
    await until('the second fresh start', () => texts(bench).filter((words) => words.startsWith('A fresh start.')).length === 2);
    await bench.twin.chat.receive(phone, { text: 'which fifth', quoted: old.sid });
    await said(bench, 'fifth: 3 before');
    expect(await readTranscripts(bench)).toContain('[In reply to your message: “first: 0 before”]');
    await bench.say('which sixth');
    await said(bench, 'sixth: 4 before');
  });
});

test('a tap in the list of sessions goes back', async () => {
  await withStory({ stories: [which] }, async (bench) => {
    await bench.say('which first');
    await said(bench, 'first: 0 before');
    await bench.say('/new');
    await said(bench, 'A fresh start.');
    await bench.say('which second');
    await said(bench, 'second: 0 before');
    await bench.say('/sessions');
    const list = await said(bench, '1. which second (now)');
    const item = list.list?.items.find(({ title }) => title === 'which first');
    await bench.twin.chat.receive(phone, { choice: { id: item?.id ?? '', title: 'which first', kind: 'list' }, quoted: list.sid });
    expect((await said(bench, 'Back in')).text).toBe('Back in “which first”.');
  });
});

test('a session that is not there any more is said, and the work goes on', async () => {
  await withStory({ stories: [which] }, async (bench) => {
    await bench.say('which first');
    await said(bench, 'first: 0 before');
    await bench.restartWorker();
    await rm(path.join(claudeDirectory(bench.dataDir), 'projects'), { recursive: true });
    await bench.say('which second');
    await said(bench, 'I could not find our earlier conversation any more');
    expect((await said(bench, 'second: ')).text).toBe('second: 0 before');
  });
});

test('an unknown command goes to Claude Code, which knows the commands of the workspace', async () => {
  await withStory({ stories: [which] }, async (bench) => {
    const commands = path.join(bench.dataDir, 'workspaces', phone.replace('+', ''), '.claude', 'commands');
    await mkdir(commands, { recursive: true });
    await writeFile(path.join(commands, 'greet.md'), 'say greetings to $ARGUMENTS');
    await bench.say('/greet everybody');
    expect((await said(bench, 'greetings')).text).toBe('greetings to everybody');
  });
});
