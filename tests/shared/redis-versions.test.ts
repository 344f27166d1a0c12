import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..');

/**
 * The first Redis with each command that the product's scripts and clients call, by
 * redis.io/commands. BullMQ's own scripts are not here: BullMQ names 6.2 itself (docs.bullmq.io,
 * "Compatibility").
 */
const commands: Record<string, string> = {
  '1.0':
    'DEL EXISTS GET INCR INFO KEYS LINDEX LLEN LPOP LPUSH LRANGE LREM LTRIM MGET PING RENAME RPOP RPUSH SADD SCARD SET SISMEMBER SMEMBERS SMOVE SREM SRANDMEMBER TYPE',
  '1.2': 'EXPIRE MULTI EXEC ZADD ZCARD ZRANGE ZREM ZREVRANGE ZSCORE ZRANGEBYSCORE ZREMRANGEBYSCORE',
  '2.0':
    'CONFIG DISCARD HDEL HEXISTS HGET HGETALL HINCRBY HKEYS HLEN HMGET HSET HSETNX HVALS PUBLISH SUBSCRIBE UNSUBSCRIBE ZCOUNT ZREMRANGEBYRANK ZREVRANK',
  '2.2': 'LINSERT PERSIST STRLEN ZREVRANGEBYSCORE',
  '2.6': 'EVAL EVALSHA PEXPIRE PEXPIREAT PTTL TIME',
  '2.8': 'HSCAN SSCAN',
  '5.0': 'XLEN',
  '6.0': 'LPOS',
  '6.2': 'GETEX',
};
const firstVersion = new Map(
  Object.entries(commands).flatMap(([version, names]) =>
    names.split(' ').map((name) => [name, version]),
  ),
);

/** Options that came later than their command, and where they may stand. */
const options: { name: string; pattern: RegExp; since: string }[] = [
  { name: 'SET with EX, PX or NX', pattern: /\bSET\b[^\n]*'(?:EX|PX|NX)'/, since: '2.6' },
  { name: 'ZADD with LT or GT', pattern: /\bZADD\b[^\n]*'(?:LT|GT)'/, since: '6.2' },
  { name: 'LPOP with a count', pattern: /'LPOP', [^,()]+,/, since: '6.2' },
  {
    name: 'EXPIRE with NX, XX, GT or LT',
    pattern: /\bP?EXPIRE(?:AT)?\b[^\n)]*'(?:NX|XX|GT|LT)'/,
    since: '7.0',
  },
  {
    name: 'SET with NX and GET',
    pattern: /\bSET\b[^\n]*'NX'[^\n]*'GET'|\bSET\b[^\n]*'GET'[^\n]*'NX'/,
    since: '7.0',
  },
];

const oldest = '6.2';
const isLater = (version: string): boolean => Number(version) > Number(oldest);

/** What belongs to ioredis or Lua and is no command. */
const methods = new Set([
  'call',
  'pcall',
  'on',
  'once',
  'off',
  'emit',
  'disconnect',
  'quit',
  'duplicate',
  'connect',
  'pipeline',
  'removelistener',
]);

function sources(): { file: string; text: string }[] {
  return ['relay', 'shared', 'worker'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(?:ts|lua)$/.test(file))
      .map((file) => ({
        file: path.join(folder, file),
        text: readFileSync(path.join(root, folder, file), 'utf8'),
      })),
  );
}

function called(text: string): string[] {
  const inLua = [...text.matchAll(/(?:redis|real)\.p?call\('([A-Za-z]+)'/g)].map(
    (match) => match[1] ?? '',
  );
  const byClient = [
    ...text.matchAll(/\b(?:redis|connection|subscriber|multi\(\))\??\.([a-z]+)\(/g),
  ].map((match) => match[1] ?? '');
  return [...inLua, ...byClient.filter((name) => !methods.has(name))].map((name) =>
    name.toUpperCase(),
  );
}

test('each command that is called is known, with its first Redis, and none is later than the oldest that the README asks for', () => {
  const found = sources().flatMap(({ file, text }) => called(text).map((name) => ({ file, name })));
  expect(found.length).toBeGreaterThan(300);
  expect(found.filter(({ name }) => !firstVersion.has(name))).toEqual([]);
  expect(found.filter(({ name }) => isLater(firstVersion.get(name) ?? ''))).toEqual([]);
  const used = new Set(found.map(({ name }) => name));
  // What is listed and not called would hide a gap.
  expect(
    [...firstVersion.keys()].filter(
      (name) => !used.has(name) && !/^(EVAL|EVALSHA|PING|SUBSCRIBE|KEYS|CONFIG)$/.test(name),
    ),
  ).toEqual([]);
  expect(readFileSync(path.join(root, 'README.md'), 'utf8')).toContain(
    `Use a Redis of ${oldest} or later`,
  );
});

test('no option is used that came later', () => {
  const used = sources().flatMap(({ file, text }) =>
    options
      .filter(({ pattern }) => pattern.test(text))
      .map(({ name, since }) => ({ file, name, since })),
  );
  expect(used.map(({ name }) => name)).toContain('ZADD with LT or GT');
  expect(used.filter(({ since }) => isLater(since))).toEqual([]);
});
