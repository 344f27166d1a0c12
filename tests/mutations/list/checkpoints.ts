import { mutationsOf } from '../mutation.ts';

const shadow = 'tests/checkpoints/shadow.test.ts';
const steps = 'tests/checkpoints/steps.test.ts';
const commands = 'tests/checkpoints/undo-commands.test.ts';

/** What keeps earlier versions of files whole, and an undo from taking more than it may. */
export const checkpoints = [
  ...mutationsOf('worker/checkpoints/listing.ts', shadow, [
    [
      'a large file is left out',
      "(type === 'f' && size <= largestFile)",
      "type === 'f'",
      { named: 'too large is left out' },
    ],
  ]),
  ...mutationsOf('worker/checkpoints/listing.ts', steps, [
    [
      'a file that changes twice within a tick is looked at again',
      "type === 'f' && Number(changed) > takenAt / 1000 - leastAge",
      'false',
    ],
    ['a checkpoint is bounded', '(total += size) > most', 'false'],
  ]),
  ...mutationsOf('worker/checkpoints/shadow.ts', shadow, [
    [
      'a way back that was cut off is completed',
      "if (seen.rest === 'back') {",
      "if (seen.rest === 'never') {",
      { named: 'between any two steps' },
    ],
    [
      'what git cannot say counts as ignored',
      'const found = new Set(paths);',
      'const found = new Set<string>();',
      { named: 'what git ignores counts' },
    ],
    [
      'a name that begins with a colon is a name',
      '`./${each}\\0`).join',
      '`${each}\\0`).join',
      { named: 'what git ignores counts' },
    ],
  ]),
  ...mutationsOf('worker/checkpoints/scripts.ts', shadow, [
    [
      'a directory loses the bits that chmod keeps',
      'chmod "0000',
      'chmod "',
      { named: 'own mode goes back whole' },
    ],
    [
      'what is ignored is known without a repository',
      'index=--no-index; set --',
      'exit 0; set --',
      { named: 'what git ignores counts' },
    ],
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
      '[ "$known" = "$turn" ] || set_base "$turn" "$1"',
      'set_base "$turn" "$1"',
      { named: 'begins where it began' },
    ],
  ]),
  ...mutationsOf('worker/checkpoints/scripts.ts', commands, [
    [
      'the next turn begins where what went on began',
      '[ "$known" != + ] || {',
      '[ "$known" = never ] && {',
      { named: 'belongs to the next one' },
    ],
    [
      'what went back is not the work of the next turn',
      'rm -f git/index.back paths base',
      'rm -f git/index.back paths',
      { named: 'belongs to the next one' },
    ],
  ]),
  ...mutationsOf('worker/checkpoints/checkpoints.ts', commands, [
    [
      'a secret that is a word of the page’s form leaves the form',
      "name !== 'kind' && ",
      '',
      { named: 'secret in a file’s name' },
    ],
    [
      'what goes on goes back with its own step',
      'number === open ? now : number',
      'number',
      { named: 'goes back with its own' },
    ],
    [
      'a tap that is worked again finds what it has done',
      'if (last?.note.by === by) {',
      'if (last?.note.by === ` ${by}`) {',
      { named: 'Claude is told' },
    ],
  ]),
  ...mutationsOf('worker/checkpoints/turn-steps.ts', commands, [
    [
      'an answer does not wait for a checkpoint',
      'if (isFinding || tools > seen || found?.tools !== tools) return undefined;',
      'await finding;',
      { named: 'does not wait' },
    ],
    [
      'what goes on after a turn is noted',
      'if (await goesOn())',
      'if (false)',
      { named: 'does not wait' },
    ],
  ]),
  ...mutationsOf('worker/commands/undo-commands.ts', commands, [
    ['nothing goes back while Claude works', 'if (call.busy)', 'if (false)'],
    ['nor while something runs in the background', 'if (tasks.length > 0)', 'if (false)'],
    ['Claude is told what went back', 'undone: noteForClaude(undone, kind, way)', 'undone'],
    [
      'the chat stays when the files cannot go back',
      'if (withChat) await conversations.write(conversation, fence, { session, follows, rewind });',
      '',
    ],
  ]),
  ...mutationsOf('worker/turn/steering.ts', 'tests/worker/steering.test.ts', [
    [
      'Claude is told once',
      'if (isUndoneTold || undone === undefined) return',
      'if (undone === undefined) return',
      { named: 'what was taken back' },
    ],
  ]),
  ...mutationsOf('worker/checkpoints/held.ts', steps, [
    [
      'what does not go back is named',
      'kept: [...new Set([...kept, ...lost])]',
      'kept',
      { named: 'without being kept is named' },
    ],
    [
      'what is not kept is not replaced',
      "isUnknown || (isContent && present?.type === 'd' && holdsLeftOut(path))",
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
  ...mutationsOf('relay/pages/answer-page.ts', 'tests/relay/pages.test.ts', [
    [
      'the question on a page is text',
      '${escapeHtml(asked)}',
      '${asked}',
      { named: 'names the question' },
    ],
    [
      'a page without code has no script',
      "const hasCode = body.includes('<figure class=\"code');",
      'const hasCode = true;',
      { named: 'names the question' },
    ],
  ]),
  ...mutationsOf('relay/pages/contents.ts', 'tests/relay/page-markdown.test.ts', [
    ['a heading is text in the contents', '>${escapeHtml(text)}</a>', '>${text}</a>'],
    ['a short page has no contents', 'screensOf(markdown) <= mostScreens', 'false'],
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
  ...mutationsOf('worker/checkpoints/held.ts', steps, [
    [
      'what may have been in a closed directory stays',
      'if (!entry && wasClosed(then, path)) continue;',
      '',
      { named: 'could not be looked into' },
    ],
    [
      'what could not be brought back again stays',
      ' || (present?.type === unreadable && !isContent)',
      '',
      { named: 'could not be looked into' },
    ],
  ]),
  ...mutationsOf('worker/checkpoints/listing.ts', shadow, [
    [
      'a path that is too long is left out',
      'path.length <= longestPath && !gitsOwn.test(path);',
      '!gitsOwn.test(path);',
      { named: 'too long' },
    ],
  ]),
  ...mutationsOf('worker/checkpoints/scripts.ts', shadow, [
    [
      'the permissions of a file that cannot be read are kept',
      "-type f ! -readable -printf 'u",
      "-type f -false -printf 'u",
      { named: 'too long' },
    ],
  ]),
  ...mutationsOf('worker/checkpoints/checkpoints.ts', commands, [
    [
      'names are blanked',
      'path: blank(file.path)',
      'path: file.path',
      { named: 'a secret in a file’s name' },
    ],
  ]),
];
