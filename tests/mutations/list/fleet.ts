import { mutationsOf } from '../mutation.ts';

const placement = 'tests/shared/placement.test.ts';
const disk = 'tests/fleet/home-disk.test.ts';
const dead = 'tests/fleet/dead-home.test.ts';

/** What keeps the homes of several computers apart. */
export const fleet = [
  ...mutationsOf('shared/store/boxes/lua/accept.lua', placement, [
    ['a message goes to the queue of its home', 'if owned ~= home then', 'if not owned then'],
    [
      'who wrote before there were homes has the first',
      `if redis.call('EXISTS', conversationKey) == 1 then return homeSuffix(tag, conversation) end`,
      '',
    ],
    [
      'a second conversation is in the person’s home',
      'if id then return settle(',
      'if false then return settle(',
    ],
    [
      'a directory of an earlier version is no home',
      `home and redis.call('SISMEMBER', tag .. ':homes', home) == 1 and home or first`,
      'home or first',
    ],
    ['a place is given once', `redis.call('HINCRBY', tag .. ':home:' .. free, 'people', 1)`, ''],
  ]),
  ...mutationsOf('shared/store/redis/functions/home.lua', placement, [
    ['a home takes no more than its number', 'people < tonumber(takes)', 'true'],
    ['own gives a home without people', `if placement == 'own' then`, 'if false then'],
  ]),
  ...mutationsOf('shared/store/boxes/lua/put.lua', placement, [
    [
      'a reply goes to the queue of its person’s home',
      `if owned ~= home and replies ~= '[]' then`,
      'if false then',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/snapshot.lua', placement, [
    [
      'a turn in a foreign queue does nothing',
      `if homeSuffix(prefix, conversation) ~= home then return { 'elsewhere' } end`,
      '',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/next-delivery.lua', placement, [
    [
      'a delivery in a foreign queue sends nothing',
      `if homeSuffix(prefix, conversation) ~= home then return { 'elsewhere' } end`,
      '',
    ],
  ]),
  ...mutationsOf('shared/store/queues.ts', placement, [
    ['a wrong guess is tried again', 'if (home === undefined) {', 'if (true) {'],
    ['another home is told of its work', 'if (home !== own) onForeign?.(home);', ''],
  ]),
  ...mutationsOf('shared/store/redis/functions/vm-work.lua', placement, [
    ['what waits elsewhere keeps no home awake', 'if actual ~= home then', 'if false then'],
  ]),
  ...mutationsOf('shared/store/homes/lua/register-home.lua', disk, [
    [
      'a second live disk is refused',
      'if disk and disk ~= id and alive and alive ~= worker then',
      'if false then',
    ],
    [
      'an empty disk is not the first home of people who have files',
      `if not first and mayBeFirst ~= '1' and`,
      'if false and',
    ],
  ]),
  ...mutationsOf('worker/process/home-disk.ts', disk, [
    [
      'a disk keeps its name',
      'if (names.asked !== undefined && names.asked !== name)',
      'if (false)',
    ],
    ['a computer without a name goes on as the first', '(await registry.first()) ?? ', ''],
  ]),
  ...mutationsOf('worker/process/home-disk.ts', disk, [
    ['a copy of a live disk is refused', '(await look()) && (await look())', 'false'],
  ]),
  ...mutationsOf('worker/process/disk-beat.ts', disk, [
    ['a mark is renewed', 'if (now() - markedAt < freshMs)', 'if (marks.length > 0)'],
    ['a mark that is being replaced counts', 'const keptMarks = 3;', 'const keptMarks = 1;'],
    ['of two disks the later one ends', 'other.since < own.since;', 'true;'],
    [
      'a look that took long says nothing',
      'if (now() - begun > disk.freshMs) return undefined;',
      '',
    ],
  ]),
  ...mutationsOf('worker/process/lua/renew.lua', disk, [
    [
      'the marks of who is gone say nothing',
      `if redis.call('GET', prefix .. ':lease:' .. worker) ~= string.match(beat, '^%d+') then`,
      'if false then',
    ],
  ]),
  ...mutationsOf('relay/wake/wake-hosts.ts', disk, [
    [
      'a wake address leads nowhere else',
      'host.endsWith(allowed.slice(1)) : host === allowed',
      'true : true',
    ],
  ]),
  ...mutationsOf('shared/store/homes/lua/declare-dead.lua', dead, [
    ['a dead home gets a helper', `redis.call('SADD', target, suffixFor(name))`, ''],
  ]),
  ...mutationsOf('shared/store/redis/functions/home.lua', dead, [
    ['a home that is back sends for itself', `redis.call('HDEL', record, 'dead', 'helper')`, ''],
  ]),
  ...mutationsOf('shared/store/redis/functions/vm-work.lua', dead, [
    [
      'a helper wakes for the home that it helps',
      `look(prefix .. ':' .. queue .. home .. ':', soon)`,
      'local _ = soon',
      { test: 'tests/shared/vm-waiting.test.ts' },
    ],
  ]),
];
