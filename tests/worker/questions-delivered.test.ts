import { describe, expect, test } from 'vitest';
import { numberedText } from '../../shared/store/choices.ts';
import type { Choices } from '../../shared/store/choices.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import type { ChatMessage } from '../../simulator/chat.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

const choices: Choices = {
  kind: 'buttons',
  items: [
    { id: 'turn.ask.1', title: 'Allow' },
    { id: 'turn.ask.2', title: 'Deny' },
  ],
};
const text = 'Shall I push to *main*?';
const written = numberedText(text, choices);

type Bench = Pipeline & {
  ask: (id: string, then?: string) => Promise<void>;
  shown: (text: string) => Promise<ChatMessage>;
};

/**
 * The pipeline with a worker and a phone that has written. `ask` puts a question into the outbox,
 * and a text after it.
 */
async function withQuestions(run: (bench: Bench) => Promise<void>): Promise<void> {
  await withPipeline({}, async (pipeline) => {
    const deliveries = createDeliveries(pipeline.redis);
    const outbox = createOutbox(pipeline.redis, deliveries);
    await pipeline.startWorker({ twilioTimeoutMs: scaled(3000) });
    await pipeline.say('hello');
    await until('the first answer', () => pipeline.replies().length === 1);
    const message = { conversation: phone, turn: 'turn' };
    await run({
      ...pipeline,
      ask: async (id, then) =>
        void (await outbox.put([
          { ...message, id, text, choices },
          ...(then ? [{ ...message, id: `${id}.then`, text: then }] : []),
        ])),
      shown: (wanted) =>
        until(`“${wanted}”`, () =>
          pipeline.replies().find((reply) => reply.text === wanted && reply.status === 'delivered'),
        ),
    });
    await deliveries.close();
  });
}

/** What was posted to Twilio and taken, by its form. */
const taken = ({ twin }: Pipeline): string[] =>
  twin.memory.attempts
    .filter(({ sid }) => sid !== undefined)
    .map(({ params }) => (params['ContentSid'] ? 'content' : (params['Body'] ?? '')));
const settled = ({ redis }: Pipeline) =>
  until('an empty outbox', async () => (await redis.llen(keys.outbox(phone))) === 0);

test('a question arrives with buttons, and another process knows the content', async () => {
  await withQuestions(async (bench) => {
    await bench.ask('q1');
    expect((await bench.shown(text)).buttons).toEqual(choices.items);
    await bench.startWorker();
    for (const id of ['q2', 'q3', 'q4']) await bench.ask(id);
    await until(
      'all four',
      () => bench.replies().filter((reply) => reply.buttons.length === 2).length === 4,
    );
    expect(bench.twin.contents()).toHaveLength(1);
    expect(await bench.redis.keys(keys.content('*'))).toHaveLength(1);
  });
});

describe('when WhatsApp refuses the buttons later', () => {
  test.each([63_005, 63_013, 63_021, 63_027, 63_028])(
    'with %i, the question comes once more as text, and nobody hears of the trouble',
    async (code) => {
      await withQuestions(async (bench) => {
        bench.twin.faults.set('late-failure', { times: 1, code });
        await bench.ask('q1');
        expect((await bench.shown(written)).buttons).toEqual([]);
        await settled(bench);
        expect(await bench.redis.hget(keys.reply('q1'), 'asText')).toBe('1');
        await bench.ask('q2', 'the end');
        await bench.shown('the end');
        expect(taken(bench)).toEqual(['answer to hello', 'content', written, 'content', 'the end']);
      });
    },
  );

  test('and the text as well, the person is told once', async () => {
    await withQuestions(async (bench) => {
      bench.twin.faults.set('late-failure', { times: 2, code: 63_013 });
      await bench.ask('q1');
      await bench.shown('One of my messages could not be delivered. Please ask me again.');
      await settled(bench);
      expect(taken(bench)).toEqual([
        'answer to hello',
        'content',
        written,
        'One of my messages could not be delivered. Please ask me again.',
      ]);
      expect(await bench.redis.hget(keys.reply('q1'), 'status')).toBe('failed');
    });
  });
});

test('an account without contents gets the question as text, in its place', async () => {
  await withQuestions(async (bench) => {
    bench.twin.faults.set('content-refused');
    await bench.ask('q1', 'and then');
    await bench.shown('and then');
    expect(taken(bench)).toEqual(['answer to hello', written, 'and then']);
    expect(await bench.redis.ttl(keys.contentRefused('every'))).toBeGreaterThan(3000);
  });
});

test.each([
  'create-reset-after',
  'create-500-after',
  'create-hang-after',
  'create-500-before',
] as const)('after %s a question is there once', async (fault) => {
  await withQuestions(async (bench) => {
    bench.twin.faults.set('callbacks-dropped');
    bench.twin.faults.set(fault, { times: 1 });
    await bench.ask('q1', 'and then');
    await bench.shown('and then');
    expect(taken(bench)).toEqual(['answer to hello', 'content', 'and then']);
  });
});
