import { expect, test } from 'vitest';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { keys } from '../../shared/store/redis/keys.ts';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { findMarked } from '../../worker/agent/sandbox/processes.ts';
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
