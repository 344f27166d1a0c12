import { expect, test } from 'vitest';
import { gate } from '../support/gate-story.ts';
import { said, withStory } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

test('/help names every command; /status says what runs, also while it runs, and what waits', async () => {
  await withStory({ stories: [gate], environment: { IDLE_MINUTES: '60' } }, async (bench) => {
    await bench.say('/help');
    const help = await said(bench, 'Write what you want done');
    for (const command of [
      '/new',
      '/stop',
      '/status',
      '/queue',
      '/retry',
      '/sessions',
      '/resume',
      '/model',
      '/cost',
      '/schedules',
      '/verbose',
      '/quiet',
      '/permissions',
    ])
      expect(help.text).toContain(command);
    await bench.say('/status');
    const idle = await said(bench, 'Nothing is running for you.');
    expect(idle.text).toContain('it sleeps after 60 min without work');
    expect(idle.text).not.toContain('I also work');
    await bench.say('gate');
    await until('it works', async () =>
      (await bench.jobs('active')).some((job) => job.progress === 'waiting at the gate'),
    );
    await bench.say('/queue say done');
    await bench.say('/status');
    const busy = await said(bench, 'Working for');
    expect(busy.text).toMatch(/on “gate”, now: waiting at the gate\.\nWaiting: “say done”\./);
    await bench.say('stop');
    expect((await said(bench, 'Stopped.')).text).toBe(
      'Stopped. I was at this: waiting at the gate. I leave this, too: “say done”.',
    );
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
    expect(bench.model.requests.findLast(({ kind }) => kind === 'turn')?.model).not.toContain(
      'haiku',
    );
    await bench.say('/model no such thing; rm');
    await bench.say('say four');
    await said(bench, 'four');
  });
});

test('what Claude has planned comes by itself; /schedules lists it and cancels it', async () => {
  await withStory({}, async (bench) => {
    await bench.say('/schedules');
    await said(bench, 'Nothing is scheduled.');
    await bench.say('every weekday at 9 in Europe/Berlin say good morning');
    await said(bench, 'Scheduled as number 1: every weekday at 9:00');
    // Six seconds: a time that has passed before it is scheduled is refused.
    await bench.say('remind me in 0.1 minutes to drink water');
    await said(bench, 'Reminder: drink water');
    await bench.say('/schedules');
    const list = await said(bench, 'to cancel number 1.');
    expect(list.text).toMatch(
      /^1\. every weekday at 9:00: say good morning \(next: .*9:00\)\n\nText/,
    );
    await bench.say('/schedules cancel 1');
    await said(bench, 'Cancelled: every weekday at 9:00, “say good morning”.');
  });
});
