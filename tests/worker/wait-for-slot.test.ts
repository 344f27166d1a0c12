import { expect, test } from 'vitest';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Message } from '../../shared/store/message.ts';
import { createTurns } from '../../shared/store/queues.ts';
import { formatQueuePosition } from '../../worker/process/slots.ts';
import { otherPhone, phone, stranger, withPipeline } from '../support/pipeline.ts';
import type { Pipeline, WorkerChange } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const phones = [phone, otherPhone, stranger];
const environment = { ALLOWED_SENDERS: phones.join(','), STOP_SECONDS: '1' };

/** A worker with this many slots, whose agent works on `work` until the gate is opened. */
async function withSlots(
  max: number,
  pipeline: Pipeline,
  use: (bench: {
    open: () => void;
    busy: () => string[];
    workspaces: Set<string>;
    texts: (from: string) => string[];
  }) => Promise<void>,
): Promise<void> {
  const gate = Promise.withResolvers<void>();
  const running = new Set<string>();
  const workspaces = new Set<string>();
  const answer: WorkerChange['answer'] = async (text, turn) => {
    running.add(turn.conversation);
    workspaces.add(turn.workspace);
    if (text === 'work') await gate.promise;
    running.delete(turn.conversation);
    return `answer to ${text} in ${turn.session === undefined ? 'a new session' : turn.session}`;
  };
  try {
    await pipeline.startWorker({
      answer,
      concurrency: { turns: max, deliveries: 10 },
      silence: { idleMs: 60_000, toolMs: 60_000 },
    });
    await use({
      open: gate.resolve,
      busy: () => [...running].toSorted(),
      workspaces,
      texts: (from) => pipeline.replies(from).map(({ text }) => text),
    });
  } finally {
    gate.resolve();
  }
}

test('with one slot the others get their position in the queue, once, and start by themselves', async () => {
  await withPipeline({ environment }, (pipeline) =>
    withSlots(1, pipeline, async ({ open, busy, texts }) => {
      await pipeline.say('work', phone);
      await until('the first to be at work', () => busy().length === 1);
      await pipeline.say('hello', otherPhone);
      await until('the first position', () => texts(otherPhone).length === 1);
      // Neither who is at work nor who knows their position hears anything.
      await pipeline.say('more', phone);
      await pipeline.say('again', otherPhone);
      await pipeline.say('hello', stranger);
      await until('the second position', () => texts(stranger).length === 1);
      expect(phones.map(texts)).toEqual([
        [],
        ['I am busy with other work. You are next, and I start by myself.'],
        ['I am busy with other work. You are number 2 in the queue, and I start by myself.'],
      ]);
      open();
      await until('all answers', () =>
        phones.every(
          (from) =>
            texts(from).filter((text) => text.startsWith('answer to')).length ===
            (from === stranger ? 1 : 2),
        ),
      );
      expect(
        phones.map((from) => texts(from).filter((text) => text.startsWith('I am busy')).length),
      ).toEqual([0, 1, 1]);
    }),
  );
});

test('with enough slots three people are served side by side, each in a workspace of their own, and nobody hears of a queue', async () => {
  await withPipeline({ environment }, (pipeline) =>
    withSlots(3, pipeline, async ({ open, busy, workspaces, texts }) => {
      for (const from of phones) await pipeline.say('work', from);
      await until('all three to be at work', () => busy().length === 3);
      open();
      await until('all answers', () => phones.every((from) => texts(from).length === 1));
      expect(phones.map((from) => texts(from)[0])).toEqual(
        phones.map(() => 'answer to work in a new session'),
      );
      expect(workspaces.size).toBe(3);
      for (const from of phones) await pipeline.say('more', from);
      await until('all answers', () => phones.every((from) => texts(from).length === 2));
      const sessions = phones.map((from) => texts(from)[1]);
      expect(new Set(sessions).size).toBe(3);
      expect(sessions.join()).not.toContain('a new session');
    }),
  );
});

test('who waits for a slot is obeyed at once: /status answers, and a stop takes the message back', async () => {
  await withPipeline({ environment }, (pipeline) =>
    withSlots(1, pipeline, async ({ open, busy, texts }) => {
      await pipeline.say('work', phone);
      await until('the first to be at work', () => busy().length === 1);
      await pipeline.say('hello', otherPhone);
      await until('the position', () => texts(otherPhone).length === 1);
      await pipeline.say('/status', otherPhone);
      await until('the status', () =>
        texts(otherPhone).some((text) => text.startsWith('Nothing is running for you.')),
      );
      await pipeline.say('stop', otherPhone);
      await until('the stop', () => texts(otherPhone).includes('Stopped before I began.'));
      open();
      await until('the answer', () => texts(phone).length === 1);
      await until(
        'nothing is left',
        async () => (await pipeline.redis.llen(keys.inbox(otherPhone))) === 0,
      );
      expect(texts(otherPhone).filter((text) => text.startsWith('answer'))).toEqual([]);
    }),
  );
});

test('whoever wrote before the worker was ready is told too, but not somebody whom only a schedule has woken', async () => {
  await withPipeline({ environment }, async (pipeline) => {
    await takeIn(pipeline, {
      id: 'schedule-15551230001-1-1760000000000',
      conversation: phone,
      at: new Date().toISOString(),
      text: 'hello',
      media: [],
    });
    await pipeline.say('work', stranger);
    await pipeline.say('hello', otherPhone);
    await withSlots(0, pipeline, async ({ texts }) => {
      await until('both positions', () =>
        [stranger, otherPhone].every((from) => texts(from).length === 1),
      );
      expect(texts(phone)).toEqual([]);
      expect(
        [stranger, otherPhone]
          .flatMap(texts)
          .every((text) => text.startsWith('I am busy with other work.')),
      ).toBe(true);
    });
  });
});

/** Takes a message in as the relay does. */
async function takeIn({ redis }: Pipeline, message: Message): Promise<void> {
  const turns = createTurns(redis);
  try {
    await createIntake(turns)(message);
  } finally {
    await turns.close();
  }
}

test('number 1 is next', () => {
  expect([1, 2].map(formatQueuePosition)).toEqual([
    'I am busy with other work. You are next, and I start by myself.',
    'I am busy with other work. You are number 2 in the queue, and I start by myself.',
  ]);
});
