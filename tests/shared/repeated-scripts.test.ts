import { expect, test } from 'vitest';
import { createBackground } from '../../shared/store/background.ts';
import { createEraser } from '../../shared/store/forget/erase.ts';
import { createDeadLetters } from '../../shared/store/boxes/dead-letters.ts';
import { createFailedMessages } from '../../shared/store/boxes/failed-messages.ts';
import { createFileStore } from '../../shared/store/files.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createHomeSnapshots } from '../../shared/store/home-snapshots.ts';
import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import { readHomeStates } from '../../shared/store/homes/states.ts';
import { firstToExist } from '../../shared/store/redis/first-to-exist.ts';
import { createMoves } from '../../shared/store/homes/moves.ts';
import { mendJobs } from '../../shared/store/mend-jobs.ts';
import { createLinks } from '../../shared/store/links/links.ts';
import { createMeters } from '../../shared/store/money/meters.ts';
import { createModelRequests } from '../../shared/store/money/model-requests.ts';
import { createSpend } from '../../shared/store/money/spend.ts';
import { createSendRate } from '../../shared/store/send-rate.ts';
import { createDecisions } from '../../shared/store/people/decisions.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createTurnRecords } from '../../shared/store/turns/records.ts';
import type { NewReply, Reply } from '../../shared/store/reply.ts';
import { createScheduleRuns } from '../../shared/store/schedule-runs.ts';
import { sweepAmong } from '../../shared/store/boxes/sweep.ts';
import { readDirectory } from '../../shared/store/people/directory.ts';
import { createThreads } from '../../shared/store/turns/thread.ts';
import { createTurnList } from '../../shared/store/turns/turn-list.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { readComing } from '../../worker/process/peek-turn.ts';
import { createLease } from '../../worker/process/lease.ts';
import { createSessionLock } from '../../worker/process/session-lock.ts';
import { createRunningJobs } from '../../worker/process/running-jobs.ts';
import { dumpRedis } from '../support/redis-dump.ts';
import {
  conversation,
  fence,
  message,
  openStores,
  reply,
  sid,
  withStores,
} from '../support/stores-bench.ts';
import { scriptNames } from '../support/script-files.ts';
import { until } from '../support/until.ts';

const log = createLog('test', 'silent');
const tokens = {
  input: 1,
  output: 1,
  cacheWrite5m: 0,
  cacheWrite1h: 0,
  cacheRead: 0,
  webSearches: 0,
};

/**
 * What a script said and left behind when it was sent once more, as ioredis does after a connection
 * that broke before the reply.
 */
type Repetition = { name: string; replies: [unknown, unknown]; states: [unknown, unknown] };

/** The same Redis, with each of our scripts sent twice with the same arguments. */
function repeating(redis: Redis, seen: Repetition[]): Redis {
  return new Proxy(redis, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      if (typeof property !== 'string' || !property.startsWith('sidepocket'))
        return value.bind(target);
      return async (...args: unknown[]) => {
        const first: unknown = await Reflect.apply(value, target, args);
        const before = await dumpRedis(target, isPace);
        const second: unknown = await Reflect.apply(value, target, args);
        seen.push({
          name: property.replace(/Buffer$/, ''),
          replies: [first, second],
          states: [before, await dumpRedis(target, isPace)],
        });
        return second;
      };
    },
  });
}

/** Redis gives the fields of a hash, and Lua those of an object, in any order: it says nothing. */
function isSame([first, second]: [unknown, unknown]): boolean {
  const sorted = (_key: string, value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((entry) => JSON.stringify(entry, sorted)).toSorted();
    const json =
      typeof value === 'string' ? /^(?:[\w-]+: )?(\{".*\})$/s.exec(value)?.[1] : undefined;
    return json
      ? Object.entries(JSON.parse(json) as object)
          .map((entry) => JSON.stringify(entry, sorted))
          .toSorted()
      : value;
  };
  return JSON.stringify(first, sorted) === JSON.stringify(second, sorted);
}

/** What may differ, and why. */
const exceptions: Record<string, string> = {
  sidepocketSnapshot: 'reply: the count of the epoch',
  sidepocketNextDelivery: 'reply: the count of the epoch; that it is sent once is held below',
  sidepocketRenew: 'reply: how much memory Redis uses',
  sidepocketModelBook: 'reply: nothing reads it',
  sidepocketModelOrphans: 'reply: only logged',
  sidepocketFileFetched: 'reply: nothing reads it',
  sidepocketSetAside: 'reply: only “fenced” is read',
  sidepocketNote:
    'reply: sent by the relay alone, whose connection never repeats; Twilio’s own repetition is stale',
  sidepocketNotice: 'reply: sent by the relay alone, whose connection never repeats',
  sidepocketMendJob: 'reply: only logged',
  sidepocketSpend: 'reply: only tests read it',
};

/**
 * The pace, whose key ends by itself: a message of it is lost when the reservation is repeated,
 * which is a wait of some seconds. The epoch counts every look at the store.
 */
const isPace = (key: string): boolean => key.startsWith(keys.pace('')) || key === keys.epoch;

/**
 * Sent within a transaction with BullMQ's own commands, so tried at the level of their functions
 * below.
 */
const inTransactions = new Set([
  'sidepocketAccept',
  'sidepocketClearPlaceholder',
  'sidepocketRetry',
]);

/** Not tried here yet: whether they are safe to repeat is not shown. */
const untried = new Set(
  [
    'NotAllowed',
    'WithSetAside',
    'Owner',
    'Epoch',
    'TellOwner',
    'SetAsideRemoved',
    'RequeueRemoved',
    'Boot',
    'Allow',
    'Unknown',
    'Refuse',
  ].map((name) => `sidepocket${name}`),
);

test('every script that is sent twice says the same and leaves the same', async () => {
  await withStores(async (redis, plain) => {
    const seen: Repetition[] = [];
    const twice = repeating(redis, seen);
    const {
      inbox,
      outbox,
      ledger,
      nextDeliveries,
      conversations,
      sessions,
      schedules,
      spend,
      readSnapshot,
    } = openStores(twice);
    await redis.set(fence.lock, fence.token);
    const fill = async (...ids: string[]): Promise<void> =>
      void (await redis.rpush(
        keys.inbox(conversation),
        ...ids.map((id) => JSON.stringify(message(id))),
      ));
    const posted = async (id: string, change: Partial<NewReply> = {}): Promise<Reply> => {
      await plain.outbox.put([reply(id, change)]);
      await redis.del(keys.outbox(conversation));
      await redis.rpush(keys.outbox(conversation), id);
      const next = await plain.nextDeliveries.next(conversation, fence, Date.now());
      if (next.kind !== 'send') throw new Error(next.kind);
      return next.reply;
    };

    await fill('a', 'b', 'c');
    await redis.hset(keys.job('turns', 'T'), 'data', '{}');
    await readSnapshot(conversation, fence, 'T:1');
    const counts = new Map([[sid('a'), 1]]);
    const taken = { conversation, messages: [] };
    await inbox.take(fence, 'T', taken, counts, true);
    await inbox.take(fence, 'T', taken, counts);
    await inbox.note(fence, 'T', conversation, {
      log: '2026-11-29T10:00:00.000Z Bash ls',
      doing: 'listing',
    });
    await outbox.put([], fence, {
      conversation,
      ids: [sid('a')],
      kept: [sid('a')],
      state: 'failed',
      unreadable: [Buffer.from('nothing')],
      price: {
        conversation,
        answer: 'x',
        day: '2026-11-29',
        usage: { inputTokens: 1, outputTokens: 1, costUsd: 1 },
      },
    });
    expect(await inbox.requeue(fence, conversation, sid('c'), [sid('a')])).toBe(1);
    await plain.outbox.put(
      [reply('aside', { aside: true }), reply('more', { aside: true })],
      fence,
    );
    expect(await outbox.withdraw(fence, conversation)).toBe(2);
    await conversations.write(conversation, fence, { model: 'opus' });
    await sessions.note(conversation, fence, { id: 's', title: 'a title', usedAt: 1 });
    expect(
      (
        await schedules.add(
          { conversation, prompt: 'x', timezone: 'UTC', at: Date.now() + 3600_000 },
          fence,
        )
      ).number,
    ).toBe(1);

    await plain.outbox.put([reply('first')]);
    expect(await nextDeliveries.next(conversation, fence, Date.now())).toMatchObject({
      kind: 'send',
      reply: { id: 'first', attempts: 1 },
    });
    const first = await plain.ledger.find('first');
    if (!first) throw new Error('the reply is gone');
    expect(await ledger.begin(fence, first)).toBe(2);
    await ledger.accepted({ ...first, attempts: 2 }, 'SM-first', 2);
    await ledger.note('first', conversation, 'SM-first', 'delivered', 'later', undefined);
    await ledger.addNotice(reply('notice'));
    const choices = { kind: 'buttons', items: [{ id: 'x.1', title: 'Yes' }] } as const;
    expect(
      await ledger.failed(
        await posted('question', { choices: { ...choices, items: [...choices.items] } }),
        1,
        'as-text',
        63_013,
      ),
    ).toBe('again');
    expect(await ledger.failed(await posted('trouble'), 1, 'once-more', 30_008)).toBe('again');
    expect(await ledger.failed(await posted('put-off'), 1, 'later', 20_429)).toBe('again');
    expect(await ledger.failed(await posted('hopeless'), 1, 'give-up', 63_020)).toBe('failed');
    expect(await ledger.failed(await posted('closed'), 1, 'park', 63_016)).toBe('parked');
    expect(await ledger.unpark(conversation)).toBe(1);
    await redis.set(keys.reply('unreadable'), 'x');
    await redis.lpush(keys.outbox(conversation), 'unreadable');
    await nextDeliveries.next(conversation, fence, Date.now());

    await createSendRate(twice, { intervalMs: 1, burst: 1000 }).reserve(conversation, Date.now());
    const files = createFileStore(twice, 100);
    const file = await files.put(
      Buffer.alloc(60),
      { type: 'image/png', name: 'x.png' },
      conversation,
    );
    await files.noteFetched(file.token);
    const links = createLinks(twice);
    const link = await links.add({
      purpose: 'secret',
      person: conversation,
      object: 'TOKEN',
      detail: '',
      uses: 1,
    });
    expect(await links.use(link.token, 'a cookie')).toBe('ok');
    expect(await links.use(link.token, 'another')).toBe('used');
    expect(await links.revoke(conversation)).toBe(1);
    const people = createPeopleStore(twice);
    await people.idOf(conversation);
    const decisions = createDecisions(twice);
    await redis.hset(keys.allowed, 'list', 'started 2026-01-01T00:00:00.000Z');
    for (const [kind, tap] of [
      ['invite', sid('e')],
      ['remove', sid('f')],
    ] as const) {
      const token = await decisions.ask({ kind, address: '+15551230002' });
      expect((await decisions.decide(token, tap, true, conversation)).outcome).toBe('done');
    }
    await redis.del(keys.allowed);
    await createTurnRecords(twice).append(fence, 'T', [
      { kind: 'end', at: 1, id: 'a', failed: false, output: 'x' },
    ]);
    expect(await createTurnRecords(twice).end(fence, 'T')).toMatchObject({ costUsd: 0 });
    const pages = createPageStore(twice);
    await pages.put('page', 'text');
    await pages.append('growing', 'entry', 'text');
    await createDeadLetters(twice).add('inbox', conversation, 'x');
    expect(await createScheduleRuns(twice).admit(conversation, '2026-11-29', 'once', 't1', 1)).toBe(
      true,
    );
    await spend.record({
      conversation,
      answer: 'y',
      day: '2026-11-29',
      usage: { inputTokens: 1, outputTokens: 1, costUsd: 1 },
    });
    await spend.grantTurn('T', 1);
    await spend.today('2026-11-29');
    expect(await spend.budgetUse('T', conversation, '2026-11-29')).toMatchObject({
      turnGrantedUsd: 1,
    });
    const requests = createModelRequests(twice);
    const request = {
      id: 'r',
      owner: 'w#1',
      conversation,
      turn: 'T',
      model: 'm',
      day: '2026-11-29',
      at: 1,
      most: 10,
      likely: 5,
    };
    expect(await requests.open(request, { turn: 20_000_000, day: 20_000_000 })).toBe('open');
    await requests.book(request, { tokens, cost: 5 });
    await requests.close(request, { tokens, cost: 7 }, false);
    await redis.hset(
      keys.modelOpen,
      'old',
      JSON.stringify({ ...request, id: 'old', held: 1, booked: { usd: 0 } }),
    );
    await requests.closeOrphans('w#2', Date.now());

    await redis.hset(keys.job('turns', 'no JSON'), 'opts', 'x');
    await redis.set(keys.job('turns', 'no hash'), 'x');
    await redis.rpush(keys.active('turns'), 'no JSON', 'no hash');
    await mendJobs(twice, 'turns');
    expect(await redis.lrange(keys.active('turns'), 0, -1)).toEqual(['no JSON']);
    await redis.del(keys.active('turns'));

    const list = createTurnList(twice);
    await list.find({ most: 5 });
    await list.find({ most: 5, state: 'parked' });
    await createThreads(twice).read(conversation, 10);
    await readDirectory(twice);

    const eraser = createEraser({ redis: twice, turns: plain.turns, schedules, pages });
    const erasing = { conversation, until: Date.now(), by: sid('b'), turn: 'T' };
    const posting = reply('posting');
    await plain.outbox.put([posting]);
    await redis.hset(keys.reply('posting'), 'status', 'posting');
    expect((await eraser.said(erasing)).left).toBeGreaterThan(0);
    expect(await redis.exists(keys.reply('posting'))).toBe(1);
    expect(await redis.exists(keys.reply('first'), keys.said(sid('a')))).toBe(0);
    const old = 'allowed since 2026-01-01T00:00:00.000Z, by a relay';
    await redis.hset(keys.allowed, conversation, old);
    await eraser.allowAnew([conversation], Date.UTC(2026, 1, 1));
    expect(await redis.hget(keys.allowed, conversation)).toBe(old.replace('-01-01', '-02-01'));
    await redis.del(keys.allowed);

    const meters = createMeters(twice);
    await meters.noteCommands();
    const counted = await meters.startVm('vm', 'east', Date.now());
    await counted.note();
    await counted.end();
    await redis.hset(keys.meterOpen, 'gone', 'east 1');
    await meters.startVm('gone', 'east', Date.now());

    const background = createBackground(twice);
    const work = { conversation, session: 's', owner: 'gone#1' };
    const task = { id: 'a', description: '', request: '', startedAt: 1 };
    await background.note({ ...work, tasks: [task] });
    expect(await background.lost()).toHaveLength(1);
    await background.remove(work);

    const east = { name: 'east', id: 'disk', worker: 'w', mayBeFirst: true };
    const facts = { address: undefined, secret: undefined, takes: 3, version: '1' };
    const homes = createHomeRegistry(twice, () => new Date(0));
    await homes.register(east, facts);
    await homes.register({ ...east, name: 'west' }, facts);
    await homes.declareDead({ name: 'west', suffix: '@west' });
    await homes.list();
    await createMoves(twice).peopleOf('east');
    await createSpend(twice).recount(0);
    await createSpend(twice).days('1970-01-01', 2);
    await createSpend(twice).read('1970-01-01');
    await readHomeStates(twice, ['', '@west']);
    await firstToExist(twice, [keys.job('turns', 'none')]);
    expect(await redis.smembers(keys.helps)).toEqual(['@west']);
    await homes.register({ ...east, name: 'north' }, { ...facts, store: 'one' });
    await homes.register(east, { ...facts, store: 'one' });
    const { signal } = new AbortController();
    await createHomeSnapshots(twice).makeOnce('p-1', async () => undefined, signal);
    const moves = createMoves(twice, () => new Date(0));
    const mover = await people.idOf(conversation);
    const asked = await moves.ask(mover, { placement: 'shared', by: 'operator' });
    if (asked.outcome !== 'asked') throw new Error(asked.outcome);
    expect(asked).toMatchObject({ from: 'east', to: 'north' });
    for (const step of ['held', 'saved', 'moved', 'done'] as const)
      expect(await moves.advance({ person: mover, token: asked.token }, step)).toBe(step);
    expect(await redis.hget(keys.person(mover), 'epoch')).toBe('1');
    await redis.hset(keys.homeSnapshot(mover), 'at', '1000');
    await homes.declareDead({ name: 'north', suffix: '@north' });
    expect((await moves.rescue(mover, { placement: 'shared' })).outcome).toBe('moved');
    expect(await redis.hmget(keys.person(mover), 'epoch', 'home')).toEqual(['2', 'east']);

    const vm = createVmState(twice);
    await vm.need(Date.now());
    await vm.waiting(Date.now(), [conversation]);
    await sweepAmong([conversation], twice, plain.turns, plain.deliveries);
    await readComing(twice);
    const lease = createLease({
      redis: twice,
      worker: 'w',
      boot: 2,
      times: { renewMs: 1000, holdMs: 1000 },
      running: createRunningJobs(),
      log,
      listener: {
        recover: async () => undefined,
        onStranded: async () => undefined,
        onLostWork: () => undefined,
        onMemory: () => undefined,
        onFenced: () => undefined,
      },
    });
    await lease.renew();
    await redis.set(keys.lease('gone'), '2');
    await redis.set(keys.live(conversation), 'gone#1');
    const released: string[] = [];
    const claims = createSessionLock(twice, 'w#2', async (name) => void released.push(name), log);
    await claims.claim(conversation);
    // It was another's: what this worker has kept from before must go, also when the reply came
    // late.
    expect(released).toEqual([conversation]);
    claims.onControl({ kind: 'release', conversation, owner: 'w#2' });
    await until(
      'it is given back',
      async () =>
        (await redis.exists(keys.live(conversation))) === 0 &&
        seen.some(({ name }) => name === 'sidepocketYield'),
    );
    await lease.stop();
    await redis.flushall();
    await vm.fallAsleep('w', Date.now(), 1);

    const differing = seen.filter(({ replies, states }) => !isSame(replies) || !isSame(states));
    expect(
      [...new Set(differing.map(({ name }) => name))].filter(
        (name) => exceptions[name] === undefined,
      ),
    ).toEqual([]);
    const withOtherState = seen.filter(({ states }) => !isSame(states)).map(({ name }) => name);
    expect([...new Set(withOtherState)]).toEqual([]);
    const tried = new Set(seen.map(({ name }) => name));
    expect(
      scriptNames().filter(
        (name) => !tried.has(name) && !inTransactions.has(name) && !untried.has(name),
      ),
    ).toEqual([]);
  });
});

test('what is sent in a transaction and sent again leaves the same', async () => {
  await withStores(async (redis, { intake, outbox, turns }) => {
    const repeat = async (work: () => Promise<unknown>): Promise<[unknown, unknown]> => {
      const first = await work();
      const before = await dumpRedis(redis);
      const second = await work();
      const ours = (dump: Record<string, unknown>): unknown =>
        Object.entries(dump).filter(([key]) => !/:(turns|deliveries):/.test(key));
      expect(ours(await dumpRedis(redis))).toEqual(ours(before));
      return [first, second];
    };
    expect(await repeat(() => intake(message('a')))).toMatchObject([
      { outcome: 'new' },
      { outcome: 'duplicate' },
    ]);
    await redis.set(fence.lock, fence.token);
    const settlement = {
      conversation,
      ids: [sid('a')],
      kept: [sid('a')],
      state: 'failed' as const,
    };
    expect(await repeat(() => outbox.put([reply('one')], fence, settlement))).toEqual([
      { added: 1, left: 0 },
      { added: 0, left: 0 },
    ]);
    const failed = createFailedMessages(redis, turns);
    expect(await repeat(() => failed.retry(conversation, [sid('a')]))).toEqual([1, 0]);
    expect(await redis.llen(keys.inbox(conversation))).toBe(1);
  });
});
