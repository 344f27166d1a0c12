import { expect, test } from 'vitest';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { gate } from '../support/gate-story.ts';
import { said, texts, withStory } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

test('/help names every command; /status says what runs, also while it runs, and what waits', async () => {
  await withStory({ stories: [gate], environment: { IDLE_MINUTES: '60' } }, async (bench) => {
    await bench.say('/help');
    const help = await said(bench, 'Write what you want done');
    for (const command of ['/new', '/stop', '/status', '/queue', '/retry', '/sessions', '/resume', '/model', '/cost', '/schedules', '/verbose', '/quiet', '/permissions']) expect(help.text).toContain(command);
    await bench.say('/status');
    const idle = await said(bench, 'Nothing is running for you.');
    expect(idle.text).toContain('it sleeps after 60 min without work');
    expect(idle.text).not.toContain('I also work');
    await bench.say('gate');
    await until('it works', async () => (await bench.jobs('active')).some((job) => String(job.progress).startsWith('Bash')), 20_000);
    await bench.say('/queue say done');
    await bench.say('/status');
    const busy = await said(bench, 'Working for');
    expect(busy.text).toMatch(/on “gate”, now: .*\.\nWaiting: “say done”\./);
    await bench.say('stop');
    await said(bench, 'Stopped.');
  });
});

test('/model changes the model that is asked from then on', async () => {
  await withStory({}, async (bench) => {
    await bench.say('say one');
    await said(bench, 'one');
    await bench.say('/model claude-haiku-4-5');
    await said(bench, 'The model claude-haiku-4-5 from now on.');
    await bench.say('say two');
    await said(bench, 'two');
    expect(bench.model.requests.findLast(({ kind }) => kind === 'turn')?.model).toContain('haiku');
    await bench.say('/model default');
    await said(bench, 'The usual model from now on.');
    await bench.say('say three');
    await said(bench, 'three');
    expect(bench.model.requests.findLast(({ kind }) => kind === 'turn')?.model).not.toContain('haiku');
    await bench.say('/model no such thing; rm');
    await bench.say('say four');
    await said(bench, 'four');
  });
});

test('/cost tells what was spent; each answer is counted once', async () => {
  await withStory({}, async (bench) => {
    await bench.say('/cost');
    await said(bench, 'Nothing has been spent this month.');
    await bench.say('say one');
    await said(bench, 'one');
    await bench.say('/cost');
    const cost = await said(bench, 'Today: ');
    expect(cost.text).toMatch(/^Today: (?:\$\d|under \$0\.01).*\(1 answer\)/);
  });
});

/** `spend`: two tools, one after the other. */
const spend: Story = {
  matches: (asked) => asked === 'spend' || asked.includes('You were interrupted'),
  next: ({ results }) => (results.length < 2 ? callTool('Bash', { command: `echo step ${results.length}`, description: 'Spend money' }) : text('all spent')),
};

test('a budget stops the turn with a question; a yes goes on, a no ends it and says so', async () => {
  await withStory({ stories: [spend], environment: { BUDGET_USD_PER_TURN: '0.000001' }, watchesCost: true }, async (bench) => {
    await bench.say('spend');
    const question = await said(bench, 'Shall I go on?');
    expect(question.text).toMatch(/^This task has cost .*; its budget is /);
    expect(question.buttons.map(({ title }) => title)).toEqual(['Continue, +$1', 'Stop here']);
    await bench.say('1');
    await said(bench, 'all spent');
    await bench.say('/new');
    await said(bench, 'A fresh start');
    await bench.say('spend');
    await until('the second question', () => texts(bench).filter((words) => words.includes('Shall I go on?')).length === 2, 20_000);
    await bench.say('stop here');
    await said(bench, 'the budget is used up');
  });
});

test('the budget of a day is asked about before anything is spent, once for each dollar', async () => {
  await withStory({ environment: { BUDGET_USD_PER_DAY: '0.000001' }, watchesCost: true }, async (bench) => {
    await bench.say('say one');
    await said(bench, 'one');
    await bench.say('say two');
    const question = await said(bench, 'Today has cost');
    await bench.twin.chat.receive(question.phone, { choice: { id: question.buttons[0]?.id ?? '', title: 'Continue, +$1', kind: 'button' }, quoted: question.sid });
    await said(bench, 'two');
    await bench.say('say three');
    await said(bench, 'three');
    expect(texts(bench).filter((words) => words.includes('Shall I go on?'))).toHaveLength(1);
  });
});
