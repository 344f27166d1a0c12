import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClaims } from '../../relay/dedup.ts';
import { createConversations } from '../../shared/store/conversation.ts';
import { createDecisions } from '../../shared/store/people/decisions.ts';
import { createDeadLetters } from '../../shared/store/boxes/dead-letters.ts';
import { createNextDeliveries } from '../../shared/store/boxes/next-delivery.ts';
import { createFailedMessages } from '../../shared/store/boxes/failed-messages.ts';
import { createFileStore } from '../../shared/store/files.ts';
import { createInbox } from '../../shared/store/boxes/inbox.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLedger } from '../../shared/store/boxes/ledger.ts';
import { createModelRequests } from '../../shared/store/money/model-requests.ts';
import { createEraser } from '../../shared/store/forget/erase.ts';
import { createMeters } from '../../shared/store/money/meters.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createTellOwner } from '../../shared/store/owner.ts';
import { createSendRate } from '../../shared/store/send-rate.ts';
import { createTurnRecords } from '../../shared/store/turns/records.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import { createPeopleStore, limitWords } from '../../shared/store/people.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { defineScript, runScript } from '../../shared/store/redis/script.ts';
import { createScheduleRuns } from '../../shared/store/schedule-runs.ts';
import { createHomeSnapshots } from '../../shared/store/home-snapshots.ts';
import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import { readHomeStates } from '../../shared/store/homes/states.ts';
import { firstToExist } from '../../shared/store/redis/first-to-exist.ts';
import { createMoves } from '../../shared/store/homes/moves.ts';
import { mendJobs } from '../../shared/store/mend-jobs.ts';
import { createLinks } from '../../shared/store/links/links.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import { createBackground } from '../../shared/store/background.ts';
import { createSetAside } from '../../shared/store/boxes/set-aside.ts';
import { createSpend, dayOf } from '../../shared/store/money/spend.ts';
import { sweepAmong } from '../../shared/store/boxes/sweep.ts';
import { readDirectory } from '../../shared/store/people/directory.ts';
import { createThreads } from '../../shared/store/turns/thread.ts';
import { createTurnList } from '../../shared/store/turns/turn-list.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createSessionLock } from '../../worker/process/session-lock.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import { guardScripts, recordedCalls } from '../support/guarded-scripts.ts';
import type { RecordedCall } from '../support/guarded-scripts.ts';
import { proveAddresses } from '../support/prove-addresses.ts';
import { withRedis } from '../support/redis.ts';
import { scriptNames } from '../support/script-files.ts';
import { misnamed } from '../support/script-names.ts';
import { until } from '../support/until.ts';

let guard: ReturnType<typeof guardScripts>;
beforeAll(() => {
  guard = guardScripts();
});
afterAll(() => guard.stop());
const fence = { lock: keys.jobLock('turns', 'held'), token: 'mine' };
const newId = (): string => `SM${Math.random().toString(16).slice(2).padEnd(32, '0').slice(0, 32)}`;
const message = (text: string) => ({
  id: newId(),
  conversation: phone,
  at: new Date().toISOString(),
  text,
  media: [],
  human: true,
});

test('the guard refuses a key that no rule derives, and one of another slot', async () => {
  await withRedis(async (redis) => {
    const touch = async (key: string) => {
      const name = `sidepocketTest${key.replaceAll(/\W/g, '')}`;
      const lua = `-- derives: reply:*\n return redis.call('GET', '${key}')`;
      const script = defineScript({ name, keys: ['outbox'], lua });
      return await runScript(redis, script, { keys: { outbox: keys.outbox(phone) } });
    };
    expect(await touch(keys.reply('a'))).toBeNull();
    await expect(touch(keys.boots('a'))).rejects.toThrow('not declared');
    await expect(touch('elsewhere')).rejects.toThrow('another slot');
    guard.refused.length = 0;
  });
});

/** Moves a person from one home to another, and out of one that is dead. */
async function exerciseMoves(redis: Redis): Promise<void> {
  const [homes, moves] = [createHomeRegistry(redis), createMoves(redis)];
  const facts = { address: undefined, secret: undefined, takes: 9, version: '1', store: 'one' };
  for (const name of ['east', 'west'])
    await homes.register({ name, id: name, worker: name, mayBeFirst: true }, facts);
  const id = await createPeopleStore(redis).idOf(phone);
  expect(await moves.peopleOf('east')).toEqual([id]);
  const asked = await moves.ask(id, { placement: 'shared', by: 'operator' });
  if (asked.outcome !== 'asked') throw new Error(asked.outcome);
  const move = { person: id, token: asked.token };
  for (const step of ['held', 'saved', 'moved', 'done'] as const)
    expect(await moves.advance(move, step)).toBe(step);
  await redis.hset(keys.homeSnapshot(id), 'at', '1000');
  await homes.declareDead({ name: asked.to, suffix: `@${asked.to}` });
  expect((await moves.rescue(id, { placement: 'shared' })).outcome).toBe('moved');
}

/** Runs what whole systems seldom do. */
async function exercise(redis: Redis): Promise<void> {
  const [turns, deliveries, schedules] = [
    createTurns(redis),
    createDeliveries(redis),
    createSchedules(redis),
  ];
  const [outbox, inbox, ledger, spend, requests] = [
    createOutbox(redis, deliveries),
    createInbox(redis),
    createLedger(redis),
    createSpend(redis),
    createModelRequests(redis),
  ];
  const day = dayOf(Date.now());
  await redis.set(fence.lock, fence.token);
  const failed = message('failed');
  await redis.hset(
    keys.conversation(phone),
    'failed',
    JSON.stringify([JSON.stringify(failed), JSON.stringify(message('stays'))]),
  );
  await redis.hset(keys.message(failed.id), 'state', 'failed');
  await createFailedMessages(redis, turns).retry(phone, [failed.id]);
  await inbox.requeue(fence, phone, failed.id, [failed.id]);
  const id = newId();
  await outbox.put(
    [
      { id, conversation: phone, turn: 'held', text: 'aside', aside: true },
      { id: `${id}.2`, conversation: phone, turn: 'held', text: 'urgent', urgent: true },
    ],
    fence,
    {
      conversation: phone,
      ids: [failed.id],
      kept: [failed.id],
      state: 'failed',
      unreadable: [Buffer.from('x')],
      price: {
        conversation: phone,
        answer: 'a',
        day,
        usage: { inputTokens: 1, outputTokens: 1, costUsd: 1 },
      },
    },
  );
  const nextDeliveries = createNextDeliveries(redis, { intervalMs: 1, burst: 100 });
  const next = await nextDeliveries.next(phone, fence, Date.now());
  if (next.kind !== 'send') throw new Error(next.kind);
  await ledger.failed(next.reply, next.reply.attempts, 'park', 63_016);
  await ledger.unpark(phone);
  await redis.lpush(keys.outbox(phone), 'unreadable');
  await redis.set(keys.reply('unreadable'), 'x');
  await nextDeliveries.next(phone, fence, Date.now());
  await ledger.note(id, phone, newId(), 'failed', 'once-more', 30_008);
  await outbox.withdraw(fence, phone);
  await ledger.addNotice({ id: 'notice', conversation: phone, turn: 'held', text: 'wait' });
  await spend.record({
    conversation: phone,
    answer: 'b',
    day,
    usage: { inputTokens: 1, outputTokens: 1, costUsd: 1 },
  });
  await spend.grantTurn('held', 1);
  await Promise.all([spend.read(day), spend.days(day, 3), spend.budgetUse('held', phone, day)]);
  const request = {
    id: 'r',
    conversation: phone,
    turn: 'held',
    day,
    model: 'm',
    owner: 'vm#1',
    at: 1,
    most: 10,
    likely: 5,
  };
  await requests.open(request, { day: 1000, turn: 1000 });
  const tokens = {
    input: 1,
    output: 1,
    cacheWrite5m: 0,
    cacheWrite1h: 0,
    cacheRead: 0,
    webSearches: 0,
  };
  await requests.book(request, { tokens, cost: 1 });
  await requests.closeOrphans('other#2', Date.now());
  const files = createFileStore(redis, 3000);
  const file = await files.put(Buffer.alloc(1000), { type: 'text/plain', name: 'x' }, phone);
  await files.noteFetched(file.token);
  const people = createPeopleStore(redis);
  await people.idOf('US.1');
  await people.idOf(phone);
  await proveAddresses(redis, phone, 'US.1');
  await people.note((await people.of(phone)).id, { limit: limitWords(5, phone, new Date()) });
  const decisions = createDecisions(redis);
  for (const kind of ['invite', 'remove'] as const)
    await decisions.decide(
      await decisions.ask({ kind, address: otherPhone }),
      newId(),
      true,
      phone,
    );
  await redis.zadd(keys.files, 1, file.token);
  await files.put(Buffer.alloc(1000), { type: 'text/plain', name: 'x' }, otherPhone);
  const caps = { roomBytes: 1000, totalBytes: 1 };
  const records = createTurnRecords(redis, 1, undefined, Date.now, caps);
  for (const turn of ['one', 'two']) await records.append(fence, turn, [{ kind: 'news', at: 1 }]);
  await records.end(fence, 'one');
  const pages = createPageStore(redis);
  await pages.put('a', 'text');
  await pages.append('b', 'entry', 'text');
  const links = createLinks(redis);
  const link = { purpose: 'secret', person: phone, object: 'TOKEN', detail: '', uses: 1 } as const;
  const linkTokens = [];
  for (let count = 0; count < 21; count += 1) linkTokens.push((await links.add(link)).token);
  expect(await links.use(linkTokens.at(-1) ?? '', 'a cookie')).toBe('ok');
  expect(await links.revoke(phone)).toBe(20);
  await createScheduleRuns(redis).admit(phone, day, 'once', 'tick', 10);
  const added = await schedules.add(
    { conversation: phone, prompt: 'p', timezone: 'UTC', at: Date.now() + 3600_000 },
    fence,
  );
  await schedules.cancel(phone, added.number);
  await createVmState(redis).waiting(Date.now(), [phone]);
  const homes = createHomeRegistry(redis);
  const facts = { address: undefined, secret: undefined, takes: undefined, version: '1' };
  for (const name of ['east', 'west'])
    await homes.register({ name, id: name, worker: name, mayBeFirst: true }, facts);
  await homes.declareDead({ name: 'west', suffix: '@west' });
  await spend.recount(Date.now());
  await spend.days(day, 2);
  await homes.declareDead({ name: 'east', suffix: '' });
  expect((await homes.list()).map(({ suffix }) => suffix)).toEqual(['', '@west']);
  expect(await readHomeStates(redis, ['', '@west'])).toHaveLength(2);
  const jobs = [keys.job('turns@west', 'none'), keys.job('turns', id)];
  await redis.hset(keys.job('turns', id), 'name', 'turns');
  expect(await firstToExist(redis, jobs)).toBe(1);
  expect(await firstToExist(redis, jobs.slice(0, 1))).toBeUndefined();
  await redis.del(keys.job('turns', id));
  await homes.register({ name: 'west', id: 'w', worker: 'w', mayBeFirst: true }, facts);
  await createVmState(redis, '@west').fallAsleep('v', Date.now(), 1);
  await exerciseMoves(redis);
  const { signal } = new AbortController();
  await createHomeSnapshots(redis).makeOnce('p-1', async () => undefined, signal);
  const [one, other] = ['one#1', 'other#1'].map((owner) =>
    createSessionLock(redis, owner, async () => undefined, createLog('test', 'silent')),
  );
  await one?.claim(phone);
  await redis.set(keys.lease('one'), '1');
  await other?.claimIfFree(phone);
  one?.onControl({ kind: 'release', conversation: phone, owner: 'one#1' });
  const background = createBackground(redis);
  const work = { conversation: phone, session: 's', owner: 'vm#1' };
  await background.note({
    ...work,
    tasks: [{ id: 'a', description: '', request: '', startedAt: 1 }],
  });
  expect(await background.lost()).toHaveLength(1);
  await background.remove(work);
  const setAside = createSetAside(redis, turns, deliveries, schedules);
  await redis.hset(
    keys.allowed,
    'list',
    'started 2026-01-01T00:00:00.000Z',
    phone,
    'removed 2026-01-01T00:00:00.000Z, by test',
  );
  await redis.rpush(keys.parked(phone), id);
  await redis.rpush(keys.inbox(phone), JSON.stringify(failed));
  expect(await setAside.sweep([phone])).toEqual([phone]);
  expect(await setAside.among([phone, otherPhone])).toEqual([phone]);
  await redis.hset(keys.allowed, phone, 'allowed since the beginning, by test', 'owner', phone);
  expect((await setAside.requeue(phone)).messages).toBeGreaterThan(0);
  await ledger.begin(undefined, next.reply);
  await createDeadLetters(redis).add('inbox', phone, 'x');
  await createConversations(redis).write(phone, fence, { model: 'opus' });
  const list = createTurnList(redis);
  await list.find({ most: 5, words: 'x' });
  await list.find({ most: 5, state: 'waiting' });
  await createThreads(redis).read(phone, 10);
  await readDirectory(redis);
  await createVmState(redis).need(Date.now());
  await createSendRate(redis, { intervalMs: 1, burst: 1 }).reserve(phone, Date.now());
  await sweepAmong([phone, otherPhone], redis, turns, deliveries);
  const claims = createClaims(redis, 30);
  await claims.refuse(message('refused'));
  await claims.unknown([id]);
  const meters = createMeters(redis);
  await meters.noteCommands();
  const vm = await meters.startVm('vm', 'east', Date.now());
  await vm.note();
  await vm.end();
  const forget = createEraser({ redis, turns, schedules, pages });
  await forget.said({ conversation: phone, until: Date.now(), by: '', turn: 'held' });
  await forget.allowAnew([phone], Date.now());
  await redis.rpush(keys.waitingJobs('turns'), 'no hash', 'no JSON');
  await redis.set(keys.job('turns', 'no hash'), 'x');
  await redis.hset(keys.job('turns', 'no JSON'), 'opts', 'x');
  expect(await mendJobs(redis, 'turns')).toBe(2);
  await createTellOwner({ redis, outbox, log: createLog('test', 'silent') })('memory', 'full');
  await Promise.all([turns.close(), deliveries.close(), schedules.close()]);
}

const calls: RecordedCall[] = [];

test('each script touches only keys that it is given or that its rules derive, each by one name', async () => {
  await withPipeline({}, async ({ say, replies, startWorker, environment, redis }) => {
    const [held, asleep] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const answer = async (text: string) => {
      if (text !== 'two') return `answer to ${text}`;
      held.resolve();
      return await new Promise<string>(() => undefined);
    };
    const talking = await startWorker({ answer });
    // Each reply is awaited before the next word: how many there are would depend on how words meet
    // each other.
    for (const [text, reply] of [
      ['one', 'answer to one'],
      ['/status', 'Spent today'],
      ['/new', 'A fresh start'],
    ] as const) {
      await say(text);
      await until(`the reply to ${text}`, () =>
        replies().some((sent) => sent.text.includes(reply)),
      );
    }
    await say('two');
    await held.promise;
    await say('stop');
    await until('the end of two', () => replies().some(({ text }) => text.startsWith('Stopped')));
    await say('/retry');
    await until('the reply to /retry', () =>
      replies().some(({ text }) => text === 'There is nothing to try again.'),
    );
    await talking.stop();
    await startWorker({ environment: { IDLE_MINUTES: '0.1' }, onAsleep: () => asleep.resolve() });
    await asleep.promise;
    await startWorker({ environment: { ALLOWED_SENDERS: environment['ALLOWED_SENDERS'] ?? '' } });
    await say('three');
    await until('the last answer', () => replies().some(({ text }) => text === 'answer to three'));
    calls.push(...(await recordedCalls(redis)));
  });
  await withRedis(async (redis) => {
    await exercise(redis);
    calls.push(...(await recordedCalls(redis)));
  });
  expect(guard.refused).toEqual([]);
  expect(scriptNames().filter((name) => !guard.run.has(name))).toEqual([]);
  expect(
    [...guard.run].flatMap(([name, lua]) => misnamed(lua).map((wrong) => `${name}: ${wrong}`)),
  ).toEqual([]);
});

type Command = (string | Buffer)[];

/** What another program may have left in a key, as commands that put it there; seldom things aside. */
function spoilings(key: Buffer, type: string, fields: Buffer[], isAll: boolean): Command[][] {
  const values = isAll ? ['x', '', '{"a":5}', '9e18', '-1.5'] : ['x', '9e18'];
  const others: [type: string, ...Command][] = [
    ['string', 'SET', key, 'x'],
    ['hash', 'HSET', key, 'x', 'y'],
    ['list', 'RPUSH', key, 'x'],
    ['set', 'SADD', key, 'x'],
    ['zset', 'ZADD', key, '1', 'x'],
  ];
  const wrong = others.filter(([other]) => other !== type).map(([, ...command]) => command);
  return [
    ...wrong.slice(0, isAll ? 4 : 1).map((command) => [['DEL', key], command]),
    ...values.flatMap((value): Command[][] => {
      if (type === 'string') return [[['SET', key, value]]];
      if (type === 'list') return [[['LSET', key, '0', value]]];
      if (type === 'set') return [[['SADD', key, value]]];
      if (type === 'zset') return [[['ZADD', key, '1', value]]];
      const each = fields.map((field): Command => ['HSET', key, field, value]);
      return fields.length === 0 ? [] : isAll ? [each, ...each.map((one) => [one])] : [each];
    }),
  ];
}

/** Runs each script on what it found when it was recorded, but for one key; returns what it threw. */
async function runSpoiled(isAll: boolean): Promise<string[]> {
  expect(new Set(calls.map(({ name }) => name))).toEqual(new Set(scriptNames()));
  const existing = ({ found }: RecordedCall): number =>
    found.filter((dump, at) => at % 2 === 1 && dump.length > 0).length;
  const fullest = [...Map.groupBy(calls, ({ name }) => name).values()].map((all) =>
    all.reduce((one, other) => (existing(other) > existing(one) ? other : one)),
  );
  const thrown: string[] = [];
  await withRedis(async (redis) => {
    const run = async (commands: Command[]): Promise<unknown> => {
      const steps = redis.pipeline();
      for (const [command, ...rest] of commands) steps.call(String(command), rest);
      return (await steps.exec())?.at(-1)?.[0];
    };
    for (const { name, keys: given, args, found } of fullest) {
      const touched = found.filter((_, at) => at % 2 === 0);
      const restore: Command[] = [
        ['FLUSHALL'],
        ...touched.flatMap((key, at): Command[] => {
          const dump = found[2 * at + 1];
          return dump && dump.length > 0 ? [['RESTORE', key, '0', dump]] : [];
        }),
      ];
      const text = guard.run.get(name) ?? '';
      const sha = String(await redis.script('LOAD', text));
      const call = ['EVALSHA', sha, String(given.length), ...given, ...args];
      await run(restore);
      const spoiled = await Promise.all(
        touched.map(async (key) => {
          const type = await redis.type(key);
          const fields = type === 'hash' ? await redis.hkeysBuffer(key) : [];
          return spoilings(key, type, fields, isAll);
        }),
      );
      for (const spoiling of spoiled.flat()) {
        const error = await run([...restore, ...spoiling, call]);
        if (error) thrown.push(`${name}: ${String(spoiling.at(-1))}: ${String(error)}`);
      }
    }
  });
  return thrown;
}

test('no script throws or goes on for ever, whatever one of its keys holds', async () => {
  expect(await runSpoiled(false)).toEqual([]);
});

test('nor with seldom things in one of its keys', { tags: 'long' }, async () => {
  expect(await runSpoiled(true)).toEqual([]);
});
