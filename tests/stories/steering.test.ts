import { readFile } from 'node:fs/promises';
import type { Job } from 'bullmq';
import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import type { TurnData, TurnResult } from '../../shared/store/queues.ts';
import { findMarked } from '../../worker/agent/sandbox/processes.ts';
import { atGate, gate, openGate } from '../support/gate-story.ts';
import { phone } from '../support/pipeline.ts';
import { scaled } from '../support/machine-speed.ts';
import { texts, withStory, workspaceOf } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

const stateOf = (bench: StoryBench, sid: string): Promise<string | null> =>
  bench.redis.hget(keys.message(sid), 'state');

/** The finished turns that had something to answer. */
const worked = async (bench: StoryBench): Promise<Job<TurnData, TurnResult>[]> =>
  (await bench.jobs('completed')).filter((job) => job.returnvalue.messages > 0);

test('what is said while Claude works is heard at the next tool boundary and answered in the same turn, several texts in one answer', async () => {
  await withStory({ stories: [gate] }, async (bench) => {
    await bench.say('gate');
    await atGate(await workspaceOf(bench));
    const sids = [await bench.say('say one'), await bench.say('say two')];
    for (const sid of sids)
      await until('it is taken up', async () => (await stateOf(bench, sid)) === 'working');
    await openGate(await workspaceOf(bench));
    await until('the answer', () => texts(bench).length > 0);
    await until('nothing is left', async () => (await bench.redis.llen(keys.inbox(phone))) === 0);
    expect(texts(bench)).toEqual([expect.stringMatching(/^through\s+one\s+two$/)]);
    // The turn that was added for what came in finds nothing to do.
    const [job, ...others] = await until(
      'the turn is over',
      async () => (await worked(bench)).length > 0 && worked(bench),
    );
    expect(others).toEqual([]);
    expect(job?.returnvalue).toMatchObject({ messages: 3 });
    expect(job?.data.messages.map(({ text }) => text)).toEqual(['gate', 'say one', 'say two']);
  });
});

test(
  '/queue waits for the turn after, and says so; what is said later is heard before it',
  { tags: 'long' },
  async () => {
    await withStory({ stories: [gate] }, async (bench) => {
      await bench.say('gate');
      await atGate(await workspaceOf(bench));
      await bench.say('/queue say the queued one');
      await until('it is told', () =>
        texts(bench).some((text) => text.startsWith('I do that as soon as this is done')),
      );
      const now = await bench.say('say now');
      await until('it is taken up', async () => (await stateOf(bench, now)) === 'working');
      await openGate(await workspaceOf(bench));
      await until('the queued one', () => texts(bench).includes('the queued one'));
      expect(await worked(bench)).toHaveLength(2);
      const [, ...answers] = texts(bench);
      expect(answers.at(-1)).toBe('the queued one');
      expect(answers.slice(0, -1).join('\n')).toMatch(/^through[^]*now/);
    });
  },
);

test('“please stop it now” ends the command that runs within a second, with all of its processes, and says what was under way', async () => {
  await withStory({ stories: [gate] }, async (bench) => {
    await bench.say('gate');
    await atGate(await workspaceOf(bench));
    expect([await isAtGate(bench), (await findShell(bench)) > 0]).toEqual([true, true]);
    const saidAt = performance.now();
    await bench.say('please stop it now');
    await until('its end', async () => !(await isAtGate(bench)), 60_000, 10);
    expect(performance.now() - saidAt).toBeLessThan(scaled(1000));
    await until('the stop', () => texts(bench).length > 0);
    expect(texts(bench)).toEqual(['Stopped. The last step: waiting at the gate.']);
    await until('no shell of it is left', async () => (await findShell(bench)) === 0);
    await bench.say('say hello again');
    await until('the next answer', () => texts(bench).includes('hello again'));
    expect(texts(bench)).toHaveLength(2);
    await bench.say('stop');
    await until('the word about it', () => texts(bench).length === 3);
    expect(texts(bench).at(-1)).toBe('Nothing is running.');
  });
});

/** Whether the command that waits at the gate still runs. */
async function isAtGate({ dataDir }: StoryBench): Promise<boolean> {
  const own = (await findMarked()).filter(({ mark }) => mark.includes(dataDir));
  const commands = await Promise.all(
    own.map(({ pid }) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')),
  );
  return commands.some((command) => command.includes('test -e gate'));
}

/** The processes of an agent that work in this bench's directory. */
async function findShell(bench: StoryBench): Promise<number> {
  return (await findMarked()).filter(({ mark }) => mark.includes(bench.dataDir)).length;
}
