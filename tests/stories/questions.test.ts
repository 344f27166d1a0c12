import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { failureSentence } from '../../worker/turn/ending/failure-sentence.ts';
import { atGate } from '../support/gate-story.ts';
import { holdOpen } from '../support/hold-open.ts';
import { phone } from '../support/pipeline.ts';
import { fromHere, said, tap, texts, withStory, workspaceOf } from '../support/story-bench.ts';
import type { StoryBench, StoryOptions } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/** `four`: one question with four options, the most that Claude Code takes. */
const four: Story = {
  matches: (asked) => asked === 'four',
  next({ results }) {
    const options = ['One', 'Two', 'Three', 'Four'].map((label) => ({
      label,
      description: `It is ${label.toLowerCase()}.`,
    }));
    const result = results.find(({ name }) => name === 'AskUserQuestion');
    return result
      ? text(`You said ${/="([^"]*)"/.exec(result.text)?.[1]}`)
      : callTool('AskUserQuestion', {
          questions: [{ question: 'How many?', header: 'Number', multiSelect: false, options }],
        });
  },
};

/** `touch X`: a command that needs leave in the mode `ask`; `edit X` writes a file. */
const touch: Story = {
  matches: (asked) => /^(?:touch|edit) /.test(asked),
  next({ results }, asked) {
    const [, verb, name] = /^(touch|edit) (\S+)/.exec(asked) ?? [];
    const result = results.at(-1);
    if (result)
      return text(
        result.isError ? `It was not allowed: ${result.text.slice(0, 60)}` : `Did ${verb} ${name}.`,
      );
    // In the mode `edits` Claude Code takes plain file commands such as touch for edits.
    return verb === 'touch'
      ? callTool('Bash', { command: `sh -c 'touch ${name}'`, description: 'Touch a file' })
      : callTool('Write', { file_path: name, content: 'new' });
  },
};

/** `ask, then wait`: asks, and works for long once it is answered. */
const askThenWait: Story = {
  matches: (asked) => asked === 'ask, then wait',
  next({ results }) {
    const options = ['Yes', 'No'].map((label) => ({ label, description: label }));
    const isAnswered = results.some(({ name }) => name === 'AskUserQuestion');
    return isAnswered
      ? callTool('Bash', {
          command: 'mkdir -p .cache; touch .cache/begun; sleep 60',
          description: 'Wait',
        })
      : callTool('AskUserQuestion', {
          questions: [{ question: 'Go on?', header: 'Going on', multiSelect: false, options }],
        });
  },
};

/** One conversation for all of them, in the order in which they stand here. */
const options: StoryOptions = {
  stories: [four, touch, askThenWait],
  environment: { STOP_SECONDS: '1' },
};
const open = holdOpen<StoryBench>((use) => withStory(options, use));

test('a question comes with buttons and a tap answers it, in the same turn', async () => {
  const bench = fromHere(open());
  await bench.say('ask me something');
  const question = await said(bench, 'Which colour');
  expect(question.buttons.map(({ title }) => title)).toEqual(['Red', 'Green', 'Blue']);
  await tap(bench, question, 'Green');
  await said(bench, 'You chose Green.');
  await until('all is answered', async () => (await bench.redis.llen(keys.inbox(phone))) === 0);
  const worked = async (): Promise<number> =>
    (await bench.jobs('completed')).filter((job) => job.returnvalue.messages > 0).length;
  expect(await until('the end of the turn', worked)).toBe(1);
});

test('two questions are asked one after the other; a label and a number answer; more than three options are a list', async () => {
  const bench = fromHere(open());
  await bench.say('ask me two things');
  await said(bench, 'Which colour');
  await bench.say('blue');
  await said(bench, 'Which size');
  await bench.say('2');
  const answer = await said(bench, 'You chose Blue.');
  expect(answer.text).toContain('You chose Medium.');
  await bench.say('four');
  const question = await said(bench, 'How many?');
  expect(question.list?.items.map(({ title }) => title)).toEqual(['One', 'Two', 'Three', 'Four']);
  await tap(bench, question, 'Four');
  await said(bench, 'You said Four');
});

test('a question of Claude’s is answered in the person’s own words, also by quoting it', async () => {
  const bench = fromHere(open());
  await bench.say('ask me something');
  const question = await said(bench, 'Which colour');
  await bench.twin.chat.receive(phone, { text: 'a dark violet', quoted: question.sid });
  expect((await said(bench, 'You chose')).text).toContain('You chose a dark violet.');
  await bench.say('ask me two things');
  await until(
    'the first of two',
    () => texts(bench).filter((text) => text.includes('Or answer in your own words'))[1],
  );
  await bench.say('the green one');
  await said(bench, 'Which size');
  await bench.say('Medium, please');
  const answer = await said(bench, 'You chose the green one.');
  expect(answer.text).toContain('You chose Medium, please.');
});

test('a question survives a restart: it is not asked twice, and the old buttons answer it', async () => {
  const bench = fromHere(open());
  await bench.say('ask me something');
  const question = await said(bench, 'Which colour');
  await bench.restartWorker();
  await tap(bench, question, 'Blue');
  await said(bench, 'You chose Blue.');
  expect(
    texts(bench).filter((words) => words.includes('Which colour') && !words.includes('You chose')),
  ).toHaveLength(1);
});

test(
  'what answered a question goes with the work that asked it: it is neither said to Claude nor brought back by “retry”',
  { tags: 'long' },
  async () => {
    const bench = fromHere(open());
    await bench.say('ask, then wait');
    await tap(bench, await said(bench, 'Go on?'), 'Yes');
    await atGate(await workspaceOf(bench));
    // The worker that goes on has not heard the answer itself.
    bench.model.faults.creditTooLow = Infinity;
    await bench.restartWorker();
    await said(bench, failureSentence('no-credit'));
    await until('nothing is left', async () => (await bench.redis.llen(keys.inbox(phone))) === 0);
    bench.model.faults.creditTooLow = 0;
    expect(
      JSON.parse((await bench.redis.hget(keys.conversation(phone), 'failed')) ?? ''),
    ).toHaveLength(1);
    await bench.say('say it is quiet');
    await said(bench, 'it is quiet');
    expect(texts(bench)).toHaveLength(3);
  },
);

test('with permissions “ask” a command waits for a yes; a no keeps it from running; “edits” lets files be changed; the chat changes the mode', async () => {
  const bench = fromHere(open());
  await bench.say('/permissions ask');
  await said(bench, 'I ask before');
  await bench.say('touch a.txt');
  const question = await said(bench, 'May I run this command?');
  expect(question.text).toContain("sh -c 'touch a.txt'");
  expect(question.buttons.map(({ title }) => title)).toEqual(['Yes', 'Yes, always', 'No']);
  await bench.say('yes please go ahead');
  await said(bench, 'Shall I run it?');
  expect(texts(bench).some((words) => words.startsWith('Did touch'))).toBe(false);
  await tap(bench, question, 'No');
  await said(bench, 'It was not allowed');
  await bench.say('/permissions edits');
  await said(bench, 'I change files by myself');
  await bench.say('edit b.txt');
  await said(bench, 'Did edit b.txt.');
  await bench.say('touch c.txt');
  await until(
    'the second question',
    () =>
      bench.replies().filter((reply) => reply.text.includes('May I run this command?')).length ===
      2,
  );
  await bench.say('1');
  await said(bench, 'Did touch c.txt.');
  await bench.say('/permissions');
  await tap(bench, await said(bench, '*/permissions all*'), 'All');
  await said(bench, 'From now on: I work without asking.');
  await bench.say('touch d.txt');
  await said(bench, 'Did touch d.txt.');
  expect(
    bench.replies().filter((reply) => reply.text.includes('May I run this command?')),
  ).toHaveLength(2);
});

test(
  'where the account cannot have buttons the question comes with numbers',
  { tags: 'long' },
  async () => {
    const bench = fromHere(open());
    // What was made while it could is forgotten.
    await bench.redis.del(await bench.redis.keys(keys.content('*')));
    bench.twin.faults.set('content-refused');
    await bench.say('ask me something');
    const question = await said(bench, 'Which colour');
    expect(question.buttons).toEqual([]);
    expect(question.text).toMatch(/1\. Red[^]*2\. Green[^]*3\. Blue/);
    await bench.say('3');
    await said(bench, 'You chose Blue.');
    // What asks nothing says by itself what to write.
    await bench.say('/permissions');
    const modes = await said(bench, '*/permissions ask*');
    expect(modes.buttons).toEqual([]);
    expect(modes.text).toMatch(/I work without asking \(now\)$/);
  },
);

test(
  'without an answer in time the stated default holds, and is said',
  { tags: 'long' },
  async () => {
    await withStory({ environment: { ANSWER_MINUTES: '0.03' } }, async (bench) => {
      await bench.say('ask me something');
      expect((await said(bench, 'Which colour')).text).toContain(
        'Without an answer in 2 seconds: Red.',
      );
      await said(bench, 'No answer in 2 seconds, so: Red.');
      await said(bench, 'You chose Red.');
    });
  },
);
