import { mutationsOf } from '../mutation.ts';

const shadow = 'tests/checkpoints/shadow.test.ts';
const steps = 'tests/checkpoints/steps.test.ts';

/** What keeps earlier versions of files whole, and an undo from taking more than it may. */
export const checkpoints = [
  ...mutationsOf('worker/checkpoints/listing.ts', shadow, [
    [
      'a file that changes twice within a tick is looked at again',
      "type === 'f' && Number(changed) > takenAt / 1000 - leastAge",
      'false',
      { named: 'within the same tick' },
    ],
    [
      'a large file is left out',
      "(type === 'f' && size <= largestFile)",
      "type === 'f'",
      { named: 'too large is left out' },
    ],
  ]),
  ...mutationsOf('worker/checkpoints/listing.ts', steps, [
    ['a checkpoint is bounded', '(total += size) > most', 'false'],
  ]),
  ...mutationsOf('worker/checkpoints/shadow.ts', shadow, [
    [
      'a way back that was cut off is completed',
      "if (seen.rest === 'back') {",
      "if (seen.rest === 'never') {",
      { named: 'between any two steps' },
    ],
  ]),
  ...mutationsOf('worker/checkpoints/scripts.ts', shadow, [
    [
      'a hook in the shadow repository is not run',
      'hooksPath = /dev/null\\\\n',
      '',
      { named: 'runs or converts' },
    ],
    [
      'attributes of the workspace convert nothing',
      '* -text -filter -ident',
      '* ',
      { named: 'runs or converts' },
    ],
    [
      'a turn that goes on begins where it began',
      '[ "$known" = "$turn" ] || { printf',
      '{ printf',
      { named: 'begins where it began' },
    ],
  ]),
  ...mutationsOf('worker/checkpoints/held.ts', steps, [
    [
      'what is not kept is not replaced',
      "present?.type === leftOut || (isContent && present?.type === 'd' && holdsLeftOut(path))",
      'false',
    ],
    [
      'a path goes back to before the first work that changed it',
      'if (!wanted.has(path)) wanted.set(path, before);',
      'wanted.set(path, before);',
    ],
  ]),
  ...mutationsOf('worker/checkpoints/note.ts', steps, [
    ['new work ends the way forward', 'undone = [];\n      const', 'const'],
    [
      'a step whose beginning is forgotten is not taken back',
      'note.base >= oldest && !note.isEmpty',
      '!note.isEmpty',
    ],
  ]),
  ...mutationsOf('relay/pages/changes.ts', 'tests/relay/changes-page.test.ts', [
    [
      'only pictures that the worker has made are shown',
      '/^data:image\\/(?:png|jpeg|webp);base64,[\\w+/=]+$/.test(url)',
      'true',
      { named: 'becomes part of the page' },
    ],
    [
      'hidden signs are written out',
      'hidden, (sign) =>',
      '/(?!)/g, (sign) =>',
      { named: 'becomes part of the page' },
    ],
    [
      'a page lays out so many lines at most',
      'hunk.slice(0, Math.max(room, 0))',
      'hunk',
      { named: 'do not take forever' },
    ],
  ]),
];
