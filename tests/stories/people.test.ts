import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createSpend, dayOf } from '../../shared/store/money/spend.ts';
import { atGate, gate, openGate } from '../support/gate-story.ts';
import { otherPhone, phone, stranger } from '../support/pipeline.ts';
import { said, texts, withStory, workspaceOf } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

const phones = [phone, otherPhone, stranger];

test(
  'two people are served side by side, a third is told their position in the queue and starts without another word',
  { tags: 'long' },
  async () => {
    const environment = { ALLOWED_SENDERS: phones.join(',') };
    await withStory(
      { stories: [gate], environment, worker: { concurrency: { turns: 2, deliveries: 10 } } },
      async (bench) => {
        await bench.say('gate', phone);
        await bench.say('gate', otherPhone);
        for (const from of [phone, otherPhone]) await atGate(await workspaceOf(bench, from));
        await bench.say('say my turn', stranger);
        await said(bench, 'I am busy with other work.', stranger);
        await bench.say('/status', phone);
        expect((await said(bench, 'Working for', phone)).text).toContain(
          'I am also working for someone else.',
        );

        // The gate of one is not the gate of the other: each has a workspace of their own.
        await openGate(await workspaceOf(bench, phone));
        await said(bench, 'through', phone);
        await said(bench, 'my turn', stranger);
        expect(texts(bench, stranger)).toEqual([
          'I am busy with other work. You are next, and I start by myself.',
          'my turn',
        ]);
        expect(texts(bench, otherPhone)).toEqual([]);
        await openGate(await workspaceOf(bench, otherPhone));
        await said(bench, 'through', otherPhone);

        const sessions = await Promise.all(
          phones.map((from) => bench.redis.hget(keys.conversation(from), 'session')),
        );
        expect(new Set(sessions).size).toBe(3);
        // Iceland has UTC all year: elsewhere today may have begun since the work was counted.
        await bench.say('every day at 9 in Atlantic/Reykjavik say good morning', phone);
        await said(bench, 'Scheduled as number 1', phone);
        await bench.say('/schedules', otherPhone);
        await said(bench, 'Nothing is scheduled.', otherPhone);
        // What Claude did counts when its turn ends, which is after its tool has spoken.
        await until(
          'four answers counted',
          async () =>
            [...(await createSpend(bench.redis).read(dayOf(Date.now()))).today.values()].reduce(
              (sum, { answers }) => sum + answers,
              0,
            ) === 4,
        );
        await bench.say('/cost', phone);
        const cost = (await said(bench, 'Today: ', phone)).text;
        expect(cost).toMatch(
          /^Today: \S+.* \(4 answers\)\n\w+: \S+.* \(4 answers\)\n\nYou: .* today, .* this month\n/,
        );
        for (const from of [otherPhone, stranger])
          expect(cost).toMatch(new RegExp(`^…${from.slice(-4)}: .* today, .* this month$`, 'm'));
        expect(cost).not.toContain(otherPhone);
      },
    );
  },
);
