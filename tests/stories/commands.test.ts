import { expect, test } from 'vitest';
import { createConversations } from '../../shared/store/conversation.ts';
import { gate } from '../support/gate-story.ts';
import { phone } from '../support/pipeline.ts';
import { said, tap, withStory } from '../support/story-bench.ts';
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
      '/effort',
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
      'Stopped. The last step: waiting at the gate. Left out: “say done”.',
    );
  });
});

test('/model changes the model that is asked from then on', { tags: 'long' }, async () => {
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
    // A sentence for Claude: Claude Code would set the words behind it as its model.
    await bench.say('/model no such thing; rm');
    await bench.say('say four');
    await said(bench, 'four');
    expect(bench.model.requests.at(-1)?.model).not.toContain('such');
  });
});

test(
  '/model asks the service for a name and does not store what no model has',
  { tags: 'long' },
  async () => {
    await withStory({}, async (bench) => {
      const modelOf = async (): Promise<string | undefined> =>
        (await createConversations(bench.redis).read(phone)).model;
      await bench.say('/model Opus');
      await said(bench, 'The model opus from now on.');
      expect(bench.model.lookups).toEqual([]);
      await bench.say('/model haikoo');
      const unknown = await said(bench, 'I do not know the model “haikoo”. Did you mean haiku?');
      expect(bench.model.lookups).toEqual(['/v1/models', '/v1/models/haikoo']);
      expect(await modelOf()).toBe('opus');
      await tap(bench, unknown, 'Haiku');
      await said(bench, 'The model haiku from now on.');
      await bench.say('say one');
      await said(bench, 'one');
      expect(bench.model.requests.findLast(({ kind }) => kind === 'turn')?.model).toContain(
        'haiku',
      );
      await bench.say('/model claude-sonnet-4-5');
      await said(bench, 'The model claude-sonnet-4-5-20250929 from now on.');
      bench.model.faults.noModelList = true;
      await bench.say('/model gpt-5');
      const away = await said(bench, 'I cannot reach Claude’s servers right now');
      expect(away.buttons.map(({ title }) => title)).toEqual(['Opus', 'Sonnet', 'Haiku']);
      expect(await modelOf()).toBe('claude-sonnet-4-5-20250929');
    });
  },
);

test(
  '/effort changes how much Claude thinks from then on, until it is taken off',
  { tags: 'long' },
  async () => {
    await withStory({}, async (bench) => {
      const lastEffort = (): string | undefined =>
        bench.model.requests.findLast(({ kind }) => kind === 'turn')?.effort;
      await bench.say('say one');
      await said(bench, 'one');
      const own = lastEffort();
      expect(own).not.toBe('low');
      await bench.say('/effort');
      const list = await said(bench, 'The effort is the model’s own.');
      expect(list.list?.items.map(({ title }) => title)).toEqual([
        'Low',
        'Medium',
        'High',
        'Extra high',
        'Max',
        'Default',
      ]);
      await tap(bench, list, 'Low');
      await said(bench, 'The effort is low from now on.');
      await bench.say('say two');
      await said(bench, 'two');
      expect(lastEffort()).toBe('low');
      await bench.say('/status');
      await said(bench, 'Model: the usual one. Effort: low. Permissions: all.');
      await bench.say('/effort hihg');
      await said(bench, 'There is no such effort.');
      await bench.say('/effort XHIGH');
      await said(bench, 'The effort is xhigh from now on.');
      await bench.restartWorker();
      await bench.say('say three');
      await said(bench, 'three');
      expect(lastEffort()).toBe('xhigh');
      await bench.say('/effort default');
      await said(bench, 'The effort is the model’s own from now on.');
      await bench.say('say four');
      await said(bench, 'four');
      expect(lastEffort()).toBe(own);
    });
  },
);

test(
  'what Claude has planned comes by itself; /schedules lists it and cancels it',
  { tags: 'long' },
  async () => {
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
  },
);
