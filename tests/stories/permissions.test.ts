import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { ChatMessage } from '../../simulator/chat.ts';
import { holdOpen } from '../support/hold-open.ts';
import { fromHere, said, tap, texts, withStory, workspaceOf } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
const asked = (bench: StoryBench, part: string): ChatMessage[] =>
  bench.replies().filter(({ text }) => text.includes(part));
const nth = (bench: StoryBench, part: string, index: number): Promise<ChatMessage> =>
  until(`${part} ${index + 1}`, () => asked(bench, part)[index], 60_000);
/** Slow machines are no reason to give Claude up. */
const patient = { silence: { idleMs: 120_000, toolMs: 120_000 } };

/** One conversation for both. */
const open = holdOpen<StoryBench>((use) =>
  withStory({ environment: { PERMISSIONS: 'all' }, worker: patient }, use),
);

test(
  'a plan is shown and decided in the mode “all”, where nothing else is asked; “Go, edits unasked” holds until it is done',
  { tags: 'long' },
  async () => {
    const bench = fromHere(open());
    const workspace = await workspaceOf(bench);
    await bench.say('plan to write a.txt');
    const first = await nth(bench, 'Shall I begin?', 0);
    expect(texts(bench)[0]).toMatch(/^\*The plan\*[^]*draft 1[^]*a\.txt/);
    expect(first.buttons.map(({ title }) => title)).toEqual([
      'Go',
      'Go, edits unasked',
      'Keep planning',
    ]);
    await bench.twin.chat.receive(first.phone, {
      text: 'look at the files twice',
      quoted: first.sid,
    });
    const second = await nth(bench, 'Shall I begin?', 1);
    await said(bench, 'draft 2');
    expect(await exists(path.join(workspace, 'a.txt'))).toBe(false);
    await tap(bench, second, 'Go');
    await nth(bench, 'I wrote a.txt as planned.', 0);
    // Carried out, it works in the mode from before.
    await bench.say('run touch b.txt');
    await nth(bench, 'ran and printed nothing', 0);
    expect(asked(bench, 'May I')).toEqual([]);

    await bench.say('/permissions ask');
    await said(bench, 'I ask before');
    await bench.say('plan to write c.txt');
    await tap(bench, await nth(bench, 'Shall I begin?', 2), 'Go, edits unasked');
    await nth(bench, 'I wrote c.txt as planned.', 0);
    expect(asked(bench, 'May I')).toEqual([]);
    await bench.say('write d.txt');
    expect((await nth(bench, 'May I', 0)).text).toContain('Written by the scripted model.');
    await bench.say('no');
    await nth(bench, 'All right, I leave it.', 0);
  },
);

test(
  '“Yes, always” for a command is leave for that command, and for nothing that Claude Code would add',
  { tags: 'long' },
  async () => {
    const bench = fromHere(open());
    const workspace = await workspaceOf(bench);
    await bench.say('/permissions ask');
    await said(bench, 'I ask before');
    await bench.say('run touch one.txt');
    const question = await nth(bench, 'May I', 0);
    expect(question.text).toContain(
      '```\ntouch one.txt\n```\n_Yes, always: this command and no other, in this session._',
    );
    await tap(bench, question, 'Yes, always');
    await nth(bench, 'ran and printed nothing', 0);
    await bench.say('run touch one.txt');
    await nth(bench, 'ran and printed nothing', 1);
    expect(asked(bench, 'May I')).toHaveLength(1);
    const others = [
      'run touch two.txt',
      'run timeout 5 touch one.txt',
      'run touch one.txt && rm -rf one.txt',
      'run rm -rf one.txt',
      'write notes.txt',
    ];
    for (const [index, other] of others.entries()) {
      await bench.say(other);
      await nth(bench, 'May I', index + 1);
      await bench.say('no');
      await nth(bench, 'All right, I leave it.', index);
    }
    expect(await readdir(workspace)).toEqual(expect.arrayContaining(['one.txt']));
    for (const name of ['two.txt', 'notes.txt', '.claude'])
      expect(await exists(path.join(workspace, name))).toBe(false);
  },
);
