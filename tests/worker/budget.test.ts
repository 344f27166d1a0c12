import { expect, test } from 'vitest';
import { createConversations } from '../../shared/store/conversation.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createSpend, dayOf } from '../../shared/store/money/spend.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { createBudget } from '../../worker/questions/budget.ts';
import type { Question } from '../../worker/questions/question.ts';
import type { Questions } from '../../worker/questions/questions.ts';
import type { TurnContext } from '../../worker/turn/context.ts';
import { withRedis } from '../support/redis.ts';

const conversation = '+15551230001';
const fence = { lock: keys.jobLock('turns', '1'), token: 'mine' };
const context = { conversation, turn: 'turn', fence } as TurnContext;

type Stand = { turnUsd?: number; dayUsd?: number; granted?: string };
type Told = { goesOn: boolean; asked: string[]; failures: string[]; before: number };

/**
 * Whether a turn may go on with what it and the day have cost, and what the person is asked
 * meanwhile; they answer `answer`.
 */
async function mayGoOn(
  budgets: { turnUsd: number | undefined; dayUsd: number | undefined },
  { turnUsd = 0, dayUsd = 0, granted = '' }: Stand,
  answer = 'Stop here',
  isPretend = false,
): Promise<Told> {
  const told: Told = { goesOn: false, asked: [], failures: [], before: 0 };
  await withRedis(async (redis) => {
    await redis.set(fence.lock, fence.token);
    await redis.hset(
      keys.spend(dayOf(Date.now())),
      `usd:${conversation}`,
      String(Math.round(dayUsd * 1e6)),
    );
    await redis.hset(keys.spendTurn('turn'), 'usd', String(Math.round(turnUsd * 1e6)));
    if (granted !== '') await redis.hset(keys.conversation(conversation), 'granted', granted);
    const questions = {
      async ask({ text }: Question) {
        told.asked.push(text);
        // What comes before a question has come.
        expect(told.before).toBe(told.asked.length);
        return { words: [answer], answered: true };
      },
    } as unknown as Questions;
    const ending = new AbortController();
    const budget = createBudget(
      {
        budgets,
        known: () => ({ conversation: {}, person: undefined }),
        conversations: createConversations(redis),
        spend: createSpend(redis, { isPretend }),
      },
      context,
      questions,
      ending,
    );
    const signal = new AbortController().signal;
    told.goesOn = await budget.mayGoOn(signal, async () => void (told.before += 1));
    const failure: unknown = ending.signal.reason;
    if (failure instanceof AgentFailure) told.failures.push(failure.kind);
  });
  return told;
}

const daily = { turnUsd: undefined, dayUsd: 2 };
const [today, yesterday] = [dayOf(Date.now()), dayOf(Date.now() - 24 * 3600_000)];

test('a budget that is used up to the cent is asked about, one below it is not', async () => {
  expect(await mayGoOn(daily, { dayUsd: 1.999999 })).toEqual({
    goesOn: true,
    asked: [],
    failures: [],
    before: 0,
  });
  expect(await mayGoOn(daily, { dayUsd: 2 })).toEqual({
    goesOn: false,
    asked: [expect.stringContaining('$2')],
    failures: ['budget'],
    before: 1,
  });
  expect(
    (await mayGoOn({ turnUsd: 1, dayUsd: undefined }, { turnUsd: 1, dayUsd: 9 })).failures,
  ).toEqual(['budget']);
  expect(
    (await mayGoOn({ turnUsd: undefined, dayUsd: undefined }, { turnUsd: 99, dayUsd: 99 })).goesOn,
  ).toBe(true);
});

test('what was granted today counts, what was granted yesterday does not', async () => {
  expect((await mayGoOn(daily, { dayUsd: 6.5, granted: `${today} 5` })).asked).toEqual([]);
  expect((await mayGoOn(daily, { dayUsd: 6.5, granted: `${yesterday} 5` })).asked).toHaveLength(1);
});

test('with leave the task goes on by a dollar at a time, and is asked about again when that is too little', async () => {
  const { goesOn, asked } = await mayGoOn(daily, { dayUsd: 3.5 }, 'Continue? +$1');
  expect(goesOn).toBe(true);
  expect(asked).toHaveLength(2);
});

test('the budget of a model that costs nothing is asked about in pretend dollars, also on the button', async () => {
  const turn = { turnUsd: 1, dayUsd: undefined };
  const told = await mayGoOn(turn, { turnUsd: 1.5 }, 'Go on? Pretend +$1', true);
  expect(told).toEqual({
    goesOn: true,
    asked: ['This task has cost pretend $1.50; its budget is pretend $1.00. Shall I go on?'],
    failures: [],
    before: 1,
  });
});
