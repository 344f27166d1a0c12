import { expect, test } from 'vitest';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { failureSentence } from '../../worker/turn/ending/failure-sentence.ts';
import { atGate, openGate, waitAtGate } from '../support/gate-story.ts';
import { phone } from '../support/pipeline.ts';
import { fromHere, said, tap, texts, withStory, workspaceOf } from '../support/story-bench.ts';

const bug = 'The bug is in line 43: the await is missing.';
const gateCommand = `${waitAtGate}; echo opened`;

/** `look`: says what it has found beside a call, then filler beside another, then “All done.” */
const look: Story = {
  matches: (asked) => asked === 'look',
  next({ results }) {
    const [first, second] = results;
    if (!first)
      return [...text(bug), ...callTool('Bash', { command: 'true', description: 'Look' })];
    if (!second)
      return [
        ...text('Let me run the tests.'),
        ...callTool('Bash', { command: 'true', description: 'Test' }),
      ];
    return text('All done.');
  },
};

/** `choose`: says something and asks, in one message; then ends with the choice. */
const choose: Story = {
  matches: (asked) => asked === 'choose',
  next({ results }) {
    const result = results.find(({ name }) => name === 'AskUserQuestion');
    const options = ['Mend', 'Leave'].map((label) => ({ label, description: label }));
    return result
      ? text('Mended.')
      : [
          ...text(bug),
          ...callTool('AskUserQuestion', {
            questions: [{ question: 'Mend it?', header: 'Bug', multiSelect: false, options }],
          }),
        ];
  },
};

/** `long look`, also after an interruption: says what it has found, waits at the gate, ends. */
const longLook: Story = {
  matches: (asked) => asked === 'long look' || asked.includes('You were interrupted'),
  next({ results }, asked) {
    if (results.some(({ text: printed }) => printed.includes('opened'))) return text('Mended.');
    const wait = callTool('Bash', { command: gateCommand, description: 'Wait at the gate' });
    return asked === 'long look' && results.length === 0 ? [...text(bug), ...wait] : wait;
  },
};

/** Says how many answers the model sees before this one. */
const counts: Story = {
  matches: (asked) => asked === 'how many',
  next: ({ answersBefore }) => text(`${answersBefore} before`),
};

/** `send a helper`: it asks for leave at once, beside the last words of the turn that has sent it. */
const helper: Story = {
  matches: (asked) => asked === 'send a helper',
  next: ({ results }) =>
    results.length > 0
      ? text('I have sent a helper.')
      : callTool('Agent', {
          description: 'Clean up',
          prompt: 'clean all up',
          subagent_type: 'general-purpose',
        }),
};
const cleaning: Story = {
  matches: (asked) => asked.includes('clean all up'),
  next: ({ results }) =>
    results.length > 0
      ? text('It is clean.')
      : callTool('Bash', { command: 'echo clean > .cleaned', description: 'Clean' }),
};
const cleaned: Story = {
  matches: (asked) => asked.startsWith('Background work ended:'),
  next: () => text('The helper is done.'),
};

test(
  'a helper’s wish for leave reaches the person, the turn’s last words come once, and each part can be quoted',
  { tags: 'long' },
  async () => {
    const stories = [helper, cleaning, cleaned, choose, counts];
    await withStory({ stories }, async (whole) => {
      const asking = fromHere(whole);
      await asking.say('choose');
      await tap(asking, await said(asking, 'Mend it?'), 'Mend');
      await said(asking, 'Mended.');
      await asking.say('/new');
      await said(asking, 'A fresh start.');
      const part = await said(asking, bug);
      await asking.twin.chat.receive(phone, { text: 'how many', quoted: part.sid });
      await said(asking, '1 before');

      const bench = fromHere(whole);
      await bench.say('/permissions ask');
      await said(bench, 'I ask before');
      await bench.say('send a helper');
      await tap(bench, await said(bench, 'echo clean'), 'Yes');
      await said(bench, 'The helper is done.');
      const all = texts(bench).join('\n');
      expect(all.split('I have sent a helper.')).toHaveLength(2);
      expect(all).not.toContain('Done.');
    });
  },
);

test('what Claude says before and beside its tools reaches the phone, once and in order', async () => {
  await withStory({ stories: [look, choose, longLook] }, async (bench) => {
    await bench.say('look');
    await said(bench, 'All done.');
    expect(texts(bench)).toEqual([`${bug}\n\nAll done.`]);

    const asking = fromHere(bench);
    await asking.say('choose');
    await tap(asking, await said(asking, 'Mend it?'), 'Mend');
    await said(asking, 'Mended.');
    expect(texts(asking).map((words) => words.split('\n')[0])).toEqual([
      bug,
      'Mend it?',
      'Mended.',
    ]);

    const failing = fromHere(bench);
    await failing.say('long look');
    await atGate(await workspaceOf(failing));
    bench.model.faults.creditTooLow = Infinity;
    await openGate(await workspaceOf(failing));
    await said(failing, failureSentence('no-credit'));
    expect(texts(failing)).toEqual([bug, expect.stringContaining(failureSentence('no-credit'))]);
    bench.model.faults.creditTooLow = 0;
  });
});

test(
  'what Claude said before its process died is in the answer, once',
  { tags: 'long' },
  async () => {
    await withStory({ stories: [longLook, choose] }, async (bench) => {
      await bench.say('long look', phone);
      await atGate(await workspaceOf(bench));
      await bench.restartWorker();
      await openGate(await workspaceOf(bench));
      await said(bench, 'Mended.');
      expect(texts(bench).join('\n').split(bug)).toHaveLength(2);
      expect(texts(bench).at(-1)).toContain('Mended.');

      // What stood before a question was sent with it, and is in the transcript, too.
      const asking = fromHere(bench);
      await asking.say('choose');
      const question = await said(asking, 'Mend it?');
      await asking.restartWorker();
      await tap(asking, question, 'Mend');
      await said(asking, 'Mended.');
      expect(texts(asking).join('\n').split(bug)).toHaveLength(2);
    });
  },
);
