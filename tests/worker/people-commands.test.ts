import {
  assert,
  asyncProperty,
  constantFrom,
  oneof,
  string,
  stringMatching,
  tuple,
} from 'fast-check';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { createQueues } from '../../shared/store/all-queues.ts';
import type { Message } from '../../shared/store/message.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { dayOf } from '../../shared/store/money/spend.ts';
import { createStores } from '../../shared/store/stores.ts';
import type { Stores } from '../../shared/store/stores.ts';
import type { CommandAnswer, CommandCall, CommandDeps } from '../../worker/commands/command.ts';
import { findCommand } from '../../worker/commands/find-command.ts';
import { anyCharacter } from '../support/any-character.ts';
import { proveAddresses } from '../support/prove-addresses.ts';
import { newSid } from '../support/relay-bench.ts';
import { withRedis } from '../support/redis.ts';

const [owner, ann, bob] = ['+15551230001', '+15551230002', '+5511987654321'];
const log = createLog('test', 'silent');
const fence = { lock: 'a lock', token: 'mine' };

type Answer = Exclude<CommandAnswer, string> & { items: { id: string; title: string }[] };

type Bench = {
  redis: Redis;
  stores: Stores;
  say(text: string, from?: string): Promise<Answer>;
  /** Taps a button of an answer, by its place. */
  tap(answer: Answer, place: number, from?: string): Promise<Answer>;
  allowed(): Promise<Record<string, string>>;
};

async function withCommands(use: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    const queues = createQueues(redis, {});
    const stores = createStores(redis, queues, { days: 30, log });
    await redis.set(fence.lock, fence.token);
    await redis.hset(keys.allowed, {
      list: 'written by a relay that started 2026-01-01T00:00:00.000Z',
      owner,
      [owner]: 'allowed since the beginning, by a relay',
      [ann]: 'allowed since 2026-11-24T09:00:00.000Z, by a relay',
    });
    const parts = {
      stores,
      settings: { chatNumber: { number: '+15550100000', joinWords: undefined } },
    } as unknown as CommandDeps;
    const run = async (message: Message): Promise<Answer> => {
      const found = findCommand(message, true);
      if (!found) throw new Error(`no command: ${message.text}`);
      const context = { fence, log, conversation: message.conversation };
      const call = { message, argument: found.argument, context, busy: false };
      const answer: CommandAnswer =
        (await found.command.run(parts, call as unknown as CommandCall)) ?? '';
      if (typeof answer === 'string') return { text: answer, items: [] };
      return { ...answer, items: answer.choices?.items ?? [] };
    };
    const messageOf = (from: string, text: string): Message => ({
      id: newSid(),
      conversation: from,
      at: new Date().toISOString(),
      text,
      media: [],
      human: true,
    });
    await use({
      redis,
      stores,
      say: (text, from = owner) => run(messageOf(from, text)),
      async tap({ items }, place, from = owner) {
        const choice = items[place];
        if (!choice) throw new Error('no such button');
        return await run({ ...messageOf(from, choice.title), choice });
      },
      allowed: () => redis.hgetall(keys.allowed),
    });
    await queues.close();
  });
}

test('only the owner gives these commands and sees them in the help, from whichever address they write', async () => {
  await withCommands(async ({ redis, say, stores }) => {
    for (const text of ['/people', '/invite +491701234567', `/remove ${ann}`, `/limit ${ann} $5`])
      expect((await say(text, ann)).text).toBe('Only the owner can do that.');
    expect((await say('/help', ann)).text).not.toContain('/invite');
    expect((await say('/help')).text).toContain('/invite');
    expect((await say('/people', 'US.1')).text).toBe('Only the owner can do that.');
    await stores.people.idOf(owner);
    await proveAddresses(redis, owner, 'US.1');
    expect((await say('/people', 'US.1')).text).toContain('(you)');
  });
});

test('an invitation shows number and country, and counts only for a tap of the owner’s, once', async () => {
  await withCommands(async ({ say, tap, allowed, stores }) => {
    const before = await allowed();
    const asked = await say('/invite 0055 11 98765-4321');
    expect(asked.text).toContain('*+55 11 98765 4321* (Brazil)');
    expect(asked.items.map(({ title }) => title)).toEqual(['Invite', 'Cancel']);
    expect((await say(asked.items[0]?.id ?? '')).text).toContain('Please tap the button itself');
    expect((await tap(asked, 0, ann)).text).toBe('Only the owner can do that.');
    expect(await allowed()).toEqual(before);
    const done = await tap(asked, 0);
    expect(done.text).toContain('https://wa.me/15550100000?text=Hello');
    expect(done.file).toMatchObject({ type: 'image/png', name: 'invitation.png' });
    expect(await stores.allowed.words(bob)).toContain(`invited by ${owner} until`);
    expect((await tap(asked, 0)).text).toBe('That is decided already.');
    expect((await tap(asked, 1)).text).toBe('That is decided already.');
    const again = await say(`/invite ${bob}`);
    expect((await tap(again, 1)).text).toBe('All right, it stays as it is.');
    expect((await say('/people')).text).toMatch(
      /3\. \*\+55 11 98765 4321\*: invited on .*; 7 days left/,
    );
  });
});

test('a number that is back keeps the spelling of its conversation', async () => {
  await withCommands(async ({ redis, say, tap, stores }) => {
    const short = '+551187654321';
    await stores.people.idOf(short);
    await redis.hset(
      keys.allowed,
      short,
      `removed 2026-11-24T09:00:00.000Z, by ${owner} in the chat`,
    );
    await tap(await say(`/invite ${bob}`), 0);
    expect(await stores.allowed.words(short)).toContain(`invited by ${owner} until`);
    expect(await stores.allowed.words(bob)).toContain(`as the other spelling of ${short}`);
    expect((await say(`/limit ${bob} $3`)).text).toContain('may cost $3.00 a day');
    expect((await stores.people.of(short)).conversations).toEqual([short]);
  });
});

test('each odd wish has its sentence', async () => {
  await withCommands(async ({ say }) => {
    const said = async (text: string): Promise<string> => (await say(text)).text;
    expect(await said('/invite')).toContain('Text “/invite” with the phone number');
    expect(await said('/invite Ana')).toContain('cannot read that as a phone number');
    expect(await said(`/invite ${owner}`)).toContain('your own number');
    expect(await said(`/invite ${ann}`)).toContain('may write already');
    expect(await said('/invite +1 555 123 0009')).toContain('look twice');
    expect(await said('/remove')).toContain('Text “/remove” with the phone number');
    expect(await said(`/remove ${owner}`)).toContain('You are the owner');
    expect(await said('/remove +491701234567')).toContain('may not write to me anyway');
    expect(await said('/limit')).toContain('Text “/limit” with');
    expect(await said('/limit Ana $5')).toContain('cannot read that as a phone number');
    expect(await said('/limit +491701234567 $5')).toContain('may not write to me');
    expect(await said(`/limit ${ann} much`)).toContain('dollars a day');
    expect(await said('/people maybe')).toContain('/people do NUMBER');
    expect(await said(`/people do ${ann}`)).toBe(`Nothing of ${ann} is set aside any more.`);
  });
});

test('a removal is asked about by name, sets schedules aside as well, and another invitation asks about them', async () => {
  await withCommands(async ({ say, tap, stores }) => {
    const { id } = await stores.people.of(ann);
    await stores.people.note(id, { name: 'Ann' });
    await stores.schedules.add(
      { conversation: ann, prompt: 'look', timezone: 'UTC', cron: '0 9 * * *' },
      fence,
    );
    const asked = await say(`/remove ${ann}`);
    expect(asked.text).toContain(', Ann? ');
    expect((await tap(asked, 0)).text).toBe(
      '+1 555 123 0002 may not write to me any more. I have set aside 1 schedule, for 7 days.',
    );
    expect(await stores.allowed.has(ann)).toBe(false);
    expect(await stores.schedules.list(ann)).toEqual([]);
    expect((await say('/people')).text).not.toContain('Ann');
    const { next } = await tap(await say(`/invite ${ann}`), 0);
    expect(next?.text).toContain('1 schedule is still set aside');
    expect(next?.choices?.items.map(({ id }) => id)).toEqual([
      `/people do ${ann}`,
      `/people drop ${ann}`,
    ]);
  });
});

test('a person who is back is asked about once, for all of their conversations', async () => {
  await withCommands(async ({ redis, say, tap, stores }) => {
    const { allowed, people, schedules } = stores;
    for (const conversation of [ann, 'US.1']) await people.idOf(conversation);
    await redis.hset(keys.allowed, 'US.1', 'allowed since 2026-11-24T09:00:00.000Z, by a relay');
    await proveAddresses(redis, ann, 'US.1');
    const schedule = { conversation: 'US.1', prompt: 'look', timezone: 'UTC', cron: '0 9 * * *' };
    await schedules.add(schedule, fence);
    await tap(await say(`/remove ${ann}`), 0);
    expect(await allowed.has('US.1')).toBe(false);
    const { next } = await tap(await say(`/invite ${ann}`), 0);
    expect(next?.text).toContain('1 message and 1 schedule are still set aside');
    expect(await allowed.has('US.1')).toBe(true);
    // The first message uses the invitation up for both addresses.
    await proveAddresses(redis, ann, 'US.1');
    expect(await allowed.words('US.1')).toMatch(new RegExp(`invited by \\${owner}$`));
    await redis.hset(keys.setAsideSchedules('US.1'), '9', '{"of":"a later version"}');
    expect((await say(`/people do ${ann}`)).text).toBe(
      `Going on with 1 message and 1 schedule of ${ann}. I cannot read a schedule of ${ann}, so I left that out: please have it planned anew.`,
    );
    expect(await schedules.list('US.1')).toHaveLength(1);
    expect((await say(`/people drop ${ann}`)).text).toContain('Nothing of');
  });
});

test('the list says who, since when, today’s cost of all their conversations, and when they wrote last', async () => {
  await withCommands(async ({ redis, say, stores }) => {
    await stores.people.idOf(ann);
    await stores.people.idOf('US.1');
    await proveAddresses(redis, ann, 'US.1');
    await stores.people.note(await stores.people.idOf(ann), { name: 'Ann' });
    await redis.hset(keys.spend(dayOf(Date.now())), {
      [`usd:${ann}`]: '1250000',
      'usd:US.1': '250000',
      [`usd:${owner}`]: '9000000',
    });
    expect((await say(`/limit ${ann} $5`)).text).toContain('may cost $5.00 a day from now on');
    expect((await say(`/limit ${ann}`)).text).toContain('may cost $5.00 a day');
    expect((await say('/people')).text).toBe(
      [
        '1. *+1 555 123 0001* (you): allowed from the beginning, today $9.00, has not written yet',
        '2. *+1 555 123 0002* (Ann): allowed since 24 November 2026, today $1.50 of $5.00, wrote just now',
        '',
        'Text “/invite”, “/remove” or “/limit” with a number to change that.',
      ].join('\n'),
    );
    // Ann has two addresses, and only those who are shown are read.
    const costOf = async (people: number): Promise<[text: string, calls: number]> => {
      const invited = Array.from({ length: people }, (_, index) => `+1555999${1000 + index}`);
      for (const number of [...invited, 'US.1'])
        await redis.hset(keys.allowed, number, `allowed since 2026-11-25, invited by ${owner}`);
      const calls = async (): Promise<number> =>
        Number(/cmdstat_hgetall:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1]);
      const before = await calls();
      const { text } = await say('/people');
      return [text, (await calls()) - before];
    };
    const [[few, cost], [many, more]] = [await costOf(40), await costOf(140)];
    expect([few.split('\n').at(-3), many.split('\n').at(-3)]).toEqual([
      '… and 12 more',
      '… and 112 more',
    ]);
    expect(more).toBe(cost);
    expect((await say(`/limit ${ann} off`)).text).toContain('no limit of their own any more');
    expect((await stores.people.of(ann)).limit).toBeUndefined();
  });
});

test('whatever the owner writes behind a command lets nobody in or out, and whatever others write changes nothing', async () => {
  await withCommands(async ({ say, allowed, redis }) => {
    const before = await allowed();
    const rest = oneof(
      string({ unit: anyCharacter, maxLength: 120 }),
      stringMatching(/^[+0]?[\d ()/.-]{0,30}(?: \$?[\d.,]{0,9})?$/),
      stringMatching(/^(?:yes|no) [0-9a-f]{24}$/),
      constantFrom(owner, ann, bob, `${ann} $5`, `${bob} off`, 'everyone', '*', '\n', '__proto__'),
    );
    const command = constantFrom('/invite', '/remove', '/limit', '/people');
    await assert(
      asyncProperty(
        tuple(command, rest, constantFrom(owner, owner, ann)),
        async ([name, text, from]) => {
          const asked = findCommand(
            {
              id: newSid(),
              conversation: from,
              at: '',
              text: `${name} ${text}`,
              media: [],
              human: true,
            },
            true,
          );
          if (!asked) return;
          const answer = await say(`${name} ${text}`, from);
          expect(answer.text.length).toBeGreaterThan(0);
          expect(answer.text.length).toBeLessThan(600);
          expect(from === owner || answer.text === 'Only the owner can do that.').toBe(true);
          expect(await allowed()).toEqual(before);
        },
      ),
      { numRuns: 200 },
    );
    for (const key of await redis.keys('*:person:*'))
      expect(await redis.hget(key, 'limit')).toSatisfy(
        (limit: unknown) => limit === null || /^[\d.]+ dollars a day, by /.test(String(limit)),
      );
  });
});
