import { mutationsOf } from '../mutation.ts';

const homes = 'tests/homes/homes.test.ts';
const moving = 'tests/homes/moving-in.test.ts';
const image = 'tests/docker.test.ts';
const named = 'own addresses';

/** What keeps people apart on the worker's disk, and moves the files of a version with one home. */
export const peoplesHomes = [
  ...mutationsOf('worker/agent/homes/people-directory.ts', homes, [
    [
      'an id that another worker has just given is not given again',
      'if (link(directory, uid, person) === person) return uid;',
      'link(directory, uid, person); return uid;',
    ],
    [
      'the first user is kept for the owner of earlier files',
      '(isFirstTaken && uid === users.first.uid)',
      'false',
    ],
    [
      'a home of another user is not used',
      'else if (!about.isDirectory() || about.uid !== user.uid)',
      'else if (false)',
    ],
    ['a home is closed to other users', '(about.mode & 0o777) !== 0o700', 'false'],
  ]),
  ...mutationsOf('worker/agent/homes/homes.ts', homes, [
    ['an id is no path', 'if (!isId.test(person))', 'if (false)'],
  ]),
  ...mutationsOf('worker/agent/homes/home-of.ts', homes, [
    ['a conversation stays in its home', 'await hasBegun(home, conversation)', 'false'],
  ]),
  ...mutationsOf('worker/agent/homes/agent-users.ts', homes, [
    [
      'a reader of foreign bytes has no person’s user',
      'block.first + block.count - mostReaders',
      'block.first + block.count',
    ],
  ]),
  ...mutationsOf('worker/agent/homes/user-block.ts', homes, [
    [
      'the ids begin at the id of an earlier start',
      'ownerOf(earlierDirectory(dataDir), range, accounts) ??',
      '',
    ],
    [
      'a note that makes no sense is replaced',
      'if (noted !== undefined && isValid(noted)) return noted;',
      'if (noted !== undefined) return noted;',
    ],
  ]),
  ...mutationsOf('worker/agent/homes/moving-in.ts', moving, [
    [
      'sessions go to their person',
      'path.join(projects, projectName(path.join(real, before)))',
      `path.join(projects, 'none')`,
    ],
    [
      'old paths lead to the new places',
      'if (isConversation(name)) linkTo(dataDir, workspace);',
      '',
    ],
  ]),
  ...mutationsOf('worker/agent/homes/own-data.sh', image, [
    [
      'a place for homes that an agent has made is not believed',
      '*) mv "$people" "$people.$(date +%s)" ;;',
      '*) ;;',
      { named: 'a volume is' },
    ],
    [
      'a home that root has restored is its person’s',
      '[ "$(stat -c %u "$home")" != 0 ] ||',
      'true ||',
      { named: 'a volume is' },
    ],
  ]),
  ...mutationsOf('worker/agent/homes/people-apart.sh', image, [
    [
      'a person’s server does not answer another person',
      'tcp flags set rst | ack',
      'accept',
      { named },
    ],
    [
      'a person’s server answers the same person',
      'meta mark set meta skuid map @marks',
      'accept',
      { named },
    ],
    ['the worker’s servers answer people', 'meta skuid != @people accept', '', { named }],
    ['a number has an account', 'a person of Sidepocket:$people', 'a person:$people', { named }],
  ]),
  ...mutationsOf('worker/reading/file-reader.ts', 'tests/worker/reading/file-reader.test.ts', [
    ['readers that live at once are not one user', 'while (taken.has(number)) number += 1;', ''],
  ]),
  ...mutationsOf('worker/agent/sandbox/data-place.ts', 'tests/homes/data-place.test.ts', [
    [
      'homes are not where a person could move them',
      'if (about.uid !== own && about.uid !== 0)',
      'if (false)',
    ],
  ]),
];
