import { mutationsOf } from '../mutation.ts';

const taken = 'tests/snapshots/snapshots.test.ts';
const restored = 'tests/snapshots/restores.test.ts';
const scheduled = 'tests/snapshots/schedule.test.ts';

/** What keeps a snapshot whole, and a home that comes back safe. */
export const snapshots = [
  ...mutationsOf('worker/snapshots/take.ts', taken, [
    [
      'a tar that ends early makes no complete snapshot',
      'if (code !== 0 && code !== 1) throw',
      'if (false) throw',
    ],
    ['what has not changed is not stored', 'if (inventory.digest === digest)', 'if (false)'],
    ['a repository is made at the first snapshot', 'await repository.make(home.person);', ''],
    ['a whole snapshot is marked', 'await repository.complete(home.person, id);', ''],
    ['a hard link is a file', '--hard-dereference ', ''],
    ['what cannot be read is named', '...inventory.leftOut, ...unread', '...inventory.leftOut'],
  ]),
  ...mutationsOf('worker/snapshots/inventory.ts', taken, [
    ['entries beyond the limit are left out', 'if (entries.length < most) {', 'if (true) {'],
    ['the largest files make room', 'other.bytes - one.bytes', 'one.bytes - other.bytes'],
    [
      'bytes beyond the limit are left out',
      'fit(list.entries, limits.bytes)',
      'fit(list.entries, Infinity)',
    ],
    ['caches are left out', "...excludedNames.map((name) => ['-name', name]),", ''],
  ]),
  ...mutationsOf('worker/snapshots/repository.ts', taken, [
    [
      'only a complete snapshot counts',
      '.filter(({ tags }) => tags?.includes(completeTag))',
      '',
      { named: 'only a complete' },
    ],
  ]),
  ...mutationsOf('worker/snapshots/restore.ts', taken, [
    ['special files are refused', 'await refuseSpecial(home, directory);', ''],
    ['hard links are refused', ' && find . -type f -links +1 -print -quit', ''],
    [
      'names that lead out are refused',
      '/Removing leading|Member name contains/.test(said)',
      'false',
    ],
    [
      'links that lead out are removed',
      'const links = await removeLinksOut(home, directory);',
      'const links: string[] = [];',
    ],
    [
      'what is restored is noted before it is swapped in',
      'await notes.write(person, { ...note, at: waiting, digest: undefined, untold });',
      '',
    ],
    [
      'an earlier home is set aside',
      'if (!(await place.hasFiles(home, old))) await place.remove(home, old);',
      'await place.remove(home, old);',
    ],
    [
      'a failed restore leaves nothing',
      'await place.remove(home, staging(home.person)).catch(() => undefined);',
      '',
    ],
  ]),
  ...mutationsOf('worker/snapshots/leads-out.ts', taken, [
    ['a way up leads out', 'if (at.pop() === undefined) return true;', 'at.pop();'],
    ['a neighbour’s home is outside', '`${directory}${path.sep}`', 'directory'],
    ['a loop ends', 'if (hops > mostHops) return false;', 'if (hops > mostHops) return true;'],
  ]),
  ...mutationsOf('worker/snapshots/restores.ts', restored, [
    ['a home behind its snapshot is restored', 'onDisk < inRedis', 'false'],
    [
      'an unknown empty home is looked up',
      "onDisk === undefined && isEmpty ? 'look'",
      "false ? 'look'",
    ],
    ['a person hears of a restore once', '({ ...note, untold: undefined })', 'note'],
  ]),
  ...mutationsOf('worker/snapshots/schedule.ts', scheduled, [
    [
      'a snapshot makes way for its person',
      'if (current?.person === person && !isOverdue) current.giveUp.abort();',
      '',
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
