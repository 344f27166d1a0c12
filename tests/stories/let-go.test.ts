import { expect, test } from 'vitest';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { keys } from '../../shared/store/redis/keys.ts';
import { callTool, text } from '../../simulator/model/answer.ts';
import { question } from '../../simulator/model/stories/question.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { findMarked } from '../../worker/agent/sandbox/processes.ts';
import { scaled } from '../support/machine-speed.ts';
import { phone } from '../support/pipeline.ts';
import { fromHere, said, tap, texts, withStory, workspaceOf } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/** `note`: writes a line into a file by a command that needs leave. */
const note: Story = {
  matches: (asked) => asked === 'note',
  next: ({ results }) =>
    results.length > 0
      ? text(results.some(({ isError }) => isError) ? 'Not noted.' : 'Noted.')
      : callTool('Bash', { command: "sh -c 'echo first >> notes'", description: 'Note it' }),
};

/** Waits until the turn that asks is put off and its Claude Code has ended. */
async function isLetGo(bench: StoryBench): Promise<void> {
  await until(
    'the turn is put off',
    async () => (await bench.redis.zcard(keys.delayed('turns'))) === 1,
  );
  await until('Claude Code has ended', async () =>
    (await findMarked()).every(({ mark }) => !mark.endsWith(`@${bench.dataDir}`)),
  );
}

const promptsOf = ({ model }: StoryBench): string => JSON.stringify(model.requests.at(-1));

test(
  'Claude Code ends while a question waits; the answer goes on where it asked, and what was approved runs once',
  { tags: 'long' },
  async () => {
    const options = {
      stories: [note],
      environment: { STOP_SECONDS: '1', QUESTION_HOLD_MINUTES: '0.001' },
    };
    await withStory(options, async (whole) => {
      let bench = fromHere(whole);
      await bench.say('ask me something');
      const question = await said(bench, 'Which colour');
      await isLetGo(bench);
      await bench.restartWorker();
      await tap(bench, question, 'Blue');
      await said(bench, 'You chose Blue.');
      expect(texts(bench).filter((words) => words.includes('I take blue'))).toHaveLength(1);

      await bench.say('/permissions ask');
      await said(bench, 'I ask before');
      bench = fromHere(whole);
      await bench.say('note');
      const leave = await said(bench, "echo first >> notes'");
      await isLetGo(bench);
      await tap(bench, leave, 'Yes');
      await said(bench, 'Noted.');
      expect(await readFile(path.join(await workspaceOf(bench), 'notes'), 'utf8')).toBe('first\n');
      expect(texts(bench).filter((words) => words.includes('echo first'))).toHaveLength(1);
      // A tap is an answer, and never a prompt of its own.
      expect(promptsOf(bench)).not.toMatch(/"text":"(Yes|No|Blue)"/);
      expect(await bench.redis.llen(keys.inbox(phone))).toBe(0);
    });
  },
);

/** `count and ask NAME`: sends a helper that waits for a file of this name, and asks meanwhile. */
const asking: Story = {
  matches: (asked) => /^count and ask \w+$/.test(asked),
  next(view, asked) {
    if (view.results.some(({ name }) => name === 'AskUserQuestion')) return text('So be it.');
    if (view.results.length > 0) return question.next(view, 'ask me');
    return callTool('Agent', {
      description: 'Count the files',
      prompt: `count all files at ${asked.split(' ').at(-1)}`,
      subagent_type: 'general-purpose',
    });
  },
};
const counting: Story = {
  matches: (asked) => asked.includes('count all files at '),
  next: ({ results }, asked) =>
    results.length > 0
      ? text('There are seven files.')
      : callTool('Bash', {
          command: `until test -e ${asked.trim().split(' ').at(-1)}; do sleep 0.05; done`,
          description: 'Count',
        }),
};
/** What Claude says of the helper's end, in whatever words it hears of it. */
const counted: Story = {
  matches: (asked) =>
    asked.startsWith('Background work ended:') || asked.includes('interrupted while reporting'),
  next: () => text('Seven files.'),
};
/** Work that was interrupted at a question goes on with the question's answer. */
const goesOn: Story = {
  matches: (asked) => asked.includes('You were interrupted while working on '),
  next: (view) =>
    view.results.some(({ name }) => name === 'AskUserQuestion')
      ? text('So be it.')
      : question.next(view, 'ask me'),
};

const tasksOf = async ({ redis }: StoryBench): Promise<{ ended?: true }[]> =>
  Object.values(await redis.hgetall(keys.background)).flatMap(
    (entry) => (JSON.parse(entry) as { tasks: { ended?: true }[] }).tasks,
  );

test(
  'a helper that ends while a question waits, before Claude Code is let go or after, or after the tap, is told of once',
  { tags: 'long' },
  async () => {
    const options = {
      stories: [asking, counting, counted, goesOn],
      environment: { QUESTION_HOLD_MINUTES: String(scaled(2000) / 60_000) },
    };
    await withStory(options, async (whole) => {
      const isPutOff = (): Promise<unknown> =>
        until(
          'the turn is put off',
          async () => (await whole.redis.zcard(keys.delayed('turns'))) === 1,
        );
      const end = async (name: string): Promise<void> =>
        await writeFile(path.join(await workspaceOf(whole), name), '');
      const isOver = async (bench: StoryBench): Promise<void> => {
        await said(bench, 'So be it.');
        await said(bench, 'Seven files.');
        await until('nothing is noted', async () => (await tasksOf(bench)).length === 0);
      };
      /** The helper has ended when Claude Code is let go, while it is, and after the tap. */
      const before = fromHere(whole);
      await before.say('count and ask one');
      const first = await said(before, 'Which colour');
      await end('one');
      await until('its end', async () => (await tasksOf(before)).some(({ ended }) => ended));
      await isPutOff();
      await tap(before, first, 'Blue');
      await isOver(before);

      const meanwhile = fromHere(whole);
      await meanwhile.say('count and ask two');
      const second = await said(meanwhile, 'Which colour');
      await isPutOff();
      await end('two');
      await said(meanwhile, 'Seven files.');
      await tap(meanwhile, second, 'Blue');
      await isOver(meanwhile);

      const after = fromHere(whole);
      await after.say('count and ask three');
      const third = await said(after, 'Which colour');
      await isPutOff();
      await tap(after, third, 'Blue');
      await said(after, 'So be it.');
      await end('three');
      await isOver(after);

      await after.say('say it is quiet');
      await said(after, 'it is quiet');
      const all = texts(whole);
      expect(all.join()).not.toContain('ended with it');
      expect(all.filter((words) => words.includes('Seven files.'))).toHaveLength(3);
      expect(all.filter((words) => words.includes('So be it.'))).toHaveLength(3);
      expect(all.filter((words) => words.includes('Which colour'))).toHaveLength(3);
    });
  },
);
