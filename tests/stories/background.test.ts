import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { findMarked } from '../../worker/agent/sandbox/processes.ts';
import { atGate, gate, gatePlace, openGate } from '../support/gate-story.ts';
import { scaled } from '../support/machine-speed.ts';
import { otherPhone } from '../support/pipeline.ts';
import { fromHere, said, tap, texts, withStory, workspaceOf } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/** A command that waits for a file of this name. */
const wait = (name: string): string =>
  `until test -e ${gatePlace}/${name}; do sleep 0.05; done; echo ${name}`;

/** `watch NAME`: starts a command in the background and says so. */
const watch: Story = {
  matches: (asked) => /^watch \w+$/.test(asked),
  next({ results }, asked) {
    const name = asked.split(' ')[1] ?? '';
    return results.length > 0
      ? text(`I watch ${name}.`)
      : callTool('Bash', {
          command: wait(name),
          description: `Watch ${name}`,
          run_in_background: true,
        });
  },
};

/** `send a helper`: a sub-agent as the model starts one, without a word about the background. */
const helper: Story = {
  matches: (asked) => asked === 'send a helper',
  next({ results }) {
    return results.length > 0
      ? text('I have sent a helper.')
      : callTool('Agent', {
          description: 'Count the files',
          prompt: 'count all files now',
          subagent_type: 'general-purpose',
        });
  },
};

/** What the helper does. */
const counting: Story = {
  matches: (asked) => asked.includes('count all files now'),
  next: ({ results }) =>
    results.length > 0
      ? text('There are seven files.')
      : callTool('Bash', { command: wait('gate'), description: 'Count' }),
};

/** `watch held`: what Claude does about its end takes a while, unless it is told to go on. */
const held: Story = {
  matches: (asked) => asked.startsWith('Background work ended:') && asked.includes('Watch held'),
  next: ({ results }) =>
    results.length > 0
      ? text('Held has ended.')
      : callTool('Bash', { command: wait('gate'), description: 'Look at what came of it' }),
};
const goesOn: Story = {
  matches: (asked) => asked.includes('You were interrupted while reporting'),
  next: () => text('Held has ended after all.'),
};

/** What Claude says when work in the background has ended; it also sends a message of its own. */
const notified: Story = {
  matches: (asked) => asked.startsWith('Background work ended:'),
  next({ results }, asked) {
    if (asked.includes('Count the files') && results.length === 0)
      return callTool('mcp__whatsapp__send_message', { text: 'One moment, the helper is back.' });
    return text(asked.includes('Count the files') ? 'Seven files.' : 'It has ended.');
  },
};

/** `fold`: hears of an end with the result of a command, and then works on. */
const fold: Story = {
  matches: (asked) => asked === 'fold' || asked.includes('interrupted while working on the person'),
  next({ results }) {
    const waits = ['first', 'second'].find(
      (name) => !results.some(({ isError, text: printed }) => !isError && printed.includes(name)),
    );
    return waits === undefined
      ? text('Both are through, and one has ended.')
      : callTool('Bash', { command: wait(waits), description: `Wait for the ${waits}` });
  },
};

const stories = [held, goesOn, fold, watch, helper, counting, notified, gate];

const processesOf = async ({ dataDir }: StoryBench): Promise<{ pid: number }[]> =>
  (await findMarked()).filter(({ mark }) => mark.endsWith(`@${dataDir}`));

/** The command lines of Claude's processes, one after the other. */
const commandsOf = async (bench: StoryBench): Promise<string> => {
  const files = (await processesOf(bench)).map(({ pid }) => `/proc/${pid}/cmdline`);
  return (await Promise.all(files.map((file) => readFile(file, 'latin1').catch(() => '')))).join();
};

const running = async ({ redis }: StoryBench): Promise<number> =>
  Object.values(await redis.hgetall(keys.background)).length;

test('what a helper and a command in the background come to is told, once, beside other work', async () => {
  const environment = { IDLE_MINUTES: '60', VM_USD_PER_HOUR: '0.057' };
  await withStory({ stories, environment }, async (bench) => {
    await bench.say('send a helper');
    await said(bench, 'I have sent a helper.');
    await until('it is noted', async () => (await running(bench)) === 1);
    await bench.say('/status');
    expect((await said(bench, 'In the background:')).text).toMatch(
      /\n1\. Count the files \(just begun\)\n.* The computer stays awake for it, at about \$0\.06 an hour\./,
    );
    await openGate(await workspaceOf(bench));
    expect((await said(bench, 'Seven files.')).text).toBe(
      '_About “send a helper”:_\n\nSeven files.',
    );
    expect(texts(bench)).toContain('One moment, the helper is back.');
    await until('nothing is noted', async () => (await running(bench)) === 0);

    const next = fromHere(bench);
    await next.say('watch one');
    await said(next, 'I watch one.');
    await until('it is noted', async () => (await running(bench)) === 1);
    const session = await bench.redis.hget(
      keys.conversation(next.replies()[0]?.phone ?? ''),
      'session',
    );
    // A new conversation leaves it running, and stays the current one.
    await next.say('/new');
    await said(next, 'fresh');
    await next.say('say something else');
    await said(next, 'something else');
    await openFile(bench, 'one');
    expect((await said(next, 'It has ended.')).text).toContain('About “watch one”');
    expect(
      await bench.redis.hget(keys.conversation(next.replies()[0]?.phone ?? ''), 'session'),
    ).not.toBe(session);
    expect(texts(next).filter((words) => words.includes('It has ended.'))).toHaveLength(1);
  });
});

/** Ends a command that waits for a file. */
const openFile = async (bench: StoryBench, name: string): Promise<void> => {
  const place = path.join(await workspaceOf(bench), gatePlace);
  await mkdir(place, { recursive: true });
  await writeFile(path.join(place, name), '');
};

test(
  'a stop of a turn leaves it running; one of several is ended by its number',
  { tags: 'long' },
  async () => {
    const worker = { progress: { firstMs: 300, everyMs: 300 } };
    await withStory({ stories, worker }, async (bench) => {
      for (const name of ['one', 'two']) {
        await bench.say(`watch ${name}`);
        await said(bench, `I watch ${name}.`);
      }
      await until('both are noted', async () => {
        const [entry = '{}'] = Object.values(await bench.redis.hgetall(keys.background));
        return (JSON.parse(entry) as { tasks: unknown[] }).tasks.length === 2;
      });
      const long = fromHere(bench);
      await bench.say('gate');
      await atGate(await workspaceOf(bench));
      await said(long, '. 2 things run in the background.');
      await bench.say('stop');
      const stopped = await said(bench, 'Stopped.');
      expect(stopped.text).toContain('This goes on in the background:\n1. Watch one');
      await bench.say('stop');
      await tap(bench, await said(bench, 'What shall I stop?'), '1. Watch one');
      await said(bench, 'Stopped what ran in the background: “Watch one”.');
      await openFile(bench, 'two');
      await said(bench, 'It has ended.');
      await expect(access(path.join(await workspaceOf(bench), gatePlace, 'one'))).rejects.toThrow(
        'ENOENT',
      );
    });
  },
);

test(
  'what was running when the worker ended is told by the next, once',
  { tags: 'long' },
  async () => {
    await withStory({ stories }, async (bench) => {
      await bench.say('watch one');
      await said(bench, 'I watch one.');
      await until('it is noted', async () => (await running(bench)) === 1);
      await bench.restartWorker();
      const lost = await said(bench, 'ended with it: “Watch one”');
      expect(lost.text).toContain('Text me if I shall begin it again.');
      await until('nothing is noted', async () => (await running(bench)) === 0);
      await bench.say('say it is quiet');
      await said(bench, 'it is quiet');
      expect(texts(bench).filter((words) => words.includes('ended with it'))).toHaveLength(1);

      // Another worker dies beside this one, which goes on.
      const next = fromHere(bench);
      const [person] = bench.replies().map((reply) => reply.phone);
      const session = await bench.redis.hget(keys.conversation(person ?? ''), 'session');
      const task = { id: 'b1', description: 'Watch two', request: 'watch two', startedAt: 1 };
      const entry = { owner: 'another#1', tasks: [task] };
      await bench.redis.hset(keys.background, `${person} ${session}`, JSON.stringify(entry));
      await said(next, 'ended with it: “Watch two”');
      await until('nothing is noted', async () => (await running(bench)) === 0);
      await next.say('say it is quiet again');
      await said(next, 'it is quiet again');
      expect(texts(next).filter((words) => words.includes('ended with it'))).toHaveLength(1);
    });
  },
);

test(
  'a process that is killed between the end and its report is replaced, and the end is told once',
  { tags: 'long' },
  async () => {
    await withStory({ stories }, async (bench) => {
      await bench.say('watch held');
      await said(bench, 'I watch held.');
      await until('it is noted', async () => (await running(bench)) === 1);
      await openFile(bench, 'held');
      await until('Claude looks into it', () =>
        bench.model.requests.some(({ view }) =>
          view.texts.some(({ text: asked }) => asked.includes('Watch held')),
        ),
      );
      await until('its turn has begun', async () => (await bench.jobs('active')).length === 1);
      for (const { pid } of await processesOf(bench)) process.kill(pid, 'SIGKILL');
      await said(bench, 'Held has ended after all.');
      await until('nothing is noted', async () => (await running(bench)) === 0);
      await bench.say('say it is quiet');
      await said(bench, 'it is quiet');
      expect(texts(bench).filter((words) => words.includes('Held has ended'))).toHaveLength(1);
      expect(texts(bench).filter((words) => words.includes('ended with it'))).toEqual([]);
    });
  },
);

test(
  'work in the background keeps its process and the computer awake, also when another conversation needs the room',
  { tags: 'long' },
  async () => {
    // Long enough for the first message to come in before the computer sleeps.
    const idleMs = scaled(1000);
    let isAsleep = false;
    const worker = { onAsleep: () => void (isAsleep = true) };
    const options = {
      stories,
      agent: { maxLive: 1 },
      environment: { IDLE_MINUTES: String(idleMs / 60_000) },
      worker,
    };
    await withStory(options, async (bench) => {
      await bench.say('watch one');
      await said(bench, 'I watch one.');
      await until('it is noted', async () => (await running(bench)) === 1);
      await bench.say('say hello from here', otherPhone);
      await said(bench, 'hello from here', otherPhone);
      await sleep(4 * idleMs);
      expect([isAsleep, await running(bench)]).toEqual([false, 1]);
      // The memory has no room for a second session with such work.
      await bench.say('watch two', otherPhone);
      await said(bench, 'as much runs in the background already', otherPhone);
      await openFile(bench, 'one');
      await said(bench, 'It has ended.');
      await until('the computer is asleep', () => isAsleep);
      expect(await running(bench)).toBe(0);
      expect(texts(bench).filter((words) => words.includes('It has ended.'))).toHaveLength(1);
    });
  },
);

/**
 * The notice of an end stands in the transcript beside the result that it came with, so the message
 * about the loss, which the crash has put behind the turn, finds it there, and its answer after it.
 */
test(
  'an end that Claude has heard of in a turn that crashed is told with its answer, and not as lost',
  { tags: 'long' },
  async () => {
    await withStory({ stories }, async (bench) => {
      await bench.say('watch one');
      await said(bench, 'I watch one.');
      await until('it is noted', async () => (await running(bench)) === 1);
      await bench.say('fold');
      const isAt = (name: string): Promise<unknown> =>
        until(`the ${name} command`, async () => (await commandsOf(bench)).includes(wait(name)));
      await isAt('first');
      await openFile(bench, 'one');
      await until('its end', async () => !(await commandsOf(bench)).includes(wait('one')));
      await openFile(bench, 'first');
      await isAt('second');
      for (const { pid } of await processesOf(bench)) process.kill(pid, 'SIGKILL');
      await openFile(bench, 'second');
      await said(bench, 'Both are through');
      await until('nothing is noted', async () => (await running(bench)) === 0);
      await bench.say('say it is quiet');
      await said(bench, 'it is quiet');
      expect(texts(bench).filter((words) => words.includes('ended with it'))).toEqual([]);
    });
  },
);
