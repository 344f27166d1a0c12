import { expect, test } from 'vitest';
import { createConversations } from '../../shared/store/conversation.ts';
import { createModelRequests } from '../../shared/store/money/model-requests.ts';
import { createPeopleStore, limitOf, limitWords } from '../../shared/store/people.ts';
import type { Person } from '../../shared/store/people.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createSpend, dayOf } from '../../shared/store/money/spend.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { createBudget } from '../../worker/questions/budget.ts';
import type { Questions } from '../../worker/questions/questions.ts';
import type { TurnContext } from '../../worker/turn/context.ts';
import { describeFailure } from '../../worker/turn/ending/failure-sentence.ts';
import { proveAddresses } from '../support/prove-addresses.ts';
import { withRedis } from '../support/redis.ts';

const [ann, annsId, bob] = ['+15551230001', 'US.1', '+15551230002'];
const day = dayOf(Date.now());
const fence = { lock: keys.jobLock('turns', '1'), token: 'mine' };
const micros = (usd: number): string => String(usd * 1e6);

/** Ann writes from two addresses, each with a conversation; bob is another person. */
async function withPeople(
  use: (bench: {
    redis: Redis;
    limit(usd: number | undefined): Promise<void>;
    spend(usd: number, conversation?: string): Promise<void>;
    open(conversation: string, dayUsd?: number): Promise<string>;
  }) => Promise<void>,
): Promise<void> {
  await withRedis(async (redis) => {
    const [people, requests] = [createPeopleStore(redis), createModelRequests(redis)];
    for (const address of [ann, annsId, bob]) await people.idOf(address);
    await proveAddresses(redis, ann, annsId);
    await redis.set(fence.lock, fence.token);
    let count = 0;
    await use({
      redis,
      async limit(usd) {
        const { id } = await people.of(ann);
        await people.note(id, { limit: usd === undefined ? '' : limitWords(usd, bob, new Date()) });
        expect(limitOf(await people.of(annsId))).toBe(usd);
      },
      spend: async (usd, conversation = ann) =>
        void (await redis.hincrby(keys.spend(day), `usd:${conversation}`, micros(usd))),
      async open(conversation, dayUsd) {
        const request = {
          id: `r${(count += 1)}`,
          owner: 'w#1',
          conversation,
          turn: '',
          model: 'm',
          day,
          at: 1,
          most: Number(micros(1)),
          likely: 1,
        };
        const dayLimit = dayUsd === undefined ? undefined : Number(micros(dayUsd));
        return await requests.open(request, { turn: undefined, day: dayLimit });
      },
    });
  });
}

test('a day’s budget is the person’s: it counts all their conversations, what is open in them, and what they granted in any', async () => {
  await withPeople(async ({ redis, spend, open }) => {
    await spend(3);
    await spend(1.5, annsId);
    expect(await open(bob, 5)).toBe('open');
    expect(await open(ann, 4)).toBe('day');
    expect(await open(ann, 5)).toBe('open');
    // Half a dollar is left, and the open request may need it.
    expect(await open(annsId, 5)).toBe('wait');
    await redis.hset(keys.conversation(annsId), 'granted', `${day} 2`);
    expect(await open(ann, 5)).toBe('open');
    expect(await open(ann, 3)).toBe('wait');
  });
});

test('a limit of the owner’s replaces the budget, in both directions, and nobody but the owner raises it', async () => {
  await withPeople(async ({ redis, limit, spend, open }) => {
    await spend(2);
    await spend(2, annsId);
    await limit(4);
    for (const conversation of [ann, annsId])
      for (const budget of [undefined, 100]) expect(await open(conversation, budget)).toBe('day');
    expect(await open(bob)).toBe('open');
    await redis.hset(keys.conversation(ann), 'granted', `${day} 50`);
    expect(await open(ann, 100)).toBe('day');
    await limit(4.5);
    expect(await open(ann, 1)).toBe('open');
    await limit(0);
    expect(await open(ann)).toBe('day');
    await limit(undefined);
    expect(await open(ann)).toBe('open');
  });
});

test('a month’s budget is everybody’s, with what is open and what was granted; only who may raise it is asked', async () => {
  await withPeople(async ({ redis }) => {
    const month = day.slice(0, 7);
    await redis.hincrby(keys.spend(month), `usd:${ann}`, micros(6));
    await redis.hincrby(keys.spend(month), `held:${bob}`, micros(3));
    await redis.hincrby(keys.spend(month), `in:${bob}`, 1_000_000_000);
    const requests = createModelRequests(redis);
    const request = { owner: 'w#1', turn: '', model: 'm', day, at: 1, likely: 1 };
    const open = async (id: string, conversation: string, usd: number): Promise<string> =>
      await requests.open(
        { ...request, id, conversation, most: Number(micros(1)) },
        { turn: undefined, day: undefined, month: Number(micros(usd)) },
      );
    expect(await open('a', ann, 9)).toBe('month');
    expect(await open('a', ann, 9.5)).toBe('open');
    expect(await open('b', bob, 9.5)).toBe('wait');
    const spend = createSpend(redis);
    expect(await spend.month(month)).toEqual({ usd: 9, grantedUsd: 0 });
    await spend.grantMonth(month, 1);
    await spend.grantMonth(month, 1);
    expect(await open('b', bob, 9.5)).toBe('open');
    expect(await open('c', bob, 8)).toBe('month');
    const asked: string[] = [];
    const mayGoOn = async (isOwner: boolean): Promise<[boolean, unknown]> => {
      const ending = new AbortController();
      const questions = {
        ask: async ({ text }: { text: string }) => {
          asked.push(text);
          return { words: ['Continue? +$10'], answered: true };
        },
      } as unknown as Questions;
      const budget = createBudget(
        {
          budgets: { turnUsd: undefined, dayUsd: undefined, monthUsd: 8 },
          mayRaiseMonth: async () => isOwner,
          known: () => ({ conversation: {}, person: undefined }),
          conversations: createConversations(redis),
          spend,
        },
        { conversation: ann, turn: 'turn', fence } as TurnContext,
        questions,
        ending,
      );
      return [await budget.mayGoOn(new AbortController().signal), ending.signal.reason];
    };
    const [goesOn, reason] = await mayGoOn(false);
    expect([goesOn, asked]).toEqual([false, []]);
    if (!(reason instanceof AgentFailure)) throw new Error('no failure');
    expect(describeFailure(reason)).toContain(
      'This month has cost $9.00; the budget of everybody here is $9.00.',
    );
    expect(await mayGoOn(true)).toEqual([true, undefined]);
    expect(asked).toEqual([expect.stringContaining('Shall I go on?')]);
    expect(await spend.month(month)).toEqual({ usd: 9, grantedUsd: 11 });
  });
});

test('at the owner’s limit a turn ends with a sentence instead of a question', async () => {
  await withPeople(async ({ redis, limit, spend }) => {
    const asked: string[] = [];
    const questions = {
      ask: async ({ text }: { text: string }) => {
        asked.push(text);
        return { words: ['Stop here'], answered: true };
      },
    } as unknown as Questions;
    const checks = (
      conversation: string,
      person: Person | undefined,
      dayUsd: number | undefined,
    ): (() => Promise<[boolean, unknown]>) => {
      const ending = new AbortController();
      const budget = createBudget(
        {
          budgets: { turnUsd: undefined, dayUsd },
          known: () => ({ conversation: {}, person }),
          conversations: createConversations(redis),
          spend: createSpend(redis),
        },
        { conversation, turn: 'turn', fence } as TurnContext,
        questions,
        ending,
      );
      const { signal } = new AbortController();
      return async () => [await budget.mayGoOn(signal), ending.signal.reason];
    };
    const people = createPeopleStore(redis);
    const mayGoOn = async (of: string, usd?: number): Promise<[boolean, unknown]> =>
      await checks(of, await people.of(of), usd)();
    await spend(2);
    await spend(3, annsId);
    await limit(6);
    expect(await mayGoOn(ann, 3)).toEqual([true, undefined]);
    await limit(undefined);
    // Without any limit the first check of a turn asks for nothing; a later one does.
    const unlimited = checks(ann, await people.of(ann), undefined);
    await limit(5);
    expect((await unlimited())[0]).toBe(true);
    expect((await unlimited())[0]).toBe(false);
    const [goesOn, reason] = await mayGoOn(ann);
    expect([goesOn, asked]).toEqual([false, []]);
    if (!(reason instanceof AgentFailure)) throw new Error('no failure');
    expect(describeFailure(reason)).toBe(
      'I stopped here. Today has cost $5.00, and the owner has set $5.00 a day for you. Text “retry” tomorrow, or ask for more.',
    );
    await limit(undefined);
    expect((await mayGoOn(annsId, 3))[0]).toBe(false);
    expect(asked).toEqual([expect.stringContaining("the day's budget is $3.00")]);
  });
});
