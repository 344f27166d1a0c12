import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createTurnRecords } from '../../shared/store/turns/records.ts';
import type { RecordEntry } from '../../shared/store/turns/records.ts';
import { backfillTimes } from '../../relay/backfill.ts';
import { parseRelayConfig } from '../../relay/config.ts';
import { relayDeps, runRelay } from '../../relay/relay.ts';
import { createQueues } from '../../shared/store/all-queues.ts';
import { createDeadLetters } from '../../shared/store/boxes/dead-letters.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createStores } from '../../shared/store/stores.ts';
import type { Stores } from '../../shared/store/stores.ts';
import { createFastAgent } from '../../simulator/fast-agent.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { workspaceOf } from '../../worker/agent/homes/home.ts';
import type { ForgetStep, Forgetting } from '../../worker/forget/forget.ts';
import { createSecrets } from '../../worker/secrets/secrets.ts';
import { createHidden } from '../../worker/secrets/hidden.ts';
import { createRestic } from '../../worker/snapshots/restic.ts';
import { otherPhone, phone, stranger, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { dumpRedis } from '../support/redis-dump.ts';
import { noRestic } from '../support/snapshot-bench.ts';
import { createTestDesk, createTestForgetting } from '../support/forgetting.ts';
import { seal } from '../support/seal.ts';
import { settled } from '../support/settled.ts';
import { said, tap, texts } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/** A word that is nowhere else. */
const marker = (index: number): string => `marker${String(index).padStart(5, '0')}zq`;
const marks = /marker\d{5}zq/g;

/** Every marker word in Redis with its key, also in keys’ names and in BullMQ's event streams. */
async function marksInRedis({ redis }: Pick<Pipeline, 'redis'>): Promise<string[]> {
  const all = await dumpRedis(redis);
  for (const key of Object.keys(all))
    if ((await redis.type(key)) === 'stream') all[key] = await redis.xrange(key, '-', '+');
  return Object.entries(all).flatMap(([key, content]) =>
    [...new Set(JSON.stringify([key, content]).match(marks))].map((mark) => `${key}: ${mark}`),
  );
}

/** The files below a directory with a marker word. */
async function marksOnDisk(directory: string): Promise<string[]> {
  const found = await new Promise<string>((resolve) => {
    execFile('grep', ['-rlE', 'marker[0-9]{5}zq', directory], (_error, output) => resolve(output));
  });
  return found.split('\n').filter((line) => line !== '');
}

type Bench = Pipeline & {
  stores: Stores;
  /** Whether Claude is at work at “hold”; lets it go on. */
  isHeld: () => boolean;
  letGo: () => void;
  forgetting: (on?: OnStep) => Forgetting;
};
type OnStep = (step: ForgetStep, moment: 'before' | 'after') => void;

const forgetSteps: ForgetStep[] = [
  'since',
  'processes',
  'schedules',
  'said',
  'waiting',
  'files',
  'secrets',
  'home',
  'snapshots',
  'copies',
];

const long = (words: string): string =>
  Array.from({ length: 60 }, (_, index) => `Line ${index} of ${words}.`.repeat(9)).join('\n\n');

/** A system in which two people have said and kept something, each with marker words. */
async function withMarks(
  count: number,
  environment: Record<string, string>,
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  // A person may send as much as the test says, within a minute.
  const variables = { SENDER_LIMIT_PER_MINUTE: '5000', ...environment };
  await withPipeline({ relay: false, environment: variables }, async (pipeline) => {
    const { redis, log, dataDir, twin, say, replies } = pipeline;
    const stores = createStores(redis, createQueues(redis, {}), { days: 30, log });
    pipeline.atEnd(() => stores.close());
    const relay = await runRelay(parseRelayConfig(pipeline.environment), log);
    const id = await stores.people.idOf(phone);
    const held = Promise.withResolvers<void>();
    let isHeld = false;
    const worker = await pipeline.startWorker({
      snapshots: { quietMs: 50, apartMs: 0, overdueMs: 3600_000, againMs: [1000] },
      createAgent: async () =>
        createFastAgent({
          dir: path.join(dataDir, 'people', id, 'transcripts'),
          async answer(text, { workspace }) {
            isHeld ||= text === 'hold';
            if (text === 'hold') await held.promise;
            if (text.startsWith('fail')) throw new AgentFailure('no-credit', text);
            await writeFile(path.join(workspace, `${text.slice(0, 20)}.txt`), text);
            return text.startsWith('long') ? long(text) : `answer to ${text}`;
          },
        }),
    });
    for (let index = 0; index < count; index += 1) await say(`words ${marker(index)}`);
    await say(`long ${marker(90_001)}`);
    await until('the page', () => texts(pipeline).some((text) => text.includes('/page/')));
    await say(`fail ${marker(90_002)}`);
    await until('the failure', () => texts(pipeline).some((text) => /credit/.test(text)));
    await say('of the other', otherPhone);
    await until('the other answer', () => replies(otherPhone).length === 1);
    // No variable of a content holds an apostrophe, so these words are in the content itself.
    const items = [{ id: '/help', title: 'Help' }];
    const question = { id: 'asked.1', conversation: phone, turn: 'asked' };
    const choices = { kind: 'buttons' as const, items };
    await stores.outbox.put([{ ...question, text: `Is it ${marker(90_009)}'s?`, choices }]);
    await until('the question', () => replies().some(({ text }) => text.includes(`'s?`)));
    await settled(pipeline);
    expect(JSON.stringify(twin.contents()).match(marks)).toHaveLength(1);
    const fence = { lock: keys.jobLock('turns', 'held'), token: 'mine' };
    await redis.set(fence.lock, fence.token);
    const plan = { conversation: phone, timezone: 'UTC', prompt: marker(90_003) };
    await stores.schedules.add({ ...plan, cron: '0 9 * * *' }, fence);
    await stores.schedules.add({ ...plan, at: Date.now() + 3600_000 }, fence);
    const [turn = ''] = await redis.zrange(keys.turnsOf(phone), '0', '0');
    const step = { kind: 'begin', at: Date.now(), id: 'step', words: marker(90_007), raw: '' };
    await createTurnRecords(redis).append(fence, turn, [step as RecordEntry]);
    await redis.del(fence.lock);
    const about = { type: 'text/plain', name: `${marker(90_004)}.txt` };
    await stores.files.put(Buffer.from(marker(90_004)), about, phone);
    await createDeadLetters(redis).add('inbox', phone, marker(90_005));
    const secrets = createSecrets({ dataDir, hidden: createHidden() });
    await secrets.set(id, 'TOKEN', seal(marker(90_006), await secrets.publicKey()));
    const where = { redis, stores, environment: pipeline.environment, log };
    await createTestDesk(where).ask(phone, 'MARKED');
    try {
      await use({
        ...pipeline,
        stores,
        isHeld: () => isHeld,
        letGo: () => held.resolve(),
        forgetting: (onStep) => createTestForgetting(where, onStep),
      });
    } finally {
      await worker.stop();
      await relay.stop();
    }
  });
}

/** Asks in the chat, says yes, and returns the report. */
async function forgetInChat(bench: Bench): Promise<string> {
  const before = bench.replies().length;
  await bench.say('/forget');
  const question = await until('the question', () =>
    bench
      .replies()
      .slice(before)
      .find(({ text }) => text.includes('Shall I forget everything?')),
  );
  await tap(bench, question, 'Forget everything');
  return (await said(bench, 'Forgotten:')).text;
}

/** What a webhook that comes again, and a backfill, do with the messages that were forgotten. */
async function replay({ stores, twin }: Bench, sids: string[], at: string): Promise<string[]> {
  const accept = createIntake(stores.turns);
  const sender = { address: phone, conversation: phone, proven: [], rivals: [] };
  const message = { conversation: phone, at, text: 'again', media: [], human: true };
  const outcomes: string[] = [];
  for (const id of sids)
    outcomes.push(
      (await accept({ ...message, id }, { ...sender, missed: true })).outcome,
      (await accept({ ...message, id }, sender)).outcome,
    );
  expect(twin.chat.messages(phone).length).toBeGreaterThan(sids.length);
  return [...new Set(outcomes)];
}

/** Returns the report. `onPerson` learns the id of the person. */
async function forgetsAll(
  count: number,
  environment: Record<string, string> = {},
  onPerson: (id: string) => void = () => undefined,
): Promise<string> {
  let said = '';
  await withMarks(count, environment, async (bench) => {
    const { redis, dataDir, twin, replies, environment: variables, log } = bench;
    const before = new Date().toISOString();
    const sids = twin
      .messages()
      .flatMap(({ sid, direction, from }) =>
        direction === 'inbound' && from.endsWith(phone) ? [sid] : [],
      );
    expect((await marksInRedis(bench)).length).toBeGreaterThan(count);
    expect((await marksOnDisk(dataDir)).length).toBeGreaterThan(1);
    const person = await bench.stores.people.idOf(phone);
    onPerson(person);
    // What a move away, and back, has left here.
    const left = path.join(dataDir, 'people', `.left-${person}-5`);
    await mkdir(left);
    await writeFile(path.join(left, 'old.txt'), marker(90_008));
    if (environment['SNAPSHOT_REPOSITORY'] !== undefined)
      await until(
        'a snapshot',
        async () => (await redis.exists(keys.homeSnapshot(person))) === 1,
        180_000,
      );
    const report = await forgetInChat(bench);
    said = report;
    expect(report).not.toContain('Not forgotten');
    expect(report).toContain(`messages (${sids.length * 2 + 4})`);
    await settled(bench);
    expect(await marksInRedis(bench)).toEqual([]);
    expect(await marksOnDisk(dataDir)).toEqual([]);
    expect(await readdir(path.join(dataDir, 'people'))).not.toContain(`.left-${person}-5`);
    expect(JSON.stringify([twin.messages(), twin.contents()]).match(marks)).toBeNull();
    // The other person has everything.
    expect(await redis.zcard(keys.thread(otherPhone))).toBe(2);
    // The claims are bare, and of eight days.
    const [first = ''] = sids;
    expect(await redis.hgetall(keys.message(first))).toEqual({
      conversation: '',
      state: 'forgotten',
    });
    expect(await redis.ttl(keys.message(first))).toBeGreaterThan(7.9 * 24 * 3600);
    expect(await replay(bench, sids, before)).toEqual(['refused', 'duplicate']);
    // Without its claim, as after those days, the backfill takes nothing in that is older.
    await redis.del(keys.message(first));
    const accept = createIntake(bench.stores.turns);
    const sender = { address: phone, conversation: phone, proven: [], rivals: [], missed: true };
    const old = { id: first, conversation: phone, at: before, text: 'again', media: [] };
    expect((await accept(old, { ...sender, missed: true })).outcome).toBe('refused');
    const got = replies().length;
    const config = parseRelayConfig({ ...variables, PORT: '0' });
    const again = await runRelay(config, log, {
      ...relayDeps(config, log),
      backfillTimes: { ...backfillTimes, youngMs: 0 },
    });
    await bench.say('and now?');
    await until('the new answer', () => texts(bench).includes('answer to and now?'));
    await settled(bench);
    await again.stop();
    expect(replies().length).toBe(got + 1);
    expect(await marksInRedis(bench)).toEqual([]);
  });
  return said;
}

test('after /forget no word of a person is left in Redis, on the disk and at Twilio, and nothing brings it back', async () => {
  expect(await forgetsAll(3)).toContain('files in the chat (1)');
});

test(
  `after /forget none of a thousand marker words is left, nor in the snapshots${noRestic}`,
  { tags: 'long', timeout: 900_000 },
  async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'sidepocket-forget-'));
    try {
      const [repository, password] = [path.join(directory, 'repository'), 'of this test'];
      const variables =
        noRestic === ''
          ? { SNAPSHOT_REPOSITORY: repository, SNAPSHOT_PASSWORD: password }
          : undefined;
      let person = '';
      const report = await forgetsAll(1000, variables, (id) => (person = id));
      if (!variables) return;
      expect(report).toMatch(/snapshots \([1-9]\d*\)/);
      const cacheDir = path.join(directory, 'cache');
      const { run } = createRestic({ repository, password, cacheDir });
      // Every piece of the repository, also one that no snapshot needs: what was taken since has
      // nothing of before.
      const listed = (await run({ person, args: ['list', 'blobs', '--no-lock'] })).trim();
      const pieces = listed === '' ? [] : listed.split('\n');
      for (const piece of pieces) {
        const args = ['cat', 'blob', piece.split(' ').at(-1) ?? '', '--no-lock'];
        expect((await run({ person, args })).match(marks), `in ${piece}`).toBeNull();
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
);

test('forgetting goes on where it was killed, whichever step that was, also twice at once, and says what was not done', async () => {
  await withMarks(2, {}, async (bench) => {
    const { stores, redis, dataDir, twin } = bench;
    const token = await bench.forgetting().ask(phone);
    const by = { id: `SM${'a'.repeat(32)}`, at: new Date().toISOString() };
    const yes = { conversation: phone, token, by, turn: 'now' };
    expect(await bench.forgetting().run({ ...yes, token: 'ffffffffffff' })).toBeUndefined();
    expect(await redis.zcard(keys.thread(phone))).toBeGreaterThan(0);
    const killed: string[] = [];
    // A backfill that runs meanwhile finds what no webhook has brought.
    const accept = createIntake(stores.turns);
    const of = { address: phone, conversation: phone, proven: [], rivals: [] };
    const sender = { ...of, missed: true as const };
    const missed: ReturnType<typeof accept>[] = [];
    // Two at once: a worker that has lost its lock, and its successor.
    const [inside, shared] = [new Map<OnStep, ForgetStep>(), new Set<ForgetStep>()];
    const killer = (): OnStep => {
      const own: OnStep = (step, moment) => {
        inside.delete(own);
        kill(step, moment);
        if (moment === 'after') return;
        if ([...inside.values()].includes(step)) shared.add(step);
        inside.set(own, step);
      };
      return own;
    };
    const kill: OnStep = (step, moment) => {
      const id = `SM${String(missed.length).padStart(32, '0')}`;
      const message = { id, conversation: phone, at: by.at, text: marker(90_010), media: [] };
      if (step !== 'since') missed.push(accept(message, sender));
      const name = `${step} ${moment}`;
      if (killed.includes(name)) return;
      killed.push(name);
      throw new Error('killed');
    };
    let outcomes: Awaited<ReturnType<Forgetting['run']>>;
    for (let run = 0; run < 40 && !outcomes; run += 1) {
      const both = await Promise.allSettled(
        [killer(), killer()].map((own) => bench.forgetting(own).run(yes)),
      );
      outcomes = both.find((one) => one.status === 'fulfilled')?.value;
    }
    expect(killed).toHaveLength(20);
    expect(shared.size).toBeGreaterThan(0);
    expect(new Set((await Promise.all(missed)).map(({ outcome }) => outcome))).toEqual(
      new Set(['refused']),
    );
    expect(outcomes?.get('home')).toEqual({ done: '' });
    expect([...(outcomes ?? [])].flatMap(([step, one]) => ('failed' in one ? [step] : []))).toEqual(
      [],
    );
    expect(await marksInRedis(bench)).toEqual([]);
    expect(await marksOnDisk(dataDir)).toEqual([]);
    expect(JSON.stringify([twin.messages(), twin.contents()]).match(marks)).toBeNull();
    // The same yes again says the same; another message cannot say it.
    const again = await bench.forgetting().run(yes);
    expect([...(again?.keys() ?? [])]).toEqual([...(outcomes?.keys() ?? [])]);
    expect(await bench.forgetting().run(yes)).toEqual(again);
    const other = { ...yes, by: { ...by, id: `SM${'b'.repeat(32)}` } };
    expect(await bench.forgetting().run(other)).toBeUndefined();
    expect(await stores.people.idOf(phone)).toMatch(/^p-/);
    // A person of whom nothing is known has nothing to forget, and a second question takes the
    // place of the first.
    const first = await bench.forgetting().ask(stranger);
    const empty = { conversation: stranger, by, turn: 'now' };
    const second = await bench.forgetting().ask(stranger);
    expect(await bench.forgetting().run({ ...empty, token: first })).toBeUndefined();
    const nothing = await bench.forgetting().run({ ...empty, token: second });
    expect([...(nothing?.values() ?? [])].filter((one) => 'failed' in one)).toEqual([]);
    expect(nothing?.get('said')).toEqual({ done: '0' });
  });
});

test(
  'a process that forgets is killed at each of its steps, and the next one goes on',
  { tags: 'long' },
  async () => {
    await withMarks(2, {}, async (bench) => {
      const { redis, dataDir, twin, environment } = bench;
      const token = await bench.forgetting().ask(phone);
      const by = { id: `SM${'a'.repeat(32)}`, at: new Date().toISOString() };
      const yes = JSON.stringify({ conversation: phone, token, by, turn: 'now' });
      const entry = path.join(import.meta.dirname, '..', 'support', 'forget-main.ts');
      const forget = async (killAt: string): Promise<{ signal: unknown; said: string }> => {
        const variables = { ...process.env, ...environment, TEST_YES: yes, TEST_KILL_AT: killAt };
        return await new Promise((resolve) =>
          execFile(process.execPath, [entry], { env: variables }, (error, said) =>
            resolve({ signal: error?.signal, said }),
          ),
        );
      };
      for (const step of forgetSteps)
        for (const moment of ['before', 'after'])
          expect((await forget(`${step} ${moment}`)).signal, `${step} ${moment}`).toBe('SIGKILL');
      const { said } = await forget('');
      const outcomes = new Map(JSON.parse(said) as [string, object][]);
      expect([...outcomes.keys()]).toEqual(forgetSteps);
      expect([...outcomes.values()].filter((one) => 'failed' in one)).toEqual([]);
      expect(await marksInRedis({ redis })).toEqual([]);
      expect(await marksOnDisk(dataDir)).toEqual([]);
      expect(JSON.stringify([twin.messages(), twin.contents()]).match(marks)).toBeNull();
    });
  },
);

test('nothing is forgotten while something runs, what Twilio keeps is said, and what comes later stays', async () => {
  await withMarks(0, {}, async (bench) => {
    const { stores, twin, redis, dataDir } = bench;
    // A yes that comes while Claude works forgets nothing, and counts when it is done.
    await bench.say('/forget');
    const question = await said(bench, 'Shall I forget everything?');
    const before = await redis.zcard(keys.thread(phone));
    await bench.say('hold');
    await until('it works', () => bench.isHeld());
    await tap(bench, question, 'Forget everything');
    await said(bench, 'I am still at work for you');
    expect(await redis.zcard(keys.thread(phone))).toBeGreaterThan(before);
    bench.letGo();
    await until('its answer', () => texts(bench).includes('answer to hold'));
    await settled(bench);
    // Its worker lives: else it would be taken for lost.
    await redis.set(keys.lease('w'), '1');
    const task = { id: 't', description: 'd', request: 'r', startedAt: 1 };
    await stores.background.note({
      conversation: phone,
      session: 's',
      owner: 'w#1',
      tasks: [task],
    });
    await bench.say('/forget');
    await said(bench, 'Something of yours still runs in the background');
    await stores.background.note({ conversation: phone, session: 's', owner: 'w#1', tasks: [] });
    const [own, others] = [await stores.people.idOf(phone), 'p-0'].map((id) =>
      path.join(dataDir, 'people', `.left-${id}-1`),
    ) as [string, string];
    for (const left of [own, others]) await mkdir(path.join(left, 'home'), { recursive: true });
    twin.faults.set('delete-fails', { times: 1 });
    await redis.hset(keys.person(await stores.people.idOf(phone)), 'epoch', 1);
    const report = await forgetInChat(bench);
    expect(report).toContain('but a computer that you had before may still have a copy');
    expect(report).toMatch(
      /Not forgotten yet:\n•[^•]*\n• copies at Twilio: 1 of \d+ are still there/,
    );
    // What an earlier move has set aside is the person's, too.
    expect([existsSync(own), existsSync(others)]).toEqual([false, true]);
    const home = { directory: path.join(dataDir, 'people', await stores.people.idOf(phone)) };
    await bench.say('hello again');
    await until('the answer', () => texts(bench).includes('answer to hello again'));
    await settled(bench);
    expect(await redis.zcard(keys.thread(phone))).toBeGreaterThanOrEqual(4);
    expect(await marksOnDisk(workspaceOf(home, phone))).toEqual([]);
  });
});
