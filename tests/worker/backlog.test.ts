import { expect, test } from 'vitest';
import type { Message } from '../../shared/store/message.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createTurns } from '../../shared/store/queues.ts';
import { createDispatch } from '../../worker/turn/dispatch.ts';
import type { CommandDeps } from '../../worker/commands/command.ts';
import type { Attempts } from '../../worker/turn/attempts.ts';
import type { Questions } from '../../worker/questions/questions.ts';
import type { TurnContext } from '../../worker/turn/context.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const messageOf = (index: number, text = `message ${index}`): Message => ({
  id: `SM${String(index).padStart(32, '0')}`,
  conversation: phone,
  at: new Date(Date.now() + index).toISOString(),
  text,
  media: [],
  human: true,
});

test('a long inbox is looked through once, whatever is in it, and a turn takes up so many and no more', async () => {
  for (const count of [100, 1000]) {
    let looks = 0;
    const messages = Array.from({ length: count }, (_, index) => messageOf(index));
    const questions: Partial<Questions> = {
      open: () => undefined,
      answerers: () => [],
      confirm: async () => undefined,
      tapSentence: () => {
        looks += 1;
        return undefined;
      },
    };
    const attempts: Partial<Attempts> = { taken: () => new Set(), take: async () => undefined };
    // What is looked at is all in the opening.
    const parts = { stores: {}, settings: { times: {} } } as unknown as CommandDeps;
    const context = {
      turn: 'turn',
      conversation: phone,
      fence: { lock: '', token: '' },
    } as TurnContext;
    const opening = {
      messages,
      unreadable: [],
      conversation: {} as never,
      person: undefined,
      givenUp: [],
      parked: 0,
      attempts: new Map(),
      since: '',
      counted: undefined,
    };
    const dispatch = createDispatch(
      parts,
      context,
      questions as Questions,
      attempts as Attempts,
      opening,
    );
    const first = await dispatch.look(false);
    expect(first).toEqual(messages.slice(0, Math.min(count, 200)));
    expect(looks).toBe(count);
  }
});

test('with hundreds of messages waiting a command and a stop behind them are heard at once, and the turn’s job stays small', async () => {
  await withPipeline({}, async ({ redis, startWorker, say, replies }) => {
    const turns = createTurns(redis);
    const accept = createIntake(turns);
    const asked: string[] = [];
    const count = 300;
    await Promise.all(Array.from({ length: count }, (_, index) => accept(messageOf(index))));
    await startWorker({
      answer: async (text) => {
        asked.push(text);
        return await new Promise(() => undefined);
      },
    });
    await until('the first', () => asked.length === 1);
    await say('/status');
    await until('the status', () => replies().some(({ text }) => text.startsWith('Working for')));
    const [job] = await turns.queue.getActive();
    expect(job?.data.messages).toHaveLength(200);
    expect(replies()[0]?.text).toMatch(/\nWaiting: “message 200”, .*“message 209” and 90 more\.\n/);
    await say('stop');
    const stopped = await until('the stop', () =>
      replies().find(({ text }) => text.startsWith('Stopped')),
    );
    expect(stopped.text).toMatch(
      /^Stopped\..* Left out: “message 200”, .*“message 209” and 90 more\./,
    );
    expect(asked).toEqual(['message 0']);
    expect(await redis.llen(keys.inbox(phone))).toBe(0);
    await turns.close();
  });
});

test('a “/watch” behind a request that is not begun yet shows that request, not the work before it', async () => {
  await withPipeline({}, async ({ redis, startWorker, say, replies }) => {
    const turns = createTurns(redis);
    await createIntake(turns)(messageOf(0, 'fix the footer'));
    await say('/watch');
    await startWorker({ answer: async () => 'It is fixed.' });
    await until('the answer', () => replies().some(({ text }) => text === 'It is fixed.'));
    expect(replies().map(({ text }) => text.split('\n', 1)[0])).toContain('Here you see me work:');
    await turns.close();
  });
});
