import { expect, test } from 'vitest';
import { describeRequest } from '../../worker/agent/claude/approval-request.ts';
import { withLeave, written } from '../support/leave-bench.ts';
import { tap } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

const question = 'May I run this command?';

test('a plan is shown whole before the question, and decided by its buttons or in the person’s own words', async () => {
  await withLeave(async (bench) => {
    const { say, said, replies, quoteWith } = bench;
    await say('plan # Steps\n\n1. Read **everything**\n2. Delete <!-- the --> `old` branch\u202e');
    const asked = await said('Shall I begin?');
    const [shown] = replies();
    expect(shown?.text).toMatch(/^\*The plan\*/);
    for (const words of ['Steps', 'everything', '<!-- the -->', '⟨U+202E⟩'])
      expect(shown?.text).toContain(words);
    expect(asked.buttons.map(({ title }) => title)).toEqual([
      'Go',
      'Go, edits unasked',
      'Keep planning',
    ]);
    for (const { title } of asked.buttons) expect(asked.text).toContain(`*${title}*: `);
    await tap(bench, asked, 'Go, edits unasked');
    await said('plan: {"go":{"edits":true}}');
    await tap(bench, asked, 'Keep planning');
    await said('That question is settled (Go, edits unasked).');

    await say('plan B');
    const second = await until(
      'the second plan',
      () => replies().filter(({ text }) => text.includes('Shall I begin?'))[1],
    );
    await quoteWith(second, 'use postgres');
    await said('plan: {"keep":"use postgres"}');
    await say('plan none');
    expect((await said('wrote no plan down')).buttons).toHaveLength(3);
    await say('go');
    await said('plan: {"go":{"edits":false}}');
    // A long one is a page.
    await say(`plan ${'A sentence of the plan that says what is to be done. '.repeat(150)}THE END`);
    const link = /http:\S+\/page\/\S+/.exec((await said('/page/')).text)?.[0] ?? '';
    expect(await (await fetch(link)).text()).toContain('THE END');
    await until(
      'the question',
      () => replies().filter(({ text }) => text.includes('Shall I begin?')).length === 4,
    );
    await say('/permissions all');
    await said('From the next task on: I work without asking');
    await say('no');
    await said('plan: {"keep":"no"}');
    // In this mode only the plan is asked about.
    const before = replies().length;
    await say('run rm x');
    await said('rm x: yes', before);
    await say('write x');
    await said('planning', before);
    await say('plan C');
    const last = await said('Shall I begin?', before);
    expect(last.text).toContain('*Go*: I carry it out without asking');
    await tap(bench, last, 'Go, edits unasked');
    await said('plan: {"go":{"edits":false}}', before);
    // A plain text says what should be different; one that only agrees is asked about.
    const start = replies().length;
    await say('plan D');
    await said('That is my plan.', start);
    await say('looks good to me');
    const again = await said('Shall I begin? Please tap', start);
    expect(again.buttons.map(({ title }) => title)).toEqual(['Go', 'Keep planning']);
    await say('use sqlite');
    await said('plan: {"keep":"use sqlite"}', start);
    await said('prompt looks good to me', start);
  });
});

test('a command that is too long for the chat is on a page, with its end in the question', async () => {
  await withLeave(async (bench) => {
    const { say, said, replies } = bench;
    // A person cannot send so long a text: it is short here and grows in the agent.
    await bench.worker.stop();
    const command = `${'echo "a line of a long command"\n'.repeat(400)}rm -rf the-end`;
    await bench.startWorker({
      answer: async (text, { tools, signal }) =>
        written(
          await tools.approve(
            describeRequest('Bash', { command: text === 'longer' ? command.repeat(9) : command }),
            signal,
          ),
        ),
    });
    await say('long');
    const asked = await said(question);
    expect(asked.text).toMatch(/It ends with:\n```\n[^]*rm -rf the-end\n```/);
    const page = await (await fetch(/http:\S+\/page\/\S+/.exec(asked.text)?.[0] ?? '')).text();
    expect(page.match(/a line of a long command/g)).toHaveLength(400);
    await tap(bench, asked, 'No');
    await said('no', 2);
    await say('longer');
    await said('too-long');
    expect(replies().filter(({ text }) => text.startsWith(question))).toHaveLength(1);
  });
});
