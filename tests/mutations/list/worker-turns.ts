import { mutationsOf } from '../mutation.ts';

const [lease, asked, budget, sleep] = [
  'tests/worker/lease.test.ts',
  'tests/worker/asked-questions.test.ts',
  'tests/worker/budget.test.ts',
  'tests/worker/sleep.test.ts',
];
const [answers, poison, claims] = [
  'tests/worker/question-answers.test.ts',
  'tests/worker/poison.test.ts',
  'tests/worker/session-lock.test.ts',
];
const givenUp = 'tests/worker/given-up-note.test.ts';
const counted = { test: 'tests/worker/attempts.test.ts' };
const [deploys, ended] = [{ named: 'three deploys' }, { test: 'tests/worker/turn-ending.test.ts' }];

/** Who works, what a turn may do, and what ends it. */
export const turns = [
  ...mutationsOf('worker/process/lua/boot.lua', lease, [
    [
      'a boot’s number never goes back',
      'if boot >= tonumber(least) then return boot end',
      'if true then return boot end',
      { test: 'tests/shared/fail-over.test.ts', named: 'never goes back' },
    ],
    [
      'a count of boots that is none is lost',
      `redis.pcall('INCR', boots)`,
      `redis.call('INCR', boots)`,
    ],
  ]),
  ...mutationsOf('worker/turn/steering.ts', givenUp, [
    ['what was given up is left', 'givenUpNote(dispatch.snapshot().givenUp)', 'givenUpNote([])'],
  ]),
  ...mutationsOf('worker/turn/steering.ts', 'tests/worker/steering.test.ts', [
    [
      'no look is made before the first messages are read',
      '[true, false, false]',
      '[false, false, false]',
    ],
    [
      'nothing is taken up that Claude would not get',
      'isClosed || (open.size === 0',
      '(open.size === 0',
    ],
  ]),
  ...mutationsOf('worker/turn/decisions.ts', 'tests/worker/decisions.test.ts', [
    ['what is being read keeps Claude’s input open', "if (isReading) return 'wait';", ''],
    ['another tool beside a question is not lost', ' && tools <= 1', ''],
    ['an answered question releases nothing', 'open === question && ', ''],
    [
      'a long inbox with nothing new is not read again',
      '(left <= shortInbox || left !== expected)',
      'true',
    ],
  ]),
  ...mutationsOf('worker/turn/mailbox.ts', 'tests/worker/mailbox.test.ts', [
    [
      'an event of the agent is handled before the next one',
      'await handle(letter.event);',
      'void handle(letter.event);',
    ],
    [
      'the end of a turn keeps nothing waiting',
      "sender?.reject(new MailboxClosed('the turn is over'));",
      'void sender;',
    ],
  ]),
  ...mutationsOf('worker/turn/stop.ts', 'tests/worker/cancel-watch.test.ts', [
    [
      'a stop does not wait in the mailbox',
      "if (isNews({ kind: 'message', id }, hasSeen)) lookSoon();",
      '',
    ],
  ]),
  ...mutationsOf('worker/turn/suggestions.ts', 'tests/worker/suggestions.test.ts', [
    ['nothing is suggested after scheduled work', ' || !first.every(isFromPerson)', ''],
    [
      'nothing is suggested to a person who has written on',
      ' || (await inbox.size(conversation)) > 0',
      '',
    ],
    [
      'a suggestion after an earlier answer is outdated',
      'if (answer !== undefined) pending',
      'if (false) pending',
    ],
    [
      'a suggestion is read for its own person only',
      'reply?.conversation !== message.conversation',
      'reply === undefined',
    ],
  ]),
  ...mutationsOf('worker/turn/processor.ts', givenUp, [
    [
      'what has ended its worker too often is asked of the transcript',
      ' || isExhausted(message, attempts);',
      ';',
      { named: 'third death' },
    ],
    [
      'a store that changes in mid turn is seen',
      'lastSnapshot = dispatch.snapshot;',
      '',
      { test: 'tests/shared/epoch.test.ts', named: 'while its turn works' },
    ],
    [
      'what is given up at the pick-up is left',
      '...unanswered.filter((message) => !messages.includes(message) && !asksToRetry(message))',
      '',
    ],
    ['a wish to retry is not left', ' && !asksToRetry(message)', ''],
  ]),
  ...mutationsOf('worker/turn/dispatch.ts', givenUp, [
    ['what is brought back is not left', 'snapshot: () => last', 'snapshot: () => snapshot'],
  ]),
  ...mutationsOf('worker/process/lua/renew.lua', lease, [
    [
      'a living worker ends every wake',
      `redis.call('DEL', waking, vm)`,
      `if channel ~= '' then redis.call('DEL', waking, vm) end`,
      { named: 'no wake is under way' },
    ],
    [
      'a newer boot fences an older one off',
      `if newest and (tonumber(newest) or 0) > tonumber(ownBoot) then return { 'fenced' } end`,
      '',
    ],
    ['the jobs of who is gone are taken back', `redis.call('SADD', base .. 'stalled', id)`, ''],
    [
      'the jobs of who lives are not',
      `local orphan = worker and redis.call('GET', prefix .. ':lease:' .. worker) ~= boot`,
      'local orphan = worker',
    ],
    [
      'a job that never arrived is taken back',
      `orphan = isOld and (unheardBefore[name] or not isLocked)`,
      'orphan = false',
    ],
    ['a job on its way is not', `< tonumber(nowMs) - tonumber(unheardMs)`, '<= tonumber(nowMs)'],
    [
      'nor one whose reply is read late',
      '(unheardBefore[name] or not isLocked)',
      'true',
      { named: 'taken back' },
    ],
    [
      'a job without a lock is taken back at once',
      'isOld and (unheardBefore[name] or not isLocked)',
      'isOld and unheardBefore[name]',
      { named: 'own' },
    ],
    [
      'a job that was fetched again is another one',
      `string.format('%.0f', begun)`,
      `''`,
      { named: 'read late' },
    ],
    [
      'a run whose job was taken back does not take the lock again',
      `redis.call('HSET', base .. id, 'pb', worker .. '#0')`,
      '',
      { named: 'take the lock again' },
    ],
    ['a job that was taken back has no lock', `redis.call('DEL', base .. id .. ':lock')`, ''],
    [
      'a swallowed marker is set again',
      `or (waits and redis.call('EXISTS', base .. 'marker') == 0) then`,
      'then',
    ],
  ]),
  ...mutationsOf('worker/process/lua/end-lease.lua', lease, [
    [
      'an old boot does not end the new one’s lease',
      `if redis.call('GET', lease) == boot then redis.call('DEL', lease) end`,
      `redis.call('DEL', lease)`,
    ],
    [
      'an old boot does not take the new one’s sign of life',
      `if redis.call('GET', heartbeat) == worker .. '#' .. boot then`,
      'if true then',
    ],
  ]),
  ...mutationsOf('worker/turn/attempts.ts', poison, [
    [
      'three attempts, and no more',
      'export const mostAttempts = 3;',
      'export const mostAttempts = 4;',
      ended,
    ],
    [
      'an attempt counts',
      'const attempts = before(id) + 1;',
      'const attempts = before(id);',
      counted,
    ],
    [
      'an attempt that was ended from outside is given back',
      'const counts = new Map([...started.keys()].map((id) => [id, before(id)]));',
      'const counts = new Map([...started.keys()].map((id) => [id, before(id) + 1]));',
      counted,
    ],
    [
      'what the version before has counted counts on',
      'return Math.max(inRedis, inJob.get(id) ?? 0);',
      'return inRedis;',
      counted,
    ],
  ]),
  ...mutationsOf('worker/turn/ending/outcome.ts', givenUp, [
    ['a wish to retry is not retried', '!asksToRetry(message)', 'true'],
  ]),
  ...mutationsOf('worker/turn/ending/outcome.ts', 'tests/worker/turn-ending.test.ts', [
    [
      'a report that is given up names its request',
      'aboutHeading([...new Set(requests.flat())])',
      `''`,
    ],
    ['a sentence about work needs no Claude', 'if (work?.say !== undefined) return work.say;', ''],
    ['what was said is not retried', ' && message.work?.say === undefined', ''],
  ]),
  ...mutationsOf('worker/turn/ending/outcome.ts', poison, [
    [
      'a deploy is no attempt',
      `'turn interrupted');\n    await attempts.giveBack();`,
      `'turn interrupted');`,
      deploys,
    ],
    [
      'what ended its worker too often is given up',
      `attempts.before(id) >= mostAttempts + (inTranscript === 'answered' ? 1 : 0);`,
      'false;',
      ended,
    ],
    [
      'waiting for a usage limit is no attempt',
      'await attempts.giveBack(waits + 1);\n    return await delayJob(job, token, wait.ms);',
      'return await delayJob(job, token, wait.ms);',
      deploys,
    ],
    [
      'a stop names no step that waited for an answer',
      'const doing = isAsked',
      'const doing = false',
      ended,
    ],
    [
      'a stop takes back what was said beside it',
      'await outbox.withdraw(fence, conversation, turn)',
      '0',
      { test: 'tests/worker/send-limits.test.ts', named: 'a stop takes back' },
    ],
    [
      'a stop leaves what was said after it',
      'waiting.slice(0, waiting.findIndex(({ id }) => id === by.id))',
      'waiting',
      ended,
    ],
  ]),
  ...mutationsOf('worker/process/lua/claim.lua', claims, [
    [
      'a session has one process',
      `if worker and redis.call('GET', prefix .. ':lease:' .. worker) == boot then`,
      'if false then',
    ],
    [
      'a worker that is gone holds nothing',
      `if worker and redis.call('GET', prefix .. ':lease:' .. worker) == boot then`,
      'if worker then',
    ],
  ]),
  ...mutationsOf('worker/process/session-lock.ts', claims, [
    [
      'what was kept from before another had it is let go',
      '      await release(conversation);\n    },',
      '    },',
    ],
    [
      'only who was asked lets go',
      `if (control.kind !== 'release' || control.owner !== owner) return;`,
      `if (control.kind !== 'release') return;`,
    ],
  ]),
  ...mutationsOf('worker/turn/stop.ts', 'tests/worker/stop-words.test.ts', [
    ['only a person says stop', 'if (!isFromPerson(message)) return false;', ''],
    [
      'a tap stops by its id alone',
      "if (choice) return choice.id === '/stop' || (turn !== undefined && choice.id === stopButton(turn));",
      '',
    ],
  ]),
  ...mutationsOf('worker/turn/stop-words.ts', 'tests/worker/stop-words.test.ts', [
    ['a stop is short', 'words.length <= mostOfStop && isAllStop', 'isAllStop'],
    [
      'a stop has no other word',
      'words.length <= mostOfStop && isAllStop',
      'words.length <= mostOfStop',
    ],
    ['a word that may answer is no stop', 'isStrict ? strong : stops', 'stops'],
    ['a drawn-out word is that word', "plain.replaceAll(/(\\p{L})\\1{2,}/gu, '$1')", 'plain'],
    ['“don’t stop” is no stop', ' && !isDenied', ''],
    ['a drawn-out word is found', "'$&+'", "'$&'"],
    ['a sign may be marked as a picture', ".replaceAll('\\uFE0F', '')", ''],
    [
      'a long text is no stop',
      'if (isCommand || words.length > mostOfMaybe) return undefined;',
      'if (isCommand) return undefined;',
    ],
  ]),
  ...mutationsOf('worker/turn/dispatch.ts', 'tests/worker/stop-asked.test.ts', [
    [
      'a text that may be a stop is asked about',
      "readStop(step.message.text) === 'maybe'",
      'false',
    ],
    [
      'a fresh conversation begins once',
      ' || last.conversation.anew === message.id)',
      ')',
      { test: 'tests/worker/stop-asked.test.ts', named: 'resumed' },
    ],
    ['a fresh conversation leaves the old one', 'if (!beginsAnew(message) ||', 'if (true ||'],
    [
      'a refused session is not gone back to by a quote',
      'isRenewed(last.conversation, message) ? session : (quoted ?? session)',
      'quoted ?? session',
      { test: 'tests/worker/renewal.test.ts', named: 'is not gone back to' },
    ],
  ]),
  ...mutationsOf('worker/turn/ending/renewal.ts', 'tests/worker/renewal.test.ts', [
    [
      'a message begins a session anew once',
      'if (waiting.some((message) => isRenewed(conversation, message))) return undefined;',
      '',
    ],
    ['sessions are begun anew so often a day', '>= mostRenewals', '>= Infinity'],
    ['a refusal of something else begins nothing anew', '&& status === 400 &&', '&&'],
  ]),
  ...mutationsOf(
    'worker/agent/claude/transcript/carried-history.ts',
    'tests/worker/carried-history.test.ts',
    [
      ['a resumed session has its history', ' || resumed || sent.size > 0', ''],
      ['what is carried over is bounded', 'Math.min(mostEach, room)', 'mostEach'],
      ['a prompt that comes again is not carried over', '.filter(({ id }) => id !== except)', ''],
    ],
  ),
  ...mutationsOf('worker/process/slots.ts', 'tests/worker/slots.test.ts', [
    ['at most this many turns work at once', 'while (holders.size < max) {', 'while (true) {'],
    [
      'a slot is given to the next',
      'if (holders.delete(id)) release(person);',
      'holders.delete(id);',
    ],
  ]),
  ...mutationsOf('worker/tools/send-quota.ts', 'tests/worker/send-limits.test.ts', [
    [
      'a turn’s messages have a bound',
      'if (isClosed || soFar + count > limit) return false;',
      '',
      { named: 'the quota' },
    ],
    ['after one that did not fit none fits', 'isClosed ||= !fits;', '', { named: 'the quota' }],
    [
      'an earlier attempt’s messages count',
      'return used + inEarlierAttempts;',
      'return used;',
      { named: 'the quota' },
    ],
    [
      'the quota begins anew when the person writes',
      'if (messageCount() > lastCount) {',
      'if (false) {',
      { named: 'the quota' },
    ],
  ]),
  ...mutationsOf('worker/process/sleep.ts', sleep, [
    [
      'work that begins during the pause keeps the worker awake',
      'if (running === 0 && (await fallAsleep())) {',
      'if (await fallAsleep()) {',
    ],
    [
      'while something is worked nothing is paused',
      'if (running > 0 || stopped) return;',
      'if (stopped) return;',
    ],
    [
      'what keeps the worker awake is worked',
      '    await resume();\n    arm(againMs);\n  };',
      '    arm(againMs);\n  };',
    ],
  ]),
  ...mutationsOf('shared/store/money/spend.ts', budget, [
    [
      'what was granted yesterday does not count',
      'const dayGrantedUsd = grantedOn === day ? Number(amount) : 0;',
      'const dayGrantedUsd = Number(amount ?? 0);',
    ],
  ]),
  ...mutationsOf('worker/questions/budget.ts', budget, [
    [
      'a day’s budget that is used up to the cent is used up',
      'dayUsd < budgets.dayUsd + dayGrantedUsd) return',
      'dayUsd <= budgets.dayUsd + dayGrantedUsd) return',
    ],
    ['a task’s budget', 'turnUsd >= budgets.turnUsd + turnGrantedUsd) {', 'false) {'],
    ['without leave the task ends', 'if (words[0] !== goOn) {', 'if (false) {'],
    ['leave raises the budget', 'await limit.grant();', 'return true;'],
  ]),
  ...mutationsOf('worker/questions/asked-questions.ts', asked, [
    ['the deadline does not begin anew', 'if (asked.open?.id === id) return asked.open;', ''],
    ['leave that was used is asked for again', 'if (asked.answers[id]?.used) continue;', ''],
    ['leave is used up before the call', '      answer.used = true;\n', ''],
    ['a no is not used up', '|| answer.words[0] === no) return;', ') return;'],
    [
      'another turn’s question is not this one’s',
      'if (data.turn === turn) return',
      "if (data.turn !== '') return",
    ],
    [
      'leave is for the very call',
      'subject === undefined ? [kind, text, options] : [kind, subject]',
      '[kind]',
    ],
  ]),
  ...mutationsOf('worker/questions/always-allowed.ts', asked, [
    [
      'always is in this session',
      'entry.key === key && entry.session === session())',
      'entry.key === key)',
    ],
    [
      'always is for this very command',
      'entry.key === key && entry.session === session())',
      'entry.session === session())',
    ],
    [
      'nothing is allowed always without a session',
      'if (present === undefined) return;',
      `if (present === undefined) return conversations.write(conversation, fence, { allowed: JSON.stringify([{ key, name }]) });`,
      { why: 'an entry without a session is not read back' },
    ],
    ['what is allowed always has a bound', '.slice(-most);', ';'],
  ]),
  ...mutationsOf('worker/questions/question.ts', answers, [
    ['only a person answers', 'if (!isFromPerson(message)) return undefined;', ''],
    [
      'a tap under something else is about that',
      'choice.id === `${open.id}.${index + 1}`',
      'choice.id.endsWith(`.${index + 1}`)',
    ],
    [
      'a file is not lost with the answer',
      'if (media.length > 0 || location) return undefined;',
      '',
    ],
    [
      'a quote of something else gives no leave',
      'return quotesThis || message.quoted === undefined ? readDecision',
      'return true ? readDecision',
    ],
    [
      'a yes that quotes nothing gives no leave',
      `if (quotesThis && said === 'yes'`,
      `if (said === 'yes'`,
    ],
    [
      'a number that is part of a text is none',
      '/^[1-9]\\d?$/.test(said) ?',
      '/^[1-9]\\d?/.test(said) ?',
    ],
  ]),
  ...mutationsOf('worker/process/sweep-backoff.ts', 'tests/worker/sweep-backoff.test.ts', [
    [
      'a conversation that fails is looked after more and more seldom',
      'firstPauseMs * 2 ** (count - 1)',
      'firstPauseMs',
    ],
    [
      'ten minutes at the most',
      'Math.min(firstPauseMs * 2 ** (count - 1), longestPauseMs)',
      'firstPauseMs * 2 ** (count - 1)',
    ],
    ['one look for several failures', 'if (pending.has(conversation)) return;', ''],
    ['a look that failed is repeated', '        onFailed(conversation);\n', ''],
    [
      'a success begins anew',
      'onDone: (conversation) => void failures.delete(conversation),',
      'onDone: () => undefined,',
    ],
  ]),
  ...mutationsOf('worker/process/kept-turns.ts', 'tests/worker/kept-turns.test.ts', [
    [
      'a turn that breaks off keeps its name',
      'return await delayJob(job, token, ms).catch(',
      'throw error; await delayJob(job, token, ms).catch(',
    ],
    [
      'a turn that cannot be put off is not marked as failed',
      'throw new WaitingError();',
      'throw error;',
    ],
    [
      'what becomes of a job is said once',
      'if (settled.some((kind) => error instanceof kind)) throw error;',
      '',
    ],
  ]),
  ...mutationsOf('worker/turn/watchdog.ts', 'tests/worker/watchdog.test.ts', [
    [
      'silence ends the turn',
      'else silent.abort(new AgentFailure(',
      'else ((_failure: AgentFailure) => undefined)(new AgentFailure(',
    ],
    [
      'a tool may be silent for its time',
      'const longest = Math.max(0, ...running.values());',
      'const longest = 0;',
    ],
    [
      'a tool that has ended gives no time',
      `if (event.kind === 'tool-end') running.delete(event.id);`,
      '',
    ],
    [
      'every event is a sign of life',
      `running.delete(event.id);\n      rewind();`,
      'running.delete(event.id);',
    ],
  ]),
  ...mutationsOf('worker/schedules/limits.ts', 'tests/worker/cron-gap.test.ts', [
    [
      'repeating schedules are some minutes apart',
      'return gapOf(schedule, now) < minutesApart * 60_000;',
      'return false;',
    ],
    [
      'a person’s schedules together have a bound',
      'if (runs <= limits.runsPerDay) return undefined;',
      'return undefined;',
    ],
  ]),
];
