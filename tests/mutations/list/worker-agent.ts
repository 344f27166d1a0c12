import { mutationsOf } from '../mutation.ts';

const [proxy, account, files, programs] = [
  'tests/worker/model-proxy.test.ts',
  'tests/worker/model-account.test.ts',
  'tests/worker/reading/file-reader.test.ts',
  'tests/worker/workspace-programs.test.ts',
];
const [formatting, markdown] = [
  'tests/worker/reply-format.test.ts',
  'tests/worker/reply-markdown.test.ts',
];
const [user, approval, chunks] = [
  'tests/worker/agent-user.test.ts',
  'tests/worker/approval-question.test.ts',
  'tests/worker/reply-chunk.test.ts',
];
const [routes, budgets] = [{ named: 'three routes' }, { named: 'forty requests' }];
const becomes = { named: 'becomes' };
const [ends, endKept] = [{ named: 'where Claude Code' }, { named: 'kept once' }];

/** What Claude and what it runs may do, and what foreign files may. */
export const agent = [
  ...mutationsOf('worker/agent/model/route.ts', proxy, [
    ['another method goes nowhere', `if (method !== 'POST' || (query`, 'if ((query', routes],
    [
      'another query goes nowhere',
      `(query !== undefined && query !== '' && query !== 'beta=true')`,
      'false',
      routes,
    ],
    ['a second question mark goes nowhere', 'if (more.length > 0) return undefined;', '', routes],
    [
      'another spelling of a model goes nowhere',
      'modelPath.test(path) && path.length <= 120',
      `path.startsWith('/v1/models')`,
      routes,
    ],
  ]),
  ...mutationsOf('worker/agent/model/model-lookup.ts', 'tests/worker/model-lookup.test.ts', [
    ['a name of dots is no path', '!/^[a-z0-9]/i.test(name)', 'false'],
    ['a refused list decides nothing', 'list.status !== 200 || ', ''],
    ['a list has an end', 'if (size > longestList) throw', 'if (false) throw'],
  ]),
  ...mutationsOf('worker/agent/model/sessions.ts', proxy, [
    [
      'a session that has ended opens nothing',
      'names.forEach((name) => admitted.delete(name));',
      '',
      { named: 'only a living session' },
    ],
    [
      'the key takes the placeholder’s place',
      'value: `${scheme}${key}` });',
      'value: `${scheme}${placeholder}` });',
      { named: 'placeholder is replaced' },
    ],
  ]),
  ...mutationsOf('worker/agent/model/proxy.ts', proxy, [
    [
      'without a placeholder nothing goes on',
      'if (!admitted) {',
      'if (admitted === null) {',
      { named: 'only a living session' },
    ],
    [
      'a session that works for nobody asks nothing',
      `if (conversation === undefined) return refuse(`,
      'if (false) return refuse(',
      { named: 'only a living session' },
    ],
    [
      'a request has 32 MB at most',
      'if (size > largestBody) return',
      'if (false) return',
      { named: 'over 32 MB' },
    ],
    [
      'what is refused does not go out',
      `if (refused) return refused === 'gone' ?`,
      `if (false) return refused === 'gone' ?`,
      { test: account, ...budgets },
    ],
  ]),
  ...mutationsOf('shared/store/money/lua/model-open.lua', account, [
    [
      'a day’s budget that is used up',
      `if spent >= limit then return 'day' end`,
      '',
      { named: 'forty requests|budget' },
    ],
    [
      'a task’s budget that is used up',
      `if spent >= most then return 'turn' end`,
      '',
      { named: 'forty requests|budget' },
    ],
    ['what is open is held back', `if waits then return 'wait' end`, '', budgets],
    [
      'a day’s grant counts on its day',
      'if not own and on == day then',
      'if not own then',
      budgets,
    ],
  ]),
  ...mutationsOf('shared/store/money/lua/model-book.lua', account, [
    [
      'a step that is repeated books nothing twice',
      'amount - (note.booked[field] or 0)',
      'amount',
      { named: 'is noted before' },
    ],
    [
      'a request is booked as long as it is noted',
      `if not raw then return 0 end`,
      `if not raw then return redis.call('HINCRBY', daySums, 'x', 1) end`,
      {
        named: 'goes out unnoted',
        why: 'what it would add is no field that is read; the guard keeps the script from failing',
      },
    ],
    [
      'a request counts for the home whose worker has sent it',
      'addTo(homeSums, note.home, field, amount)',
      'addTo(homeSums, nil, field, amount)',
      { named: 'dead boot has left' },
    ],
  ]),
  ...mutationsOf('shared/store/money/lua/model-orphans.lua', account, [
    [
      'what a living worker has open is left alone',
      'tonumber(boot) < tonumber(ownBoot)',
      'true',
      { named: 'dead boot' },
    ],
  ]),
  ...mutationsOf('worker/agent/model/account.ts', account, [
    [
      'a session has so many requests under way',
      `if (session.underWay >= mostUnderWay) return { refused: 'busy' };`,
      '',
      { named: 'at most 32' },
    ],
    [
      'a note that comes late is taken back',
      `isLate && said === 'open' ?`,
      'false ?',
      { named: 'goes out unnoted' },
    ],
    [
      'a request is settled once',
      '        if (isSettled) return;\n        isSettled = true;',
      '        isSettled = true;',
      {
        named: 'a stream that is cut',
        why: 'its callers settle once; a second time the script finds no note',
      },
    ],
  ]),
  ...mutationsOf('worker/agent/sandbox/user.ts', user, [
    [
      'the agent is not root',
      `if (user.uid === 0) return without(wanted, 'the agent must not be root');`,
      '',
    ],
    [
      'a user that was named and cannot be had is an error',
      'if (wanted !== undefined) throw new SetupError(',
      'if (false) throw new SetupError(',
    ],
    [
      'a worker that may not switch does not',
      'if (!maySwitch) return without(',
      'if (false) return without(',
    ],
    ['the agent has no capability', `'--bounding-set=-all', `, ''],
    ['the agent gains no right', `, '--no-new-privs']`, ']'],
    ['the agent has no group of the worker’s', `['--clear-groups']`, '[]'],
  ]),
  ...mutationsOf('worker/agent/sandbox/environment.ts', 'tests/worker/agent-parts.test.ts', [
    [
      'the agent’s environment holds what was named',
      '...Object.fromEntries(passedOn.map((name) => [name, host[name]])),',
      '...host,',
      { named: 'the environment holds' },
    ],
    [
      'no settings file changes where the model is',
      `    CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST: '1',\n`,
      '',
      { named: 'the environment holds' },
    ],
  ]),
  ...mutationsOf(
    'worker/agent/claude/prompt-tracker.ts',
    'tests/worker/agent-claude-faults.test.ts',
    [
      [
        'what is not the last that was said is named',
        ' || (hasNewer && !continuation)',
        '',
        { named: 'comes back behind' },
      ],
    ],
  ),
  ...mutationsOf('worker/agent/claude/prompt-tracker.ts', 'tests/worker/agent-asked.test.ts', [
    ['another process looks what was left', 'if (live.hasHad(ids) ||', 'if (live.hasHad([]) ||'],
    ['a remembered answer comes with all that it answers', 'known.id === answer;', 'false;'],
    ['Claude reports an end once', 'if (report) return void report.push(prompt.id);', ''],
    [
      'what was given up is left by a prompt that was passed over',
      'withRecall(resumeNote), prompts)',
      'resumeNote, prompts)',
    ],
    ['what was given up is left when the budget is raised', 'withRecall(raisedNote)', 'raisedNote'],
    ['a loss is said once in a turn', '!known.has(task.id) && ', ''],
    [
      'what a process still works on is not asked again',
      'if (live.open.all().includes(uuid))',
      'if (false)',
    ],
    ['what is behind the queue of an ended turn is named', '|| isBehind ', ''],
    [
      'nothing waits beside the queue of an ended turn',
      'new Set<string>(live.open.queued())',
      'new Set<string>()',
    ],
    [
      'what Claude answers by itself at the moment is not asked again',
      'if (known.isOpen && live.isSpeaking',
      'if (false',
    ],
    [
      'what Claude has just answered by itself is not asked again',
      'isOpen && spoken ?',
      'false && spoken ?',
    ],
    ['what is wanted again is asked again', 'lookUp(uuid, prompt.isAskedAgain)', 'lookUp(uuid)'],
  ]),
  ...mutationsOf('worker/turn/format-prompt.ts', 'tests/worker/media-in.test.ts', [
    [
      'what is wanted again says so to the agent',
      '...(message.again ? { isAskedAgain: true } : {}),',
      '',
      { named: 'does not reach us' },
    ],
  ]),
  ...mutationsOf('worker/agent/claude/open-prompts.ts', 'tests/worker/agent-asked.test.ts', [
    [
      'an interrupted prompt is not waited for',
      "case 'interrupted':\n          return taken.clear();",
      "case 'interrupted':\n          return;",
    ],
    [
      'an answered prompt is not waited for, whatever Claude Code has said of its queue',
      'for (const uuid of translation.uuids) queued.delete(uuid);',
      '',
    ],
  ]),
  ...mutationsOf(
    'worker/agent/claude/transcript/transcript-end.ts',
    'tests/worker/session-end.test.ts',
    [
      [
        'a session goes on at its end',
        'if (end === undefined) return false;',
        'return false;',
        endKept,
      ],
      [
        'a note that was just written holds',
        'if (end === undefined && line.leafUuid !== undefined)',
        'if (false)',
        ends,
      ],
      [
        'a note without an entry counts as no note',
        'if (line.leafUuid === null) return undefined;',
        '',
        ends,
      ],
      [
        'a note from before a summary is none',
        `if (line.subtype === 'compact_boundary' &&`,
        'if (false &&',
        ends,
      ],
      ['what a sub-agent said is not the session’s', 'line.isSidechain !== true && ', '', ends],
    ],
  ),
  ...mutationsOf(
    'worker/agent/claude/transcript/transcript-file.ts',
    'tests/worker/session-end.test.ts',
    [
      [
        'a line that was cut short stays its own',
        `[ -z "$(tail -c 1 -- "$file")" ] || echo`,
        ': || echo',
        endKept,
      ],
      [
        'only the end of a transcript is read',
        'exec tail -c ${mostRead} -- "$file"',
        'exec cat -- "$file"',
        { test: 'tests/worker/agent-files.test.ts', named: 'only the end is read' },
      ],
    ],
  ),
  ...mutationsOf('worker/agent/sandbox/shell.ts', 'tests/worker/agent-files.test.ts', [
    [
      'a line of shell brings a bounded answer',
      'if (size > mostOutput) throw',
      'if (false) throw',
      { named: 'only the end is read' },
    ],
  ]),
  ...mutationsOf('worker/agent/claude/local-command.ts', 'tests/worker/local-command.test.ts', [
    ['a sentence with a slash is kept one', 'isKnown && !ofTheChat.has(name)', 'true'],
    ['an alias is a command', ' || one.aliases?.includes(name)', ''],
    [
      'the text beside a picture is kept, too',
      '{ ...block, text: keepSentence',
      '{ ...block, was: keepSentence',
    ],
  ]),
  ...mutationsOf('worker/agent/claude/session.ts', 'tests/worker/agent-claude-live.test.ts', [
    [
      'prompts are kept sentences',
      'keepSentences(input, () => claude.supportedCommands())',
      'input',
      { named: 'commands of Claude Code' },
    ],
  ]),
  ...mutationsOf('worker/agent/claude/start.ts', 'tests/worker/session-end.test.ts', [
    [
      'a session is resumed at its end',
      'await platform.takeUp(home, id, workspace)',
      'await platform.transcript(home, id, workspace)',
      { named: 'also when Claude' },
    ],
  ]),
  ...mutationsOf('worker/agent/sandbox/work-processes.ts', 'tests/worker/ending.test.ts', [
    [
      'two workers never work on one session',
      'entry.uid === user?.uid && !groups?.isOurs(entry);',
      'false;',
      { named: 'what another living worker has in it ends' },
    ],
  ]),
  ...mutationsOf('worker/agent/sandbox/ending.ts', 'tests/worker/ending.test.ts', [
    [
      'what an earlier work left goes on',
      'return [...ours.values()].filter((entry) => !hasRoot(entry));',
      'return [...ours.values()];',
      { named: 'with work that is broken off' },
    ],
    [
      'what belongs to another is not ended',
      'table.filter(isOurs)',
      'table',
      { named: 'is never named' },
    ],
    [
      'a ring of parents ends the search',
      'at && !seen.has(at.pid); at',
      'at; at',
      { named: 'is never named' },
    ],
    [
      'a task goes on beside a stop',
      '.filter((entry) => !sessions.has(entry.session))',
      '',
      { named: 'where Claude Code goes on' },
    ],
    [
      'Claude Code itself ends',
      'startedAt < since && !heads.has(pid) && !ours',
      'startedAt < since && !ours',
      { named: 'with work that is broken off' },
    ],
  ]),
  ...mutationsOf('worker/agent/workspace/programs.ts', programs, [
    [
      'a project’s helper does not run',
      'for (const key of helpers.filter((name) => parsed[name] !== undefined)) finds.off.push(',
      'for (const key of helpers.filter(() => false)) finds.off.push(',
    ],
    [
      'a project brings no plugins',
      'for (const key of packages.filter((name) => isFull(parsed[name]))) finds.off.push(',
      'for (const key of packages.filter(() => false)) finds.off.push(',
    ],
    ['a project does not redirect the model', `'ANTHROPIC_', `, ''],
    ['a project does not change the path', `'PATH$', `, ''],
  ]),
  ...mutationsOf('worker/agent/workspace/project-hooks.ts', programs, [
    [
      'a project’s variables load no code with the worker’s rights',
      'SIDEPOCKET_PROJECT_VARIABLES: exports }',
      'SIDEPOCKET_PROJECT_VARIABLES: exports, ...variables }',
    ],
    [
      'a project changes no variable of the worker’s for its hooks',
      '.filter(([name]) => env[name] === undefined)',
      '',
    ],
  ]),
  ...mutationsOf('worker/questions/workspace-trust.ts', 'tests/worker/workspace-trust.test.ts', [
    [
      'what the person has not agreed to does not run',
      `remembered[digest] === 'yes' || (permissions`,
      `true || (permissions`,
    ],
    [
      'what was told in the mode all is asked about in another',
      `|| (permissions !== 'all' && remembered[digest] === 'told'));`,
      ');',
    ],
    [
      'no answer is a no',
      `if (answered && words[0] === 'Yes') return 'yes';`,
      `if (words[0] !== 'No' || !answered) return 'yes';`,
    ],
    ['an answer is remembered', 'remembered[digest] = decision;', ''],
  ]),
  ...mutationsOf('worker/reading/check-answer.ts', files, [
    [
      'a foreign child’s picture is within bounds',
      "isWithin(blob, view.types[index] ?? '', side)",
      'true',
      { named: 'a huge picture|another picture' },
    ],
    [
      'a foreign child’s word is of the agreed form',
      'Seen.safeParse(first.head).data : undefined',
      '(first.head as Seen) : undefined',
      { named: 'another form' },
    ],
    [
      'pictures and their types are as many',
      'blobs.length === view.types.length &&',
      '',
      {
        named: 'too many pictures|another picture|a huge picture',
        why: 'the form of the answer allows no more pictures than types, and a blob without a type is no picture',
      },
    ],
  ]),
  ...mutationsOf('worker/reading/reading-child.ts', files, [
    [
      'a file has its time',
      `const timer = setTimeout(() => end('time'), patienceMs);`,
      `const timer = setTimeout(() => undefined, patienceMs);`,
      { named: 'a helper' },
    ],
    [
      'a child hears that its time is up before it is killed',
      'ulimit -S -t "$1"; ulimit -H -t "$(($1 + 1))"',
      'ulimit -t "$1"',
      { named: 'in time' },
    ],
    [
      'the child’s environment holds nothing',
      "{ cwd: '/', env, stdio",
      "{ cwd: '/', env: process.env, stdio",
      { named: 'none of the worker' },
    ],
  ]),
  ...mutationsOf('worker/reply/inline.ts', formatting, [
    [
      'signs within a word stay',
      'if (!isEdge(before, after) || isWrittenName(token))',
      'if (isWrittenName(token))',
      becomes,
    ],
    [
      'signs of a pattern stay',
      'if (!isEdge(before, after) || isWrittenName(token))',
      'if (!isEdge(before, after))',
      becomes,
    ],
    ['backslashes of a path stay', ': isInPath(tokens, index)', ': false', becomes],
    ['a tag stays', "isLineBreak(token.raw) ? '\\n' : token.raw", "'\\n'", becomes],
  ]),
  ...mutationsOf('worker/reply/names.ts', formatting, [
    ['a name in underscores stays', 'if (/^__\\w+__$/.test(token.raw)) return true;', '', becomes],
  ]),
  ...mutationsOf('worker/reply/signs.ts', formatting, [
    ['colours are left out', 'stripVTControlCharacters(text)', 'text', becomes],
  ]),
  ...mutationsOf('worker/reply/inline.ts', markdown, [
    [
      'an escaped sign is no mark',
      '(!isAlone && maySign(sign, before, after)) ? token.raw : sign',
      'false ? token.raw : sign',
      { named: 'is sent as' },
    ],
    [
      'a mark is set only around what does not end it',
      'if (isMarkable(shown, sign) && !joinsAddress)',
      'if (!joinsAddress)',
      { named: 'is sent as' },
    ],
  ]),
  ...mutationsOf('worker/reply/resolve-marks.ts', markdown, [
    [
      'a sign of the text is no mark',
      'if (!isTaken(line, plain, at, open, closers)) {',
      'if (at >= 0) {',
      { named: 'is sent as' },
    ],
  ]),
  ...mutationsOf('worker/reply/format.ts', markdown, [
    [
      'numbers stay as they were written',
      'written.every((each) => each === first)',
      'true',
      { named: 'is sent as' },
    ],
    [
      'a definition that no link uses is a text',
      "place.sent.has(token) ? '' : token.raw.trim()",
      "''",
      { named: 'is sent as' },
    ],
  ]),
  ...mutationsOf('worker/reply/link.ts', markdown, [
    [
      'an address ends in a sign that phones take',
      ']$/gu, encode)',
      ']$/gu, (sign) => sign)',
      { named: 'is sent as' },
    ],
  ]),
  ...mutationsOf('worker/reply/chunk.ts', chunks, [
    [
      'a message has 1600 characters',
      'export const messageLimit = 1600;',
      'export const messageLimit = 1601;',
      { named: 'a short text' },
    ],
    [
      'no part is too long',
      'findCut(rest, limit - opening.length - closing.length, fence)',
      'findCut(rest, limit - closing.length, fence)',
    ],
  ]),
  ...mutationsOf('worker/questions/approval-question.ts', approval, [
    [
      'a call that cannot be shown whole is not asked about',
      'if (token === undefined) return undefined;',
      '',
      { named: 'room for a page' },
    ],
    [
      'so many lines come before the question',
      "&& whole.split('\\n').length <= questionRoom.lines)",
      ')',
      { named: 'so many lines' },
    ],
  ]),
];
