import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { callOf, defineScript, runScript, untilKnown } from '../../shared/store/redis/script.ts';
import type { Script } from '../../shared/store/redis/script.ts';
import { misnamed } from '../support/script-names.ts';
import { withRedis } from '../support/redis.ts';

const fence = { lock: 'the lock', token: 'mine' };
const store = path.join(import.meta.dirname, '../../shared/store/redis');

test('each name has its value, in whatever order the call gives them, and the others are a list', async () => {
  await withRedis(async (redis) => {
    const script = defineScript({
      name: 'testNames',
      keys: ['inbox', 'outbox'],
      args: ['id', 'text'],
      rest: 'others',
      lua: `return { inbox, outbox, id, text, others, #others }`,
    });
    const given = { keys: { outbox: 'o', inbox: 'i' }, args: { text: 't', id: 1 } };
    expect(await runScript(redis, script, { ...given, rest: ['x', 2] })).toEqual([
      'i',
      'o',
      '1',
      't',
      ['x', '2'],
      2,
    ]);
    expect(await runScript(redis, script, { ...given, rest: [] })).toEqual([
      'i',
      'o',
      '1',
      't',
      [],
      0,
    ]);
    const most = Array.from({ length: 20_000 }, (_, index) => index);
    expect(await runScript(redis, script, { ...given, rest: most })).toMatchObject({
      5: most.length,
    });
  });
});

test('a script with a fence knows a job that is another’s; one where it is optional goes on without', async () => {
  await withRedis(async (redis) => {
    const lua = `return { isFenced() and 'fenced' or 'free', box, id }`;
    const needed = defineScript({
      name: 'testFence',
      keys: ['box'],
      args: ['id'],
      fence: 'required',
      lua,
    });
    const optional = defineScript({
      name: 'testMaybe',
      keys: ['box'],
      args: ['id'],
      fence: 'optional',
      lua,
    });
    const given = { keys: { box: 'b' }, args: { id: 'x' } };
    expect(await runScript(redis, needed, { fence, ...given })).toEqual(['fenced', 'b', 'x']);
    expect(await runScript(redis, optional, { fence, ...given })).toEqual(['fenced', 'b', 'x']);
    await redis.set(fence.lock, fence.token);
    expect(await runScript(redis, needed, { fence, ...given })).toEqual(['free', 'b', 'x']);
    expect(await runScript(redis, optional, { fence, ...given })).toEqual(['free', 'b', 'x']);
    await redis.set(fence.lock, 'another');
    expect(await runScript(redis, needed, { fence, ...given })).toEqual(['fenced', 'b', 'x']);
    const without = { fence: { lock: fence.lock, token: '' }, ...given };
    expect(await runScript(redis, needed, without)).toEqual(['fenced', 'b', 'x']);
    expect(await runScript(redis, optional, { fence: undefined, ...given })).toEqual([
      'free',
      'b',
      'x',
    ]);
  });
});

test('a call with a name too few or too many does not compile, and one without a value does not run', () => {
  const script = defineScript({
    name: 'testTyped',
    keys: ['box'],
    args: ['id'],
    fence: 'required',
    lua: 'return id',
  });
  const [keys, args] = [{ box: 'b' }, { id: 'x' }];
  expect(callOf(script, { fence, keys, args })).toMatchObject({
    keys: ['the lock', 'b'],
    args: ['mine', 'x'],
  });
  // @ts-expect-error A key is missing.
  expect(() => callOf(script, { fence, keys: {}, args })).toThrow(
    'script testTyped is given no box',
  );
  // @ts-expect-error All arguments are missing.
  expect(() => callOf(script, { fence, keys })).toThrow('script testTyped is given no id');
  // @ts-expect-error The fence is missing.
  callOf(script, { keys, args });
  // @ts-expect-error There is no key of this name.
  callOf(script, { fence, keys: { box: 'b', other: 'o' }, args });
  // @ts-expect-error There is no argument of this name.
  callOf(script, { fence, keys, args: { id: 'x', other: 'o' } });
  // @ts-expect-error It takes no others.
  callOf(script, { fence, keys, args, rest: ['x'] });
});

test('a name that is two things, or none, and a place instead of a name are told', () => {
  const header = { name: 'sidepocketTestWrong', keys: ['box'], args: ['id'], rest: 'others' };
  const made = (lua: string, change: Partial<Script>): Script =>
    defineScript({ ...header, ...change, lua });
  const of = (lua: string, change: Partial<Script> = {}): string[] =>
    misnamed(made(lua, change).lua);
  const own = `local function other(box) local id = 1 if id then return box end end`;
  expect(of(`${own}\n    return other(box) .. id .. #others`)).toEqual([]);
  expect(of(`local one, id = 1, 2 return others`)).toEqual(['id is two things']);
  expect(of(`for _, id in ipairs(others) do redis.call('DEL', id) end`)).toEqual([
    'id is two things',
  ]);
  expect(of(`return work(function(box) return others, id end)`)).toEqual(['box is two things']);
  expect(of(`local function box() end return others, id`)).toEqual(['box is two things']);
  expect(of(`return id`)).toEqual(['others is not used']);
  expect(of(`return others, ARGV[1], id`)).toEqual(['a place instead of a name']);
  const twice = of(`return type, a, others`, { args: ['type', 'a', 'a'] });
  expect(twice).toEqual(['type is two things', 'a is two things']);
});

test('a call that Redis refuses for an unknown script is repeated, another refusal is not', async () => {
  await withRedis(async (redis) => {
    const forgotten = '0'.repeat(40);
    const calls: string[] = [];
    const digests = [forgotten, forgotten, String(await redis.script('LOAD', 'return 7'))];
    const next = () => {
      calls.push(digests[0] ?? '');
      return redis.evalsha(digests.shift() ?? '', 0);
    };
    expect(await untilKnown(next)).toBe(7);
    expect(calls).toHaveLength(3);
    await expect(untilKnown(() => redis.evalsha(forgotten, 0))).rejects.toThrow('NOSCRIPT');
    let others = 0;
    const refused = (): Promise<unknown> => {
      others += 1;
      return redis.eval("return redis.error_reply('OOM command not allowed')", 0);
    };
    await expect(untilKnown(refused)).rejects.toThrow('OOM');
    expect(others).toBe(1);
  });
});

test('what is in the way of a script is kept aside, and nothing else is', async () => {
  const code = await readFile(path.join(store, 'tolerant.lua'), 'utf8');
  await withRedis(async (redis) => {
    const run = (lua: string): Promise<unknown> => redis.eval(`${code}\n${lua}`, 0);
    await redis.set(keys.inbox('a'), 'no list');
    await run(`redis.call('RPUSH', '${keys.inbox('a')}', 'entry')`);
    expect(await redis.lrange(keys.inbox('a'), 0, -1)).toEqual(['entry']);
    expect(await redis.get(keys.unreadable('inbox:a'))).toBe('no list');
    expect(await redis.ttl(keys.unreadable('inbox:a'))).toBeGreaterThan(600_000);
    await redis.sadd(keys.conversations, 'a', 'b');
    await redis.set(keys.known, 'no set');
    await run(`redis.call('SMOVE', '${keys.conversations}', '${keys.known}', 'a')`);
    expect(await redis.smembers(keys.conversations)).toEqual(['b']);
    expect(await redis.smembers(keys.known)).toEqual(['a']);
    await redis.hset(keys.counts, { sent: 'many', failed: '2' });
    await run(`redis.call('HINCRBY', '${keys.counts}', 'sent', 1)`);
    expect(await redis.hgetall(keys.counts)).toEqual({ sent: '1', failed: '2' });
    await expect(run(`redis.call('HINCRBY', '${keys.counts}', 'sent', 'x')`)).rejects.toThrow(
      'integer',
    );
    await redis.config('SET', 'maxmemory', '1');
    await expect(run(`redis.call('INCR', '${keys.counts}')`)).rejects.toThrow(/OOM|memory/);
    await redis.config('SET', 'maxmemory', '0');
    expect(await redis.hgetall(keys.counts)).toEqual({ sent: '1', failed: '2' });
  });
});
