import { mutationsOf } from '../mutation.ts';

const [page, records, worker, hub, links, hiding] = [
  'tests/relay/watch.test.ts',
  'tests/shared/turn-records.test.ts',
  'tests/worker/turn-record.test.ts',
  'tests/relay/watched-turns.test.ts',
  'tests/links/links.test.ts',
  'tests/secrets/hide-secrets.test.ts',
];

/** Live pages of turns. */
export const watch = [
  ...mutationsOf('shared/store/turns/lua/append-steps.lua', records, [
    ['a worker that was taken over adds nothing', "if isFenced() then return 'fenced' end", ''],
  ]),
  ...mutationsOf('shared/store/turns/lua/end-record.lua', records, [
    ['a worker that was taken over ends nothing', "if isFenced() then return 'fenced' end", ''],
  ]),
  ...mutationsOf('shared/store/redis/functions/steps.lua', records, [
    [
      'outputs have a bounded room in a turn',
      "if room ~= '' and sizeOf(field) + #text > record.roomBytes then",
      'if false then',
    ],
    ['a record ends', "text ~= '' and length < record.mostEntries", "text ~= ''"],
    ['the oldest records make room', 'while total > record.totalBytes do', 'while false do'],
    [
      'what has expired counts no longer',
      "'LIMIT', 0, 100)) do forget(gone) end",
      "'LIMIT', 0, 0)) do forget(gone) end",
    ],
    ['followers hear of news', "redis.call('PUBLISH', steps, length)", ''],
    ['news begins no record', '(begins or last)', 'true'],
    [
      'a record that cannot be written holds nothing up',
      'pcall(function()',
      '(function(work) work() end)(function()',
      {
        why: 'what stands before every script moves a key of another type aside, so only a memory that fills up in the middle of a script makes it throw',
      },
    ],
    [
      'what is sent again is not noted again',
      'last ~= note.entries[#note.entries][1] and',
      '',
      { test: 'tests/shared/repeated-scripts.test.ts' },
    ],
  ]),
  ...mutationsOf('shared/store/turns/records.ts', records, [
    [
      'no output is kept where Redis is nearly full',
      'const hasRoom = !isLarge || (await memory.hasRoom());',
      'const hasRoom = true;',
    ],
  ]),
  ...mutationsOf('shared/store/links/lua/add-link.lua', links, [
    [
      'links of one purpose leave those of another alone',
      "if redis.call('HGET', linkPrefix .. old, 'purpose') == purpose then",
      'if true then',
    ],
  ]),
  ...mutationsOf('worker/progress/turn-record.ts', worker, [
    ['an end without a beginning is not kept', 'if (!begun.delete(step.id)) return;', ''],
    [
      'a store that fails ends no turn',
      '.append(fence, turn, batch).catch((error: unknown) => dropped(log, error));',
      '.append(fence, turn, batch);',
    ],
    [
      'an end that cannot be written ends no turn',
      'records.end(fence, turn).catch((error: unknown) => dropped(log, error));',
      'records.end(fence, turn);',
    ],
    ['a run ends once', '(ending ??= end())', 'end()'],
  ]),
  ...mutationsOf('worker/progress/short-output.ts', worker, [
    ['an output is bounded', 'if (bytes.length <= mostBytes) return', 'if (true) return'],
  ]),
  ...mutationsOf('worker/secrets/hide-secrets.ts', hiding, [
    [
      'outputs are blanked',
      'yield blankTexts(event, blank);',
      "yield event.kind === 'tool-end' ? event : blankTexts(event, blank);",
    ],
  ]),
  ...mutationsOf('relay/watch/watch-links.ts', page, [
    [
      'a link leads to a turn of its own conversation only',
      '(await conversationOf(asked.turn)) === asked.conversation ? asked.turn : undefined',
      'asked.turn',
      { named: 'of one browser' },
    ],
    [
      'a look at the headers opens no stream',
      "turn === undefined || request.method !== 'GET'",
      'turn === undefined',
      { named: 'of one browser' },
    ],
    [
      'a removed person sees nothing',
      'if (!asked || !(await allowed.has(asked.conversation))) return undefined;',
      'if (!asked) return undefined;',
      { named: 'of one browser' },
    ],
    [
      'before a link is used its page says nothing of the turn',
      'page: async () => watchFirstPage(),',
      'page: async (link) => ({ ...watchFirstPage(), html: link.detail }),',
      { named: 'follows its turn' },
    ],
  ]),
  ...mutationsOf('relay/links/routes.ts', page, [
    [
      'the page and its parts are of the browser that has opened it',
      'if (link && cookie !== undefined && link.isUsedBy(cookie)) {',
      'if (link && cookie !== undefined) {',
      { named: 'of one browser' },
    ],
  ]),
  ...mutationsOf('relay/watch/watched-turns.ts', hub, [
    [
      'so many streams are open at most',
      'streams.size >= most || closing.aborted',
      'closing.aborted',
    ],
    [
      'what waits for a stream that is not read is bounded',
      'if (response.writableNeedDrain) standing.behind ??= Date.now();',
      'if (false) standing.behind ??= Date.now();',
    ],
    [
      'a stream that was not read gets the rest',
      "response.on('drain', () => catchUp(of, follower));",
      '',
    ],
    [
      'what the page has is not sent again',
      'touched === undefined || touched > has',
      'true',
      { test: page, named: 'follows its turn' },
    ],
  ]),
  ...mutationsOf('relay/watch/watched-turns.ts', page, [
    [
      'a page that says it has more than there is gets everything',
      'from > reader.record.length ? 0 : from',
      'from',
      { named: 'follows its turn' },
    ],
  ]),
  ...mutationsOf('relay/watch/turn-view.ts', page, [
    [
      'a question does not read as something else',
      "<bdi>${revealed(text.split('\\n', 1)[0] ?? '')}</bdi>",
      "<bdi>${text.split('\\n', 1)[0] ?? ''}</bdi>",
      { named: 'hostile words' },
    ],
    [
      'the name of a file does not read as something else',
      '<bdi>${revealed(file.name)}</bdi>',
      '<bdi>${file.name}</bdi>',
      { named: 'hostile words' },
    ],
  ]),
  ...mutationsOf('relay/watch/turn-news.ts', page, [
    [
      'without a page there is no listener',
      'if (!of.delete(onNews) || of.size > 0) return;',
      'return;',
      { named: 'follows its turn' },
    ],
  ]),
  ...mutationsOf('relay/watch/step-view.ts', page, [
    ['a person sees no ids and calls', '...(look.owner', '...(true', { named: 'hostile words' }],
  ]),
  ...mutationsOf('worker/turn/stop.ts', page, [
    [
      'the button of a page stops its own turn only',
      'choice.id === stopButton(turn)',
      "choice.id.startsWith('/stop-work ')",
      { named: 'stops nothing' },
    ],
  ]),
  ...mutationsOf('relay/admin/routes.ts', page, [
    ['what is over is not stopped', 'if (goesOn) {', 'if (true) {', { named: 'stops nothing' }],
  ]),
  ...mutationsOf('relay/watch/watched-turns.ts', 'tests/relay/watch-live.test.ts', [
    ['a page follows within a second', 'const gatherMs = 250;', 'const gatherMs = 60_000;'],
  ]),
  ...mutationsOf('relay/admin/frame/live-script.ts', 'tests/relay/watch-live.test.ts', [
    [
      'the times of the owner’s pages go on',
      'setInterval(() => document.hidden || tick(skew), 1000);',
      '',
      { named: 'within a second' },
    ],
  ]),
  ...mutationsOf('relay/watch/step-view.ts', page, [
    [
      'nothing on the page reads as something else',
      'dir="auto">${revealed(output)}</pre>',
      'dir="auto">${output}</pre>',
    ],
  ]),
];
