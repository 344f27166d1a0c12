import { mutationsOf } from '../mutation.ts';

/**
 * What brings back what an outage, a halt or a restored store has taken: backfill, leases, late
 * requests, questions.
 */
export const recovery = [
  ...mutationsOf('relay/backfill.ts', 'tests/relay/backfill.test.ts', [
    [
      'a refused webhook is looked for later',
      'somethingWasRefused: () => runIn(times.youngMs)',
      'somethingWasRefused: () => undefined',
      { named: 'could not be stored' },
    ],
    [
      'what waits without a job gets one in each round',
      'if ((await sweep(stores, log, await stores.homes.suffixes())) > 0) keeper.look();',
      '',
      { test: 'tests/relay/missed-messages.test.ts', named: 'has no turn' },
    ],
    [
      'a late failure is reported once',
      'told = listed;',
      '',
      {
        test: 'tests/relay/missed-messages.test.ts',
        why: 'it saves commands only: the ledger takes the same report twice',
      },
    ],
    [
      'a round that left something young is repeated soon',
      'Math.max(dueMs, youngMs / mostRounds)',
      'everyMs',
      { test: 'tests/relay/missed-messages.test.ts' },
    ],
    [
      'what is young is looked for as soon as it is old enough',
      'Math.max(dueMs, youngMs / mostRounds)',
      'youngMs',
      { test: 'tests/relay/missed-messages.test.ts', named: 'as soon as it is old enough' },
    ],
    [
      'a round that failed is not complete',
      'if (!outcome.isFailed) complete = lastBegan;',
      'complete = lastBegan;',
      { test: 'tests/relay/missed-messages.test.ts' },
    ],
    [
      'a connection that comes and goes asks the carrier once a minute',
      'if (now() - lastBegan < times.youngMs) runIn(times.youngMs);\n      else run();',
      'run();',
      { test: 'tests/relay/missed-messages.test.ts' },
    ],
  ]),
  ...mutationsOf('relay/missed-messages.ts', 'tests/relay/missed-messages.test.ts', [
    [
      'what is known is not taken in again',
      'unknown.has(remembered.id) ? await identify(remembered) : undefined',
      'await identify(remembered)',
    ],
    ['the oldest page comes first', 'pages.toReversed()', 'pages'],
    [
      'a young message is left to its webhook',
      'if (isYoung(missed)) continue;',
      '',
      { named: 'gives the older one alone' },
    ],
    [
      'a message that cannot be stored does not block the others',
      'left.failed += 1;',
      'throw error;',
      { named: 'does not block the others' },
    ],
    [
      'it is not overtaken within its second',
      'at.getTime() + 999 - at.getMilliseconds()',
      'at.getTime()',
      { named: 'does not block the others' },
    ],
    [
      'files that are gone do not stop their message',
      `error.action === 'give-up' || `,
      '',
      { named: 'does not block the others' },
    ],
  ]),
  ...mutationsOf('worker/process/thaw.ts', 'tests/worker/zombies.test.ts', [
    [
      'a halt is asked about',
      'if (haltMs <= longestMs || settling) return;',
      'if (haltMs >= 0) return;',
    ],
    [
      'what runs is paused before it is asked',
      'const resume = await pause().catch(',
      'const resume = await Promise.resolve(() => undefined).catch(',
    ],
    ['what is left goes on', 'resume();\n', '\n'],
  ]),
  ...mutationsOf('worker/process/queue-worker.ts', 'tests/worker/zombies.test.ts', [
    [
      'a fenced job is not marked as failed',
      'if (error instanceof FencedError) return await leaveFenced(job, token, onLockLost);',
      '',
      { named: 'never marked as failed' },
    ],
    [
      'the lease is asked about a job without a lock',
      'if (!(error instanceof WaitingError)) onLockLost();',
      '',
      { named: 'never marked as failed' },
    ],
    [
      'a fenced job that no other worker has goes back to its queue',
      'return await handBack(job, token).catch(',
      'return await Promise.reject(new Error()).catch(',
      { named: 'never marked as failed' },
    ],
  ]),
  ...mutationsOf('worker/tools/tool-gate.ts', 'tests/worker/zombies.test.ts', [
    ['no tool begins before it is certain whose turn it is', 'await settled();', ''],
    ['a question of a lost turn is not asked', 'signal.throwIfAborted();', ''],
  ]),
  ...mutationsOf('worker/process/running-jobs.ts', 'tests/worker/zombies.test.ts', [
    [
      'a lost run is ended',
      `for (const name of alive) runs.get(name)?.abort(new FencedError('another worker has this job'));`,
      '',
    ],
  ]),
  ...mutationsOf('shared/twilio/rest.ts', 'tests/shared/late-send.test.ts', [
    [
      'nothing is written after its deadline',
      'if (Date.now() > notAfter) sent.destroy(new LateRequest());\n      else sent.end(body);',
      'sent.end(body);',
    ],
    [
      'a secure connection is waited for until its keys are there',
      `isSecure ? 'secureConnect' : 'connect'`,
      `isSecure ? 'connect' : 'connect'`,
    ],
    [
      'the list is read to its end',
      'next = found.next;',
      'next = undefined;',
      { test: 'tests/relay/missed-messages.test.ts' },
    ],
  ]),
  ...mutationsOf(
    'shared/store/redis/functions/idempotent.lua',
    'tests/shared/repeated-scripts.test.ts',
    [
      [
        'a repeated script gives its first reply',
        `if isRead and type(kept) == 'table' then return kept[1] end`,
        '',
      ],
    ],
  ),
  ...mutationsOf('shared/store/redis/functions/epoch.lua', 'tests/shared/epoch.test.ts', [
    [
      'the store has changed when Redis says so, not when a call that waited for it was made',
      'since, isOther = laterTime(now, 0), true',
      'since, isOther = now, true',
      { named: 'a store is what it was' },
    ],
    [
      'another Redis is another store',
      'local isOther = known ~= identity or counted',
      'local isOther = not known or counted',
    ],
    [
      'a count that went back is another store',
      'local isOther = known ~= identity or counted < tonumber(seen)',
      'local isOther = known ~= identity',
    ],
    [
      'a count that is none is another store',
      "#(count or '0') < 17 and tonumber(count or '0') or -1",
      "#(count or '0') < 17 and tonumber(count or '0') or 99999",
    ],
    [
      'a note without a moment is another store’s',
      'isOther or not isMoment(since, now)',
      'isOther',
      { named: 'a store is what it was' },
    ],
    [
      'a moment that no clock has reached is none',
      'or since <= laterTime(now, clocksDiffer)',
      'or true',
      { named: 'a store is what it was' },
    ],
    [
      'a note that is gone makes no new store of one that is known',
      'and not first and tonumber(seen) == 0 then',
      'and not first then',
      { named: 'a store is what it was' },
    ],
    [
      'the count goes on',
      `redis.call('HINCRBY', key, 'count', 1)`,
      `redis.call('HINCRBY', key, 'count', 0)`,
    ],
  ]),
  ...mutationsOf('worker/turn/answered-before.ts', 'tests/worker/answered-before.test.ts', [
    [
      'every message that may have an answer is named',
      'const mostUnsure = 20;',
      'const mostUnsure = 90;',
      { named: 'each of many' },
    ],
    [
      'what was answered is not answered again',
      'return messages.filter(({ id }) => !answered.has(id));',
      'return messages;',
    ],
    [
      'what the ledger knows is no forgotten answer',
      'const isKnown = await ledger.isClaimed(sid);',
      'const isKnown = false;',
    ],
    [
      'an answer of a lost session counts for what is given up',
      " || doubt === 'lost'",
      '',
      { named: 'transcript is lost' },
    ],
    [
      'the answer of another session does not',
      '?.session === session',
      ' !== undefined',
      { named: 'transcript is lost' },
    ],
    [
      'what was said after the change is no forgotten answer',
      'at.getTime() >= Date.parse(since) || ',
      '',
    ],
    ['a line about long work is no answer', ' || beside.test(text.trim())', ''],
    ['a given-up message’s sentence is no answer to another', ' && !(isGivenUp && doubt)', ''],
    [
      'the transcript knows better than the list',
      '(session === undefined || doubtOf(message) !== undefined)',
      'true',
    ],
    [
      'what the agent does not see again is asked of the list',
      '(session === undefined || doubtOf(message) !== undefined)',
      'session === undefined',
    ],
    [
      'a reply keeps the earlier date',
      '.toSorted()[0];\n        return earliest',
      '.toSorted().at(-1);\n        return earliest',
    ],
    ['what comes in late is looked for', 'now - Date.parse(since) < lateMs', 'false'],
  ]),
  ...mutationsOf('worker/turn/next-step.ts', 'tests/shared/epoch.test.ts', [
    [
      'an old message is looked up before Claude gets it',
      'isHeld ||= isUnchecked?.(message) === true;',
      '',
      { named: 'older than its session' },
    ],
    [
      'nothing overtakes an old message',
      'isHeld ||= isUnchecked?.(message) === true;',
      'isHeld = isUnchecked?.(message) === true;',
      { named: 'older than its session' },
    ],
  ]),
  ...mutationsOf('worker/turn/processor.ts', 'tests/shared/epoch.test.ts', [
    [
      'the transcript is asked of what is older than the store',
      `(snapshot.since !== '' && message.at < snapshot.since) || `,
      '',
    ],
    [
      'another session may have answered an old message',
      "const isOlder = state === 'before' || state === 'lost';",
      'const isOlder = false;',
      { named: 'older than its session' },
    ],
  ]),
  ...mutationsOf('worker/agent/claude/agent.ts', 'tests/worker/agent-claude-contract.test.ts', [
    [
      'a session does not speak for the time before it',
      "began === undefined || Date.parse(at) < began ? 'before' : state",
      'state',
    ],
  ]),
  ...mutationsOf('worker/agent/claude/agent.ts', 'tests/worker/agent-claude-contract.test.ts', [
    ['a session without a transcript is lost', "return [id, 'lost']", "return [id, 'before']"],
  ]),
  ...mutationsOf('shared/store/boxes/ledger.ts', 'tests/shared/ledger-states.test.ts', [
    [
      'what was claimed while the reply was gone is its own',
      'owner !== null && !(owner === reply?.id && reply.attempts === 0)',
      'owner !== null',
      { named: 'while it was gone' },
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/accepted.lua', 'tests/shared/ledger-states.test.ts', [
    [
      'it is noted as sent',
      `local isOwn = isFirst or (attempt == '0' and redis.call('GET', sent) == id)`,
      'local isOwn = isFirst',
      { named: 'while it was gone' },
    ],
  ]),
  ...mutationsOf('worker/turn/ending/outcome.ts', 'tests/worker/turn-ending.test.ts', [
    [
      'an answer in the transcript is worth one attempt more',
      `(inTranscript === 'answered' ? 1 : 0)`,
      '0',
      { named: 'one attempt more' },
    ],
    [
      'a failure looks for it as well',
      'isExhausted(message, count, known.get(message.id))',
      'isExhausted(message, count)',
      { named: 'a third failure' },
    ],
    [
      'and no second one',
      `(inTranscript === 'answered' ? 1 : 0)`,
      `(inTranscript === 'answered' ? 2 : 0)`,
      { named: 'one attempt more' },
    ],
  ]),
  ...mutationsOf('worker/turn/processor.ts', 'tests/shared/epoch.test.ts', [
    [
      'what the transcript shows unanswered is no guess',
      ` && state !== 'unanswered'`,
      '',
      { named: 'three times' },
    ],
    [
      'what the transcript has answered is delivered',
      'isExhausted(message, attempts, known.get(message.id))',
      'isExhausted(message, attempts)',
      { named: 'three times' },
    ],
  ]),
  ...mutationsOf('worker/turn/ending/outcome.ts', 'tests/shared/epoch.test.ts', [
    [
      'a turn waits while Twilio’s list cannot be read',
      'if (error instanceof LookUpFailure) {',
      'if (false) {',
      { named: 'cannot be read' },
    ],
    [
      'a failed look-up takes no attempt',
      'await attempts.giveBack(waits + 1);\n    return await delayJob(job, token, pauseMs);',
      'return await delayJob(job, token, pauseMs);',
      { named: 'cannot be read' },
    ],
  ]),
  ...mutationsOf('worker/turn/answered-before.ts', 'tests/shared/epoch.test.ts', [
    [
      'a late copy that joins a turn at work is no new message',
      'if (time !== at) times.set(id, time);',
      '',
      { named: 'either when it comes in while a turn works' },
    ],
    [
      'a message that only looks new has the time of Twilio’s list',
      'return isEarlier ?',
      'return false ?',
      { named: 'has no session' },
    ],
    [
      'a message of the second of the change is new',
      'at.getTime() + 1000 <= Date.parse(since)',
      'at.getTime() <= Date.parse(since)',
      { test: 'tests/worker/answered-before.test.ts', named: 'an earlier time' },
    ],
    [
      'a message that was taken in again before the change was noticed has its time in the list',
      '? at.getTime() < second(message.at)',
      '? false',
      { test: 'tests/worker/answered-before.test.ts', named: 'an earlier time' },
    ],
    [
      'a time in the list that only lacks the milliseconds is no other',
      '? at.getTime() < second(message.at)',
      '? true',
      { test: 'tests/worker/answered-before.test.ts', named: 'an earlier time' },
    ],
    [
      'a prompt of ours is not in the list of what the person sent',
      ' || !isFromPerson(message)) return message;',
      ') return message;',
      { test: 'tests/worker/answered-before.test.ts', named: 'an earlier time' },
    ],
    [
      'nothing new waits for a list that cannot be read',
      '.catch(unread)',
      '',
      { test: 'tests/worker/answered-before.test.ts', named: 'an earlier time' },
    ],
    [
      'an answer right after the change is looked up, however new its message looks',
      'return now - Date.parse(since) < lateMs',
      'return false',
      { named: 'has already' },
    ],
  ]),
  ...mutationsOf(
    'worker/questions/settled-questions.ts',
    'tests/worker/settled-questions.test.ts',
    [
      [
        'a late answer that agrees with the default asks nothing',
        ' || label === found.missed.fallback',
        '',
      ],
      ['a conversation remembers thirty questions', '.slice(-most)', ''],
    ],
  ),
  ...mutationsOf('worker/questions/question.ts', 'tests/worker/own-words.test.ts', [
    [
      'what came before a question is no answer in one’s own words',
      ' && Date.parse(message.at) >= at',
      '',
    ],
    ['a command is no answer in one’s own words', ' && !isCommandLike(text)', ''],
    ['after two other buttons no number gives leave', '!again && ', ''],
    [
      'a file gives no leave',
      "(open.kind !== 'choice' && open.kind !== 'plan') || !isFromPerson(message)",
      '!isFromPerson(message)',
    ],
    ['a text that agrees with a plan is asked about', 'isOwn && !isAgreement(text)', 'isOwn'],
    ['a text before a plan is not about it', "kind === 'plan' && isOwn", "kind === 'plan'"],
    ['spoken words do not approve a plan', "(words !== '' && isAgreement(words))", 'false'],
  ]),
  ...mutationsOf('worker/questions/questions.ts', 'tests/worker/own-words.test.ts', [
    ['a question that is asked again has no numbers', 'if (again) await asked.askAgain(open);', ''],
    [
      'an answer in time is looked for before the default',
      'await allRead(mailbox, signal);',
      '',
      { test: 'tests/worker/open-questions.test.ts', named: 'not announced' },
    ],
  ]),
  ...mutationsOf('worker/reply/voice-answers.ts', 'tests/worker/media/speaker.test.ts', [
    [
      'a failed speaker does not fail the turn',
      'if (error instanceof FencedError) throw error;',
      'throw error;',
    ],
    [
      'a sound is made once',
      'if (await outbox.has(id)) return;',
      '',
      { why: 'the outbox skips a reply whose id exists: this only spares the speaker' },
    ],
    [
      'a sound comes behind its text',
      'if (await outbox.has(`${answer}.1`)) begin(answer);',
      'if (true) begin(answer);',
    ],
    ['a late sound is not made', 'if (now() - at < mostLateMs) await put', 'await put'],
    [
      'a sound that is cut off stays planned',
      'if (signal.aborted && !(signal.reason instanceof StopRequest)) return;',
      '',
    ],
    ['a stop withdraws a sound', ' && !(signal.reason instanceof StopRequest)', ''],
    ['a turn whose sound is cut off is taken up again', 'signal.throwIfAborted();\n    },', '},'],
  ]),
  ...mutationsOf('worker/turn/processor.ts', 'tests/worker/media/speaker.test.ts', [
    ['the next worker makes the sound', 'await speakLeft(own, context, first);', ''],
  ]),
  ...mutationsOf('worker/turn/events.ts', 'tests/worker/remembered-answer.test.ts', [
    [
      'no answer is put before one that the store has lost',
      'answered: dispatch.answered(),',
      '',
      { named: 'puts no later one' },
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/put.lua', 'tests/shared/outbox.test.ts', [
    [
      'what waits behind the settled message is no loss',
      'if id and others[id] then return false end',
      '',
    ],
    ['what was given up stays so', 'if isKnown and not isGivenUp then', 'if isKnown then'],
    [
      'an answered message whose claim is lost is claimed again',
      "if not isKnown and string.match(id, '^[SM]M%x+$') then",
      'if false then',
    ],
    [
      'a claim that is made again ends',
      "redis.call('EXPIRE', key, lifetimeSeconds)\n  end\n  local tries",
      'end\n  local tries',
    ],
    ['the whole inbox is searched', 'from = from + 50\n  end', 'return false\n  end'],
  ]),
  ...mutationsOf('worker/agent/claude/instructions.ts', 'tests/worker/agent-parts.test.ts', [
    [
      'a note about work in the background is for no message',
      'if (isAboutWork !== prompt.isNotice) return false;',
      '',
    ],
    [
      'a note that names a message is for that one',
      'if (named !== undefined) return named === prompt.id;',
      '',
    ],
    [
      'the last message is none that was overtaken',
      'return !(note.startsWith(resumeNote) && prompt.overtaken);',
      'return true;',
    ],
    ['a raised budget is for all', 'if (note.startsWith(raisedNote)) return true;', ''],
  ]),
  ...mutationsOf('worker/turn/ending/outcome.ts', 'tests/worker/remembered-answer.test.ts', [
    ['a lost answer is no failure', ' || error instanceof LostAnswerError', ''],
  ]),
  ...mutationsOf('worker/turn/events.ts', 'tests/worker/remembered-answer.test.ts', [
    ['a remembered answer settles all that it answers', '...(event.covers ?? []), ', ''],
  ]),
  ...mutationsOf('worker/turn/events.ts', 'tests/worker/media/speaker.test.ts', [
    ['only an answer to speech is spoken', ' && steering.isSpoken(event.prompts)', ''],
  ]),
  ...mutationsOf('worker/media/speaking.ts', 'tests/worker/media/speaker.test.ts', [
    [
      'only Opus in Ogg is sent as a voice message',
      "if (!isOpus || !bytes.subarray(0, 64).includes('OpusHead'))",
      'if (false)',
    ],
  ]),
  ...mutationsOf('worker/questions/awaiting-answer.ts', 'tests/worker/awaiting-answer.test.ts', [
    [
      'an answer that came while the turn was put off brings it forward',
      'if (!questions.open() || (await inbox.read(conversation)).some(isNew)) await turns.promote(conversation);',
      '',
    ],
    ['what waits for its own turn does not begin this one', '=> !hasSeen(id);', '=> id !== "";'],
  ]),
  ...mutationsOf('worker/turn/next-step.ts', 'tests/worker/awaiting-answer.test.ts', [
    [
      'work is heard in the turn that asks',
      ' && !isHeardBeside(message, situation)',
      '',
      { named: 'heard in its turn' },
    ],
    [
      'only work of its session',
      ' && work.session === session',
      '',
      { named: 'heard in its turn' },
    ],
  ]),
  ...mutationsOf('worker/questions/awaiting-answer.ts', 'tests/worker/open-questions.test.ts', [
    ['a turn that was let go has made no attempt', 'await attempts.giveBack();', ''],
  ]),
  ...mutationsOf('worker/questions/answer-wait.ts', 'tests/worker/open-questions.test.ts', [
    ['a question takes no place', 'slot.giveBack();', ''],
    [
      'the agent goes while the person thinks',
      "if (deadline > now()) mailbox.post({ kind: 'question-held', question: id, deadline });",
      '',
    ],
  ]),
  ...mutationsOf('worker/process/file-lifetimes.ts', 'tests/worker/file-lifetimes.test.ts', [
    ['what a turn may use stays', 'if is_at_work "$@"; then', 'if false; then'],
    ['a turn’s temporary files stay', '[ -n "$busy" ] || clean', 'clean'],
    [
      'what was read lately stays',
      String.raw`-mmin "+$minutes" -amin "+$minutes"`,
      String.raw`-mmin "+$minutes"`,
    ],
  ]),
  ...mutationsOf('worker/turn/window.ts', 'tests/worker/turn-ending.test.ts', [
    [
      'a closed window is not announced',
      'closesAt > now && closesAt - at <= nearMs',
      'closesAt - at <= nearMs',
    ],
    [
      'a window that stays open is not announced',
      'closesAt > now && closesAt - at <= nearMs',
      'closesAt > now',
    ],
  ]),
  ...mutationsOf('shared/store/schedules.ts', 'tests/worker/removed-schedules.test.ts', [
    [
      'what was paused stays paused',
      'if (paused) await notePaused(schedule);\n        else await',
      'await',
    ],
  ]),
  ...mutationsOf('relay/people/membership.ts', 'tests/relay/membership.test.ts', [
    [
      'schedules of a removed person are set aside',
      'if ((await schedules.setAside(conversation)) > 0) moved.add(conversation);',
      '',
    ],
  ]),
];
