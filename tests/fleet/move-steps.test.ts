import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { moveCommand } from '../../relay/people/move-command.ts';
import { runPeopleCommand } from '../../relay/people/restore-command.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { createSnapshots, MovingError } from '../../shared/store/boxes/snapshot.ts';
import { createHomeSnapshots } from '../../shared/store/home-snapshots.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { seal } from '../support/seal.ts';
import { readFrom, withMoves, writeTo } from '../support/move-bench.ts';
import type { MoveBench, Side } from '../support/move-bench.ts';
import { phone } from '../support/pipeline.ts';
import { newSid } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

/** Takes a move on with both homes until it has ended; a side that is killed starts again. */
async function finish(
  bench: MoveBench,
  sides: { one: Side; two: Side },
  person: string,
): Promise<void> {
  await until('the end of the move', async () => {
    for (const name of ['one', 'two'] as const) {
      if (sides[name].isKilled()) sides[name] = await bench.start(name);
      await sides[name].mover.see(phone).catch(() => undefined);
    }
    const step = await bench.redis.hget(keys.move(person), 'step');
    expect(step).not.toBe('failed');
    return step === 'done';
  });
}

/** A person on `one` with everything that a move has to bring along, on the way to `two`. */
async function prepare(bench: MoveBench): Promise<string> {
  const { stores } = await bench.start('one');
  const id = await stores.people.idOf(phone);
  await writeTo(bench, 'one', id, 'mine');
  const secrets = bench.secretsOf('one');
  await secrets.set(id, 'TOKEN', seal('a value', await secrets.publicKey()));
  const sid = newSid();
  const accept = createIntake(stores.turns, 30);
  await accept({
    id: sid,
    conversation: phone,
    at: new Date().toISOString(),
    text: 'hello',
    media: [],
  });
  await (
    await stores.turns.queue.getJob(sid)
  )?.updateData({ conversation: phone, messages: [], waits: 3 });
  expect(
    await stores.moves.ask(id, { to: 'two', placement: 'shared', by: 'operator' }),
  ).toMatchObject({
    outcome: 'asked',
    from: 'one',
  });
  return sid;
}

/** Moves a person with one side killed before this step, and looks at the end. Returns its steps. */
async function moveWithKill(killed: 'one' | 'two', step: number): Promise<number> {
  let steps = 0;
  await withMoves(async (bench) => {
    const sid = await prepare(bench);
    const first = {
      one: await bench.start('one', killed === 'one' ? step : undefined),
      two: await bench.start('two', killed === 'two' ? step : undefined),
    };
    const { stores } = first.two;
    const id = await stores.people.idOf(phone);
    await finish(bench, { ...first }, id);
    steps = first[killed].steps();
    // As at the next boot.
    await (await bench.start('one')).mover.fence();
    expect(await readFrom(bench, 'two', id)).toBe('mine');
    expect(await bench.secretsOf('two').values(id)).toEqual({ TOKEN: 'a value' });
    const { redis } = bench;
    expect(await redis.hmget(keys.person(id), 'home', 'epoch', 'move')).toEqual(['two', '1', null]);
    expect(await redis.lrange(keys.inbox(phone), 0, -1)).toHaveLength(1);
    // The turn goes on under its name, and no other waits.
    const waiting = await stores.turns.queueOf('@two').getJobs(['waiting', 'delayed']);
    expect(waiting.map((job) => job.id)).toEqual([sid]);
    expect(await stores.turns.queueOf('').getJobCountByTypes('waiting', 'delayed')).toBe(0);
    const said = await redis.lrange(keys.outbox(phone), 0, -1);
    expect(said.filter((reply) => reply.startsWith('moved.'))).toEqual([`moved.${id}.1`]);
    expect(await redis.hget(keys.home('two'), 'people')).toBe('1');
    const beside = await readdir(path.join(bench.directoryOf('one'), 'people'));
    expect(beside.filter((name) => name.startsWith('.left-'))).toHaveLength(1);
  });
  return steps;
}

test.each(['one', 'two'] as const)(
  'a kill of “%s” before any step of a move loses and doubles nothing',
  async (killed) => {
    const most = await moveWithKill(killed, 0);
    expect(most).toBeGreaterThan(4);
    // A kill after a step is one before the next.
    for (let step = 1; step <= most; step += 1) await moveWithKill(killed, step);
  },
);

/** Runs the operator's command while both homes take moves on. */
async function command(
  bench: MoveBench,
  options: Parameters<typeof runPeopleCommand>[0],
): Promise<string[]> {
  const sides = { one: await bench.start('one'), two: await bench.start('two') };
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  let isOver = false;
  const done = runPeopleCommand(options, { redis: bench.redis, say, everyMs: 5 }).finally(
    () => (isOver = true),
  );
  done.catch(() => undefined);
  await until('the command', async () => {
    for (const { mover } of Object.values(sides)) await mover.see(phone);
    return isOver;
  });
  await done;
  return lines;
}

test('a home is emptied by one command and gets no new people until that is undone; what cannot be is a sentence', async () => {
  await withMoves(async (bench) => {
    const { redis } = bench;
    const { stores } = await bench.start('one');
    const { moves } = stores;
    const id = await stores.people.idOf(phone);
    await writeTo(bench, 'one', id, 'mine');
    const ask = async (to?: string): Promise<string> =>
      (await moves.ask(id, { to, placement: 'shared', by: 'operator' })).outcome;
    expect(await ask('one')).toBe('there');
    expect(await ask('nowhere')).toBe('unknown');
    await redis.hset(keys.home('two'), 'store', 'other');
    expect([await ask('two'), await ask()]).toEqual(['other store', 'no home']);
    await redis.hdel(keys.home('two'), 'store');
    expect(await ask('two')).toBe('no store');
    await redis.hset(keys.home('two'), 'store', 's', 'takes', '0');
    expect([await ask('two'), await ask()]).toEqual(['full', 'no home']);
    await redis.hset(keys.home('two'), 'takes', '1');
    const drain = { action: 'drain', home: 'one', isUndone: false } as const;
    const lines = await command(bench, drain);
    expect(lines.at(-1)).toBe('The computer “one” has no people any more, and gets no new ones.');
    expect(await readFrom(bench, 'two', id)).toBe('mine');
    expect(await command(bench, drain)).toEqual([lines.at(-1)]);
    expect(await ask('one')).toBe('draining');
    const accept = createIntake(stores.turns, 30);
    const first = async (conversation: string): Promise<string> =>
      (
        await accept(
          { id: newSid(), conversation, at: new Date().toISOString(), text: 'hello', media: [] },
          { address: conversation, conversation, proven: [], rivals: [] },
        )
      ).outcome;
    expect(await first('+15551230002')).toBe('no-home');
    expect(await command(bench, { ...drain, isUndone: true })).toHaveLength(1);
    expect(await first('+15551230002')).toBe('new');
    await expect(command(bench, { ...drain, home: 'nowhere' })).rejects.toThrow(
      'There is no computer',
    );
    await expect(
      command(bench, { action: 'drain', home: 'two', isUndone: false }),
    ).resolves.toBeDefined();
  });
});

test('a home changes only while no worker has a job of the person, and no turn begins meanwhile', async () => {
  await withMoves(async (bench) => {
    const { redis } = bench;
    const { stores } = await bench.start('one');
    const { moves, people } = stores;
    const id = await people.idOf(phone);
    const { token } = { token: '', ...(await moves.ask(id, { placement: 'shared', by: 'owner' })) };
    const advance = (step: 'held' | 'saved' | 'moved' | 'done' | 'failed'): Promise<string> =>
      moves.advance({ person: id, token }, step);
    const lock = async (queue: string): Promise<string> => {
      await redis.set(keys.deduplication(queue, phone), 'T');
      await redis.set(keys.jobLock(queue, 'T'), 'mine');
      return keys.jobLock(queue, 'T');
    };
    const turn = await lock('turns');
    const fence = { lock: turn, token: 'mine' };
    const snapshots = createSnapshots(redis);
    await expect(snapshots.read(phone, fence, 'T:1')).rejects.toThrow(MovingError);
    // What runs already reads on, until it is handed back.
    expect((await snapshots.read(phone, fence)).messages).toEqual([]);
    expect(await advance('moved')).toBe('asked');
    expect(await advance('held')).toBe('busy');
    await redis.del(turn);
    expect([await advance('held'), await advance('saved')]).toEqual(['held', 'saved']);
    const delivery = await lock('deliveries');
    expect(await advance('moved')).toBe('busy');
    await redis.del(delivery);
    await lock('turns');
    expect(await advance('moved')).toBe('busy');
    await redis.del(turn);
    expect([await advance('moved'), await advance('failed')]).toEqual(['moved', 'moved']);
    expect(await moves.advance({ person: id, token: 'another' }, 'done')).toBe('gone');
    expect(await advance('done')).toBe('done');
    // Given up before the home has changed, it leaves no trace.
    const back = { token: '', ...(await moves.ask(id, { placement: 'shared', by: 'owner' })) };
    expect(await moves.advance({ person: id, token: back.token }, 'failed')).toBe('failed');
    expect(await redis.hmget(keys.person(id), 'home', 'move')).toEqual(['two', null]);
    expect(await redis.hget(keys.home('one'), 'people')).toBe('-1');
  });
});

test('a person of a dead home goes on elsewhere from the last snapshot alone, and hears which secrets are missing', async () => {
  await withMoves(async (bench) => {
    const { redis } = bench;
    const [one, two] = [await bench.start('one'), await bench.start('two')];
    const { moves, homes, people } = one.stores;
    const id = await people.idOf(phone);
    const rescue = async (): Promise<string> =>
      (await moves.rescue(id, { placement: 'shared' })).outcome;
    await writeTo(bench, 'one', id, 'saved');
    expect(await rescue()).toBe('alive');
    await homes.declareDead({ name: 'one', suffix: '' });
    expect(await rescue()).toBe('no snapshot');
    await bench.snapshot('one', id);
    await writeTo(bench, 'one', id, 'newer');
    await people.note(id, { secrets: 'TOKEN' });
    await redis.set(keys.heartbeat, 'one#1');
    expect(await rescue()).toBe('alive');
    await redis.del(keys.heartbeat);
    // A lock that has not run out: its worker may still be at work.
    await redis.set(keys.deduplication('turns', phone), 'T');
    await redis.set(keys.jobLock('turns', 'T'), 'one');
    expect(await rescue()).toBe('busy');
    await redis.del(keys.jobLock('turns', 'T'));
    expect([await rescue(), await rescue()]).toEqual(['moved', 'moved']);
    expect(await redis.hget(keys.person(id), 'epoch')).toBe('1');
    await finish(bench, { one, two }, id);
    expect(await readFrom(bench, 'two', id)).toBe('saved');
    const said = await redis.lrange(keys.outbox(phone), 0, -1);
    expect(said).toEqual([`moved.${id}.1.secrets`]);
    // Back again, it finds that they have moved. It is killed once the owner knows the name that the
    // files get, and the next one, which stops at once, gives them that.
    const besideHomes = (): Promise<string[]> =>
      readdir(path.join(bench.directoryOf('one'), 'people'));
    const told = async (): Promise<string> => (await redis.hget(keys.ownerWords, 'left')) ?? '';
    await (await bench.start('one', 1)).mover.fence();
    expect(await besideHomes()).toContain(id);
    const [announced = ''] = /\.left-[\w.-]+/.exec(await told()) ?? [];
    const { mover } = await bench.start('one');
    void mover.fence();
    await mover.stop();
    const beside = await besideHomes();
    const left = beside.find((name) => name.startsWith('.left-')) ?? '';
    expect(left).toBe(announced);
    expect(beside).not.toContain(id);
    expect(left).toMatch(new RegExp(`^\\.left-${id}-`));
    expect(await told()).toContain(left);
    expect(await redis.hget(keys.home('two'), 'people')).toBe('1');
  });
});

test('a restore that is asked for while its person moves is done by the new computer, and the command waits for it', async () => {
  await withMoves(async (bench) => {
    await prepare(bench);
    const sides = { one: await bench.start('one'), two: await bench.start('two') };
    const { people } = sides.one.stores;
    const person = await people.idOf(phone);
    const outcome = runPeopleCommand(
      { action: 'restore', address: phone, before: undefined },
      { redis: bench.redis, say: () => undefined, everyMs: 1 },
    ).then(
      () => 'done',
      (error: unknown) => String(error),
    );
    const key = keys.restore(phone);
    await until('it is asked for', async () => (await bench.redis.exists(key)) === 1);
    await finish(bench, sides, person);
    const [wanted] = await bench.redis.hmget(key, 'wanted');
    await createHomeSnapshots(bench.redis).finish(phone, wanted ?? '', 'restored from here');
    expect(await outcome).toBe('done');
  });
});

test('a new computer is called again when the old one dies right after it has handed a person over', async () => {
  await withMoves(async (bench) => {
    const { redis } = bench;
    const { moves, people, turns } = (await bench.start('one')).stores;
    const id = await people.idOf(phone);
    const person = await people.get(id);
    if (!person) throw new Error('there is no person');
    const over = moveCommand(person, 'two', {
      redis,
      placement: 'shared',
      say: () => undefined,
      everyMs: 5,
      callAgainMs: 50,
    });
    const move = await until('the move', () => moves.read(id));
    // What the old computer does until it dies.
    for (const step of ['held', 'saved', 'moved'] as const)
      expect(await moves.advance(move, step)).toBe(step);
    await until('the call', async () => (await turns.queueOf('@two').getWaitingCount()) === 1);
    expect(await moves.advance(move, 'done')).toBe('done');
    await over;
  });
});
