import { mutationsOf } from '../mutation.ts';

const placement = 'tests/shared/placement.test.ts';
const disk = 'tests/fleet/home-disk.test.ts';
const dead = 'tests/fleet/dead-home.test.ts';
const steps = 'tests/fleet/move-steps.test.ts';
const homesOfPeople = 'tests/homes/homes.test.ts';

/** What keeps the homes of several computers apart. */
export const fleet = [
  ...mutationsOf('relay/relay.ts', 'tests/fleet/homes-apart.test.ts', [
    [
      'the owner’s computer is woken for a word that the relay could not send',
      'if (!(await sendNow(id))) announceWork(',
      'if (!(await sendNow(id)) && id === "") announceWork(',
      { named: 'the owner’s computer is woken' },
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/accept.lua', placement, [
    [
      'what finds no free home is claimed',
      `if not owned and redis.call('HSETNX', message, 'conversation', conversation) == 1 then`,
      'if false then',
    ],
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
  ...mutationsOf('shared/store/homes/lua/people-of-home.lua', 'tests/relay/many-people.test.ts', [
    [
      'only the people of a dead home move',
      'conversation and homeName(prefix, conversation) == name',
      'conversation',
    ],
  ]),
  ...mutationsOf('shared/store/homes/lua/home-states.lua', 'tests/relay/many-people.test.ts', [
    ['the turns of each home are counted', `':turns' .. suffix .. ':'`, `':turns:'`],
  ]),
  ...mutationsOf('shared/store/redis/functions/home.lua', placement, [
    ['a home takes no more than its number', 'people < (tonumber(takes) or 0)', 'true'],
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
      'a new computer of a home that is being emptied gets nobody',
      ` and redis.call('HGET', record, 'people') == '0'`,
      '',
      { named: 'gets people again' },
    ],
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
    [
      'who waits with a session has files',
      `if redis.call('HEXISTS', prefix .. ':conversation:' .. conversation, 'session') == 1 then`,
      'if false then',
    ],
    [
      'who only waits keeps no new system from starting',
      `if redis.call('EXISTS', known, people) > 0 then`,
      `if redis.call('EXISTS', known, people, conversations) > 0 then`,
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
  ...mutationsOf('shared/store/homes/registry.ts', disk, [
    [
      'a home with an odd name is none',
      'found.filter(isHome).map(',
      'found.map(',
      { named: 'holds up no other' },
    ],
    [
      'a home whose record cannot be read holds up no other',
      'z.coerce.number().optional().catch(undefined)',
      'z.coerce.number().optional()',
      { named: 'holds up no other' },
    ],
  ]),
  ...mutationsOf('relay/wake/wake-call.ts', 'tests/sleep/waking.test.ts', [
    [
      'a redirect leads to no other host',
      'return onward?.hostname === URL.parse(address)?.hostname ? onward?.href : undefined;',
      'return onward?.href;',
      { named: 'a redirect is followed' },
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
  ...mutationsOf('shared/store/boxes/lua/snapshot.lua', steps, [
    [
      'no turn begins while its person moves',
      `if pickUp ~= '' and moves(record) then return { 'moving' } end`,
      '',
      { named: 'changes only while' },
    ],
  ]),
  ...mutationsOf('shared/store/homes/lua/move-step.lua', steps, [
    [
      'a snapshot waits for the turns',
      `if step == 'held' and isAtWork(prefix, person, home, { 'turns' }) then`,
      'if false then',
      { named: 'changes only while' },
    ],
    [
      'a home changes while nothing is sent from it',
      `if isAtWork(prefix, person, home, { 'turns', 'deliveries' }) then`,
      `if isAtWork(prefix, person, home, { 'turns' }) then`,
      { named: 'changes only while' },
    ],
    [
      'a step follows the one before',
      'order[step] ~= place + 1',
      'order[step] <= place',
      { named: 'changes only while' },
    ],
    [
      'a move that is over takes no more steps',
      `if known ~= token then return 'gone' end`,
      '',
      { named: 'changes only while' },
    ],
    [
      'nothing is given up after the home has changed',
      'if not place or place >= order.moved then',
      'if not place then',
      { named: 'changes only while' },
    ],
  ]),
  ...mutationsOf('shared/store/homes/lua/ask-move.lua', steps, [
    [
      'a move goes through one store',
      `if own ~= store then return { 'other store', from, to, '' } end`,
      '',
      { named: 'is emptied' },
    ],
    [
      'a home that is being emptied gets no new people',
      `if draining then return { 'draining', from, to, '' } end`,
      '',
      { named: 'is emptied' },
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/home.lua', steps, [
    [
      'a home that is being emptied is not picked',
      'and not draining and',
      'and',
      { named: 'is emptied' },
    ],
    [
      'what another disk has is older from then on',
      `return redis.call('HINCRBY', record, 'epoch', 1)`,
      'return 0',
      { named: 'dead home' },
    ],
  ]),
  ...mutationsOf('shared/store/homes/lua/rescue-person.lua', steps, [
    [
      'nobody is taken from a home that lives',
      `or redis.call('EXISTS', prefix .. ':heartbeat' .. at) == 1 then`,
      'then',
      { named: 'dead home' },
    ],
    [
      'nobody moves without a snapshot',
      `if not taken then return { 'no snapshot', from, '', '' } end`,
      `taken = taken or '0'`,
      { named: 'dead home' },
    ],
    [
      'a lock that has not run out holds a rescue up',
      `if isAtWork(prefix, person, at, { 'turns', 'deliveries' }) then`,
      'if false then',
      { named: 'dead home' },
    ],
  ]),
  ...mutationsOf('shared/store/homes/carry.ts', steps, [
    [
      'a turn is carried under its name',
      'await turns.add(conversation, id, await delayOf(redis, turns.queueOf(from).name, id))',
      'await turns.add(conversation)',
      { named: 'before any step' },
    ],
  ]),
  ...mutationsOf('worker/moving/aside.ts', steps, [
    [
      'files of this stay are not set aside',
      'if ((note.epoch ?? 0) >= epoch) return false;',
      '',
      {
        why: 'it is looked before the lock as well, and two processes seldom come between',
      },
    ],
    [
      'files of an earlier stay are set aside',
      'if (hasFiles) await place.rename(home, person, left);',
      '',
      { named: 'dead home' },
    ],
  ]),
  ...mutationsOf('worker/moving/mover.ts', steps, [
    [
      'the owner knows what is set aside before it is',
      'await tellOwner(`left${boot.place.suffix}`, setAsideWords(boot.place.name, names));',
      '',
      { named: 'dead home' },
    ],
    ['a worker that stops sets aside to the end', 'await fencing;', '', { named: 'dead home' }],
  ]),
  ...mutationsOf('worker/moving/arriving.ts', steps, [
    [
      'secrets come along',
      'await boot.secrets.replace(person.id, move.secrets)',
      'await boot.secrets.replace(person.id, {})',
      { named: 'before any step' },
    ],
  ]),
  ...mutationsOf('worker/agent/homes/home-of.ts', homesOfPeople, [
    [
      'no home is used of a person who moves',
      `if (person.move !== undefined) throw new MovingError('the person moves to another home');`,
      '',
    ],
    [
      'no home is used of a person who has moved away',
      'if (person.epoch > 0 && person.home !== name)',
      'if (false)',
    ],
    [
      'files of an earlier stay are looked for before a turn',
      'if (person.epoch > 0) await whenOlder(person.id, person.epoch);',
      '',
    ],
  ]),
  ...mutationsOf('relay/people/move-command.ts', 'tests/fleet/move-steps.test.ts', [
    [
      'a new computer is called again',
      'Date.now() - called >= callAgainMs',
      'false',
      { named: 'is called again' },
    ],
  ]),
  ...mutationsOf('relay/people/restore-command.ts', 'tests/fleet/move-steps.test.ts', [
    [
      'a restore waits for its person’s move',
      'const isOver = !isMoving && (',
      'const isOver = (',
      { named: 'a restore that is asked for' },
    ],
  ]),
];
