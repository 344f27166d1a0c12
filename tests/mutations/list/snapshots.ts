import { mutationsOf } from '../mutation.ts';

const taken = 'tests/snapshots/snapshots.test.ts';
const restored = 'tests/snapshots/restores.test.ts';
/** The tests that hold them, by what their names begin with. */
const brings = { named: 'restic brings' };
const early = { named: 'a tar that ends early' };
const odd = { named: 'what a home may have' };
const longer = { named: 'a store may take longer' };
const limit = { named: 'entries beyond the limit' };
const fit = { named: 'what does not fit' };
const refused = { named: 'a snapshot that no home' };
const killed = { named: 'a worker that is killed' };
const leads = { named: 'a link leads out' };
const needs = { named: 'a home is restored when' };
const scheduled = 'tests/snapshots/schedule.test.ts';

/** What keeps a snapshot whole, and a home that comes back safe. */
export const snapshots = [
  ...mutationsOf('worker/snapshots/take.ts', taken, [
    [
      'a tar that ends early makes no complete snapshot',
      'if (code !== 0 && code !== 1) throw',
      'if (false) throw',
      early,
    ],
    [
      'what has not changed is not stored',
      'if (inventory.digest === digest)',
      'if (false)',
      brings,
    ],
    [
      'a repository is made at the first snapshot',
      'await repository.make(home.person, signal);',
      ';',
      brings,
    ],
    ['a whole snapshot is marked', 'await repository.complete(home.person, id);', '', limit],
    ['a hard link is a file', '--hard-dereference ', '', brings],
    ['a hole stays a hole', '--sparse ', '', odd],
    [
      'what tar cannot name is named',
      'name !== undefined && reason.length > 0 ? [name] : []',
      "reason[0] === 'Cannot open: Permission denied' && name !== undefined ? [name] : []",
      odd,
    ],
    [
      'a file that vanishes is not named',
      " && !line.endsWith(': No such file or directory')",
      '',
      early,
    ],
    [
      'a lock that a killed command has left is taken away',
      "else if (kind === 'locked') await repository.unlock(home.person, signal);",
      '',
      longer,
    ],
    [
      'what cannot be read is named',
      '...inventory.leftOut, ...unread',
      '...inventory.leftOut',
      brings,
    ],
  ]),
  ...mutationsOf('shared/store/home-snapshots.ts', taken, [
    [
      'one worker at a time makes a repository',
      'if ((await redis.get(making)) !== token) {',
      'if (false) {',
      { named: 'two workers make' },
    ],
    [
      'a worker that could not make a repository holds no other up',
      'await runScript(redis, endMakingScript, { keys: { making }, args: { token } });',
      '',
      { named: 'two workers make' },
    ],
  ]),
  ...mutationsOf('worker/snapshots/inventory.ts', taken, [
    [
      'entries beyond the limit are left out',
      'if (entries.length < most && text <= room) {',
      'if (text <= room) {',
      limit,
    ],
    [
      'names and targets beyond the room for them are left out',
      'if (entries.length < most && text <= room) {',
      'if (entries.length < most) {',
      limit,
    ],
    ['the largest files make room', 'other.bytes - one.bytes', 'one.bytes - other.bytes', fit],
    [
      'bytes beyond the limit are left out',
      'fit(list.entries, limits.bytes)',
      'fit(list.entries, Infinity)',
      limit,
    ],
    ['caches are left out', "...excludedNames.map((name) => ['-name', name]),", '', brings],
  ]),
  ...mutationsOf('worker/snapshots/restic.ts', taken, [
    [
      'a store that does not answer is said to be away',
      'if (isLate)',
      'if (false)',
      { named: 'a store that never' },
    ],
  ]),
  ...mutationsOf('worker/snapshots/repository.ts', taken, [
    [
      'a small home does not wait long for a store that never answers',
      'timeoutMs: storingMs(bytes),',
      'timeoutMs: longMs,',
      longer,
    ],
    [
      'only a complete snapshot counts',
      '.filter(({ tags }) => tags?.includes(completeTag))',
      '',
      { named: 'only a complete' },
    ],
  ]),
  ...mutationsOf('worker/snapshots/restore.ts', taken, [
    ['special files are refused', 'await refuseSpecial(home, directory);', '', refused],
    ['a home is its person’s alone', 'chmod 700 "$1" && cd "$1"', 'cd "$1"', refused],
    ['hard links are refused', ' && find . -type f -links +1 -print -quit', '', refused],
    [
      'names that lead out are refused',
      '/Removing leading|Member name contains/.test(said)',
      'false',
      refused,
    ],
    [
      'links that lead out are removed',
      'const links = await removeLinksOut(home, directory);',
      'const links: string[] = [];',
      brings,
    ],
    [
      'what is restored is noted before it is swapped in',
      'await notes.write(person, { ...note, at: waiting, digest: undefined, untold });',
      '',
      killed,
    ],
    [
      'an earlier home is set aside',
      'if (!(await place.hasFiles(home, old))) await place.remove(home, old);',
      'await place.remove(home, old);',
      killed,
    ],
    [
      'a failed restore leaves nothing',
      'await place.remove(home, staging(home.person)).catch(() => undefined);',
      '',
      refused,
    ],
  ]),
  ...mutationsOf('worker/snapshots/leads-out.ts', taken, [
    ['a way up leads out', "if (below === 0 && entry.up === undefined) return 'out';", '', leads],
    ['a neighbour’s home is outside', '`${directory}${path.sep}`', 'directory', leads],
    [
      'a loop ends',
      "open.has(link) ? 'nowhere' : ends.get(link)",
      "ends.get(link) ?? (open.has(link) ? 'out' : undefined)",
      leads,
    ],
  ]),
  ...mutationsOf('worker/snapshots/restores.ts', restored, [
    ['a home behind its snapshot is restored', 'onDisk < inRedis', 'false', needs],
    [
      'an unknown empty home is looked up',
      "onDisk === undefined && isEmpty ? 'look'",
      "false ? 'look'",
      needs,
    ],
  ]),
  ...mutationsOf('worker/snapshots/schedule.ts', scheduled, [
    [
      'a snapshot makes way for its person',
      'if (current?.person === person && !isOverdue) current.giveUp.abort();',
      '',
    ],
    [
      'two moves do not give up each other’s snapshots',
      'saving.then(() => saveFirst(home))',
      'saveFirst(home)',
      { named: 'two people who move' },
    ],
    ['three failures let the worker sleep', 'failures < mostFailures);', 'true);'],
    ['snapshots are apart', '(lastAt.get(waiting.home.person) ?? -Infinity) + times.apartMs', '0'],
    [
      'a crash before a snapshot is made good',
      'if (conversation !== undefined) schedule',
      'if (false) schedule',
    ],
    [
      'work that came meanwhile is not forgotten',
      'if (waiting.turns === turns && !isAtWork(person)) {',
      'if (true) {',
    ],
  ]),
];
