import { mutationsOf } from '../mutation.ts';

const background = 'tests/worker/session-background.test.ts';

/** What keeps work in the background, and Claude Code's processes between two turns. */
export const backgroundWork = [
  ...mutationsOf('worker/agent/claude/session-background.ts', background, [
    [
      'a message in the queue is not yet what Claude works on',
      'void asked.set(uuid, cut(words, mostQuoted))',
      'void (request = cut(words, mostQuoted))',
    ],
    ['an end during a report has its own', '? begun === true || folded === true', '? true'],
    [
      'each answer names the requests that it is about',
      'about.get(result) ?? []',
      '[...about.values()].flat()',
    ],
    ['the end of an interrupted turn is not kept', 'muted = speaking;', 'muted = false;'],
    ['what a turn says of an end is open until it ends', 'unsettled.push(...spoken)', ''],
    ['what the model was not told is not said', '&& folded === true', ''],
    ['a silent process is not busy for ever', 'now() - lastAt < speakingMs', 'true'],
    ['what we ended needs no word', 'if (dismissed.has(task.id))', 'if (false)'],
    ['what has just ended keeps its process', 'begun === undefined ||', ''],
    ['what Claude begins to speak of goes on', '|| (speaking && !muted)', ''],
    ['what the model knew does not', 'folded !== true &&', ''],
  ]),
  ...mutationsOf('worker/agent/claude/idle-sessions.ts', 'tests/worker/idle-sessions.test.ts', [
    ['work in the background keeps its process', 'kept.live.isBusy ? arm(kept) : ', ''],
    ['a busy process is looked at again', '? arm(kept) : closeSoon', '? undefined : closeSoon'],
    [
      'a stopped turn’s process writes its transcript',
      'timer: undefined }, retireMs)',
      'timer: undefined }, 0)',
    ],
    ['what was not saved is said at the end', 'graceMs = 1000', 'graceMs = 0'],
    [
      'a turn that ends after the stop lets it say it',
      'return await live.close(graceOf(live))',
      'return await live.close()',
    ],
    [
      'no work in the background ends unheard while its process is closed',
      '(isBusy ? 0 : graceMs)',
      'graceMs',
    ],
    [
      'the next session does not wait for the last',
      'other.conversation === conversation && !mayStay(other.live)',
      'other.conversation === conversation',
    ],
    [
      'its own session has ended before',
      'other.conversation === conversation && !mayStay(other.live)',
      'false',
    ],
    [
      'another worker waits for the end',
      'await untilClosed((kept) => kept.conversation === conversation)',
      '',
    ],
    [
      'it does not make room',
      '.find(({ live }) => !live.isBusy)',
      '[0]?.live && [...idle.values()][0]',
    ],
    ['another session goes beside it', '!(other.live.isBusy && mayStay(other.live))', 'true'],
    [
      'its own session does not run twice',
      '!(other.live.isBusy && mayStay(other.live))',
      '!other.live.isBusy',
    ],
  ]),
  ...mutationsOf('worker/process/sleep.ts', 'tests/worker/sleep.test.ts', [
    ['the computer stays awake for it', 'if (isBusy()) return arm(againMs);', ''],
  ]),
  ...mutationsOf('worker/background/watch.ts', 'tests/worker/background-watch.test.ts', [
    ['a session that waits to speak asks once', 'if (wanted.has(key)) return;', ''],
    ['what is held back for the hour stays noted', 'held.set(key, ended);', 'held.set(key, []);'],
    [
      'what could not be saved is told once',
      "put(conversation, digest(['unsaved', session]),",
      'put(conversation, randomUUID(),',
    ],
    [
      'a loss is told once, whoever finds it',
      'put(conversation, name, {',
      'put(conversation, randomUUID(), {',
    ],
    ['ten reports an hour', 'recent.length < mostAnswers ? 0', 'true ? 0'],
    ['reports count by person', 'spoken.get(person) ??', 'spoken.get(conversation) ??'],
    ['tasks count by the person that is learned', 'persons.set(conversation, person);', ''],
    ['a stop waits for a wish to speak', 'await wishes;', ''],
    ['a refused message is tried again', 'if (stopped) return;', 'return;'],
    ['a loss that is being told is not told again', 'if (losing.has(name)) return;', ''],
    [
      'nothing is kept to be said to a removed person',
      "if (outcome === 'refused' && work.tasks === undefined) removed.dismiss(conversation);",
      '',
    ],
    ['a stop waits for what is noted', 'await wishes;\n      await writing;', 'await wishes;'],
  ]),
  ...mutationsOf('worker/worker.ts', 'tests/worker/background-watch.test.ts', [
    [
      'the agent ends before what notes its end',
      "shutdown.add('agent’s processes', () => agent.stop());",
      '',
    ],
  ]),
  ...mutationsOf('worker/agent/claude/agent.ts', 'tests/worker/agent-work.test.ts', [
    [
      'a stop ends what its turn has detached',
      'await live.endDetached();',
      '',
      { named: 'beside' },
    ],
  ]),
  ...mutationsOf('worker/process/lease.ts', 'tests/worker/lease.test.ts', [
    ['a living worker learns of lost work', 'if (hasLostWork === 1) listener.onLostWork();', ''],
    ['a worker that stops is not brought back', 'if (isPaused) return;', ''],
  ]),
  ...mutationsOf('worker/background/describe.ts', 'tests/worker/progress.test.ts', [
    ['a progress line says what is news', '!isNews || ', ''],
  ]),
  ...mutationsOf('worker/background/limits.ts', 'tests/worker/background-watch.test.ts', [
    [
      'a task has a longest time',
      'timers.set(key, setTimeout(stop, left(longestMs)).unref());',
      '',
    ],
    ['too many is said once in a while', '?? -Infinity) > quietMs', '?? -Infinity) > -1'],
    ['eight tasks', 'for (const task of present.slice(room))', 'for (const task of [])'],
    [
      'tasks count by person',
      "personOf(key.split(' ')[0] ?? '') === person",
      'key.startsWith(`${conversation} `)',
    ],
    [
      'what is being ended takes no place',
      'isRunning(task) && !ending.has(`${key} ${task.id}`)',
      'isRunning(task)',
    ],
    ['the memory has a bound', 'const isFull = !hasRoom(', 'const isFull = false && !hasRoom('],
    ['what runs is mentioned once', 'if (reminded.has(`${key} ${id}`)) continue;', ''],
  ]),
  ...mutationsOf('shared/store/redis/functions/lost-work.lua', 'tests/shared/background.test.ts', [
    [
      'a dead worker is one without its lease',
      "local isDead = not worker or redis.call('GET', prefix .. ':lease:' .. worker) ~= boot",
      'local isDead = not worker',
    ],
  ]),
  ...mutationsOf('shared/store/lua/background-remove.lua', 'tests/shared/background.test.ts', [
    [
      'another worker has it since',
      "entry.owner ~= owner then return 'done' end",
      "false then return 'done' end",
    ],
  ]),
  ...mutationsOf('worker/agent/claude/filler.ts', 'tests/worker/filler.test.ts', [
    ['a paragraph is no filler', "plain.length > longestFiller || plain.includes('\\n')", 'false'],
    ['what follows an announcement arrives', '&& !/[.!?:;…]', '&& !/[♠]'],
    ['a reason beside an announcement arrives', ' && !news.test(said)', ''],
    [
      'a text of which nothing is seen is left out',
      String.raw`/^[\s\p{Cf}\p{Cc}\p{Default_Ignorable_Code_Point}]*$/u.test(text)`,
      'text === ""',
      { test: 'tests/worker/agent-translate.test.ts' },
    ],
  ]),
  ...mutationsOf('worker/agent/claude/turn.ts', 'tests/worker/claude-turn.test.ts', [
    [
      'what was said comes before a failing service',
      'createPatience(modelPatienceMs, fail)',
      'createPatience(modelPatienceMs, events.fail)',
    ],
    [
      'what was said comes before a silence',
      '(reason instanceof AgentFailure ? fail : events.fail)(reason)',
      'events.fail(reason)',
    ],
    ['a question that comes too late takes no words away', 'if (signal.aborted) return;', ''],
    ['two questions at once come behind the words', 'saying.then(say)', 'say()'],
    [
      'an answer comes behind the words',
      "if (event.kind === 'answer' || event.kind === 'words') await untilSaid();",
      '',
      { named: 'behind the question of a helper' },
    ],
    ['a file comes behind the words', 'after(tools.sendFile, tryToSay)', 'tools.sendFile'],
    ['a message comes behind the words', 'after(tools.sendMessage, tryToSay)', 'tools.sendMessage'],
  ]),
  ...mutationsOf('worker/agent/claude/translate.ts', 'tests/worker/agent-translate.test.ts', [
    [
      'an end that is told with another has no answer of its own',
      'uuids.length === 0 && message.num_turns > 0',
      'uuids.length === 0',
    ],
    [
      'what is said a second time arrives once',
      "if (said.has(message.uuid)) return [{ kind: 'alive' }];",
      '',
    ],
    [
      'a helper speaks with Claude, not with the person',
      'if (message.parent_tool_use_id !== null)',
      'if (false)',
    ],
    ['what only watches is no work', 'if (task.ambient) return [];', ''],
    [
      'what stands before a tool arrives',
      'earlier.push(...blocks.splice(0));',
      'blocks.splice(0);',
    ],
    ['filler is left out', '[withoutFiller(earlier), blocks]', '[earlier, blocks]'],
    [
      'what was sent is not repeated as the answer',
      'before.length > 0 || wasSaid',
      'before.length > 0',
    ],
  ]),
  ...mutationsOf('worker/commands/turn-commands.ts', 'tests/worker/stop-asked.test.ts', [
    [
      'of several, none is ended unasked',
      'if (tasks.length > 1) return whichTask(tasks);',
      '',
      { named: 'number that is meant' },
    ],
    [
      'a line of the list means its task',
      'id: `/stop-task ${id}`',
      'id: `/stop ${index + 1}`',
      { named: 'number that is meant' },
    ],
  ]),
  ...mutationsOf('worker/questions/budget.ts', 'tests/worker/budget.test.ts', [
    ['what was said comes before the question', 'await beforeAsking?.();', ''],
  ]),
  ...mutationsOf('worker/agent/claude/session.ts', 'tests/worker/claude-turn.test.ts', [
    [
      'only a lost part of the conversation is told',
      "if (message.lost.includes('transcript'))",
      '',
      { test: 'tests/worker/idle-sessions.test.ts' },
    ],
    [
      'what was said before a stop is not in the next answer',
      'if (wasMuted && !background.isMuted()) takeWords();',
      '',
    ],
  ]),
  ...mutationsOf(
    'worker/agent/claude/transcript/transcript.ts',
    'tests/worker/agent-parts.test.ts',
    [
      ['what the safeguards have cut off was said', "'pause_turn', 'refusal'", "'pause_turn'"],
      [
        'what was said behind an interruption belongs to something else',
        "kind === 'words' && work === 'going on'",
        "kind === 'words'",
      ],
      [
        'a failed request leaves its prompt to what Claude says by itself',
        "isClaude && work === 'told' ? 'going on' : 'broken'",
        "'broken'",
      ],
      [
        'a failed request is known from an interruption',
        "failed.has(uuid) ? { kind: 'failed' as const } : {}",
        '{}',
      ],
      [
        'a failed prompt is not answered with another’s',
        "isClaude && work === 'told' ? 'going on' : 'broken'",
        "isClaude ? 'going on' : work",
      ],
      [
        'a failed prompt that is wanted again is not answered by what was said before',
        "return isAskedAgain ? 'broken' : ",
        'return ',
      ],
      ['an answer that was cut off goes on', 'calls || cutOff.has(uuid)', 'calls'],
      ['work that was cut off has no outcome', "&& !text.includes('<status>stopped</status>')", ''],
      [
        'each end that a dead process has spoken of is told',
        'first < 0 ? [] : notices.slice(first)',
        'first < 0 ? [] : notices.slice(-1)',
      ],
      [
        'a prompt that Claude Code took up together with another has arrived',
        ' || merged?.includes(promptId) === true',
        '',
        { test: 'tests/worker/agent-files.test.ts', named: 'transcript' },
      ],
    ],
  ),
  ...mutationsOf('worker/agent/claude/refusals.ts', 'tests/worker/agent-translate.test.ts', [
    [
      'a history without a tool’s result is refused for ever',
      "{ kind: 'history', apiError: ['tool_history_mismatch'] },",
      '',
    ],
    [
      'safeguards are no refusal of the request',
      "{ kind: 'declined', stopReason: 'refusal' },",
      '',
      { test: 'tests/worker/refusals.test.ts' },
    ],
    [
      'an earlier limit does not hide the cause',
      `(limit && (kind === 'broken' || kind === 'model-away'))`,
      'limit !== undefined',
    ],
    [
      'the log has no secret of the API’s words',
      'cutLines(withoutSecrets(words), mostLogged)',
      'cutLines(words, mostLogged)',
      { test: 'tests/worker/refusals.test.ts' },
    ],
    [
      'nothing hidden is quoted',
      'const said = visibleText(plain)',
      'const said = plain',
      { test: 'tests/worker/refusals.test.ts' },
    ],
  ]),
  ...mutationsOf('worker/agent/claude/effort.ts', 'tests/worker/agent-parts.test.ts', [
    ['the same effort costs nothing', 'if (next !== present) ', ''],
    ['an effort is taken off again', 'next ?? null', 'next ?? present'],
  ]),
  ...mutationsOf('worker/agent/claude/agent.ts', 'tests/worker/agent-claude-live.test.ts', [
    [
      'a stop leaves what runs in the background',
      'const isKept = await keepBackground(live, turn);',
      'const isKept = false;',
      { named: 'what ends in the background' },
    ],
    [
      'a process without a sign of life ends',
      'if (signal.reason instanceof AgentFailure) return false;',
      '',
      { named: 'what ends in the background' },
    ],
  ]),
  ...mutationsOf('worker/turn/events.ts', 'tests/worker/remembered-answer.test.ts', [
    ['what was said is not said again', '!wasSaid[index]', 'true'],
    ['silence about work needs no word', ' || !isAsked ?', ' ?'],
  ]),
  ...mutationsOf('worker/turn/ending/outcome.ts', 'tests/worker/turn-ending.test.ts', [
    [
      'a stop names what goes on',
      'const tasks = await background.list(conversation);',
      'const tasks: Awaited<ReturnType<typeof background.list>> = [];',
    ],
  ]),
  ...mutationsOf('worker/agent/claude/local-command.ts', 'tests/worker/local-command.test.ts', [
    ['Claude Code sets no model by itself', ' && !ofTheChat.has(name)', ''],
  ]),
  ...mutationsOf('worker/turn/suggestions.ts', 'tests/worker/suggestions.test.ts', [
    ['a long text is no suggestion', '|| text.length > longest', ''],
    ['a suggestion comes when the turn has ended', '!hasEnded || ', ''],
    ['a tap enters what was shown', 'visibleText(suggestion)', 'suggestion.trim()'],
  ]),
  ...mutationsOf('worker/agent/claude/options.ts', 'tests/worker/agent-claude-faults.test.ts', [
    [
      'a timer of Claude Code’s own would end with its process',
      "['ScheduleWakeup', 'CronCreate', 'CronDelete', 'CronList']",
      '[]',
      { named: 'passing trouble' },
    ],
  ]),
  ...mutationsOf('worker/agent/claude/prompt-tracker.ts', 'tests/worker/agent-asked.test.ts', [
    ['an answer to nobody is told once', 'if (isSelfBegun) answerWith(', 'answerWith('],
  ]),
  ...mutationsOf('worker/turn/ending/retry-plan.ts', 'tests/worker/failure-sentence.test.ts', [
    [
      'a limit that has outlived its end has no end',
      'resetsAt && resetsAt.getTime() > now',
      'resetsAt',
    ],
  ]),
  ...mutationsOf('worker/commands/model-command.ts', 'tests/worker/unknown-model.test.ts', [
    [
      'a model that there is not is not set',
      'if (lookup && model === undefined) return unknownModel(argument, lookup);',
      '',
    ],
    ['what is no name is not looked up', 'if (!modelName.test(argument))', 'if (false)'],
  ]),
];
