import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { atGate, gatePlace, openGate } from '../support/gate-story.ts';
import { scaled } from '../support/machine-speed.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { fromHere, said, texts, withStory, workspaceOf } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/**
 * `wake yourself`: tries Claude Code's own timers, which are switched off, and then the tool that
 * outlives its process.
 */
const waking: Story = {
  matches: (asked) => asked === 'wake yourself',
  next({ results }) {
    if (results.length === 0)
      return callTool('ScheduleWakeup', { delaySeconds: 60, prompt: 'look', reason: 'to look' });
    if (results.length === 1)
      return callTool('CronCreate', { cron: '*/5 * * * *', prompt: 'look', recurring: true });
    if (results.length === 2)
      return callTool('mcp__whatsapp__schedule_turn', {
        prompt: 'look at the build',
        in_minutes: scaled(1500) / 60_000,
      });
    return text(`I look later: ${results.map(({ isError }) => (isError ? 'no' : 'yes')).join()}.`);
  },
};
/** What the timer's turn does. */
const looking: Story = {
  matches: (asked) => asked.includes('look at the build'),
  next: () => text('The build is green.'),
};

/** `send a helper`: it waits at the gate, and the model says something of each end. */
const helper: Story = {
  matches: (asked) => asked === 'send a helper',
  next: ({ results }) =>
    results.length > 0
      ? text('I have sent a helper.')
      : callTool('Agent', {
          description: 'Count the files',
          prompt: 'count all files now',
          subagent_type: 'general-purpose',
        }),
};
const counting: Story = {
  matches: (asked) => asked.includes('count all files now'),
  next: ({ results }) =>
    results.length > 0
      ? text('There are seven files.')
      : callTool('Bash', {
          command: `mkdir -p ${gatePlace}; touch ${gatePlace}/begun; until test -e ${gatePlace}/gate; do sleep 0.05; done`,
          description: 'Count',
        }),
};
const counted: Story = {
  matches: (asked) => asked.startsWith('Background work ended:'),
  next: () => text('Seven files.'),
};

/** Takes a person off the list, as a relay with another list does, or puts them back. */
async function allow(bench: StoryBench, isAllowed: boolean): Promise<void> {
  const words = isAllowed ? 'allowed since the beginning, by a test' : 'removed now, by a test';
  await bench.redis.hset(keys.allowed, phone, words);
}

test(
  'a timer of Claude’s own is a schedule, which wakes it by itself; one of a removed person does not run',
  { tags: 'long' },
  async () => {
    await withStory({ stories: [waking, looking] }, async (bench) => {
      await bench.say('wake yourself');
      await said(bench, 'I look later: no,no,yes.');
      await said(bench, 'The build is green.');

      const next = fromHere(bench);
      await next.say('wake yourself');
      await said(next, 'I look later: no,no,yes.');
      const asked = bench.model.requests.length;
      await allow(bench, false);
      await until(
        'it is set aside',
        async () => (await bench.redis.hlen(keys.setAsideSchedules(phone))) === 1,
      );
      expect([texts(next), bench.model.requests.length]).toEqual([
        ['I look later: no,no,yes.'],
        asked,
      ]);
    });
  },
);

test(
  'the helper of a person who is removed is ended, nobody is asked or told, and the computer sleeps',
  { tags: 'long' },
  async () => {
    let isAsleep = false;
    const options = {
      stories: [helper, counting, counted],
      environment: { IDLE_MINUTES: String(scaled(3000) / 60_000) },
      worker: { onAsleep: () => void (isAsleep = true) },
    };
    await withStory(options, async (bench) => {
      await bench.say('say hello', otherPhone);
      await said(bench, 'hello', otherPhone);
      await bench.say('send a helper');
      await said(bench, 'I have sent a helper.');
      await atGate(await workspaceOf(bench));
      await allow(bench, false);
      await openGate(await workspaceOf(bench));
      await until('the computer is asleep', () => isAsleep);
      expect(texts(bench)).toEqual(['I have sent a helper.']);
      expect(await bench.redis.hlen(keys.background)).toBe(0);
    });
  },
);
