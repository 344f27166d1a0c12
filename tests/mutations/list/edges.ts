import { mutationsOf } from '../mutation.ts';

/**
 * What holds the promise at its edges: odd texts, a Redis that comes back different, halted
 * workers, people who come and go.
 */
export const edges = [
  ...mutationsOf('shared/store/redis/script.ts', 'tests/shared/odd-text.test.ts', [
    ['what goes to Lua is well formed', 'allArgs.map(toLua)', 'allArgs'],
  ]),
  ...mutationsOf('shared/runtime/time-zone.ts', 'tests/worker/schedule-words.test.ts', [
    [
      'a time that occurs twice is the first',
      'moment.isValid ? moment.getPossibleOffsets() : []',
      '[moment]',
    ],
    ['a bare offset is no time zone', '/^[A-Za-z]/.test(name) && ', ''],
  ]),
  ...mutationsOf('worker/schedules/describe-cron.ts', 'tests/worker/schedule-words.test.ts', [
    ['days come before times', 'if (times !== undefined) return', 'if (false) return'],
  ]),
  ...mutationsOf('shared/runtime/lazy.ts', 'tests/shared/lazy.test.ts', [
    ['what failed is created again', 'if (made === current) made = undefined;', ''],
    ['what is being created is not created twice', '(made ??= create())', '(made = create())'],
  ]),
  ...mutationsOf('shared/runtime/timeout.ts', 'tests/shared/timeout.test.ts', [
    ['work without an end is given up', 'late.resolve(onLate());', ''],
  ]),
  ...mutationsOf('shared/store/redis/script-file.ts', 'tests/shared/script-files.test.ts', [
    [
      'Redis gets no function that a script does not call',
      'if (names.length > 0 && !names.some((name) => wanted.has(name))) continue;',
      '',
    ],
    [
      'a script with other names than its caller’s does not load',
      'if (own !== given)',
      'if (false)',
    ],
    ['a function stands after what it uses', 'withUsed(readFunctions(name).uses, ordered);', ''],
  ]),
  ...mutationsOf('shared/store/redis/script.ts', 'tests/shared/script.test.ts', [
    ['a fence asks for the lock', `redis.call('GET', lock) ~= token end`, 'false end'],
    ['a call without a value is refused', 'if (value === undefined) throw', 'if (false) throw'],
    ['what comes after the names is a list', 'ARGV[i] end`', 'nil end`'],
    [
      'a call of an unknown script is repeated',
      'if (!isUnknown || sending === mostSendings) throw error;',
      'throw error;',
    ],
    ['another refusal is not repeated', 'if (!isUnknown || ', 'if ('],
  ]),
  ...mutationsOf('shared/runtime/json.ts', 'tests/shared/odd-text.test.ts', [
    [
      'a stored half of a character can be read',
      'JSON.parse(wellFormedJson(text))',
      'JSON.parse(text)',
    ],
  ]),
  ...mutationsOf('shared/runtime/env.ts', 'tests/shared/environment.test.ts', [
    [
      'zod’s own words stay out',
      "'must be fatal, error, warn, info, debug, trace or silent'",
      'undefined',
    ],
    [
      'a timer gets no more than it bears',
      ".max(7 * 24 * 60, 'must be at most a week (10080)')",
      '',
    ],
    [
      'a list’s wrong number is named by its place',
      'number ${index + 1} of ${entries.length}',
      'one of them',
    ],
  ]),
  ...mutationsOf('shared/runtime/compile-cache.ts', 'tests/shared/compile-cache.test.ts', [
    ['a killed process has kept what it compiled', '  flushCompileCache();\n', ''],
  ]),
  ...mutationsOf('shared/runtime/http/listen.ts', 'tests/shared/command-line.test.ts', [
    [
      'a busy port is a sentence',
      'sentence === undefined ? error : new SetupError(sentence)',
      'error',
    ],
  ]),
  ...mutationsOf('relay/main.ts', 'tests/shared/command-line.test.ts', [
    [
      'the relay refuses what it does not know',
      'refuseArguments(process.argv.slice(2), {',
      'refuseArguments([], {',
    ],
  ]),
  ...mutationsOf('worker/commands/format-cost.ts', 'tests/worker/cost-words.test.ts', [
    ['pretended money is called so', 'if (isPretend) return', 'if (false) return'],
  ]),
  ...mutationsOf('shared/store/redis/redis-memory.ts', 'tests/shared/redis-memory.test.ts', [
    ['files are refused from 70 % on', 'shareOf(use) < noFilesFrom', 'true'],
    ['Redis is asked once in five seconds', 'Math.abs(now() - askedAt) >= believedMs', 'true'],
    [
      'pressure is told from 85 % on',
      'if (shareOf(use) >= pressureFrom) onPressure(use)',
      'if (shareOf(use) >= 1) onPressure(use)',
    ],
    [
      'pressure is told every ten minutes',
      'if (Math.abs(now() - warnedAt) < warnEveryMs) return;',
      '',
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/failure.lua', 'tests/shared/parked.test.ts', [
    [
      'the time of the last word decides whether a reply waits',
      'return wrote and attempted and wrote > attempted',
      'return wrote and attempted',
    ],
    [
      'runs of a schedule count since the last word',
      `if redis.call('HGET', runs, 'since') ~= since then redis.call('DEL', runs) end`,
      '',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/unpark.lua', 'tests/shared/parked.test.ts', [
    ['what goes out again does not expire', `redis.call('PERSIST', key)`, ''],
    [
      'what was too old to keep is told of',
      'if gone == 0 then return count end',
      'if gone >= 0 then return count end',
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/failure.lua', 'tests/shared/parked.test.ts', [
    [
      'a late 63016 does not park what may go out',
      `if hasWrittenSince(conversation, reply) then return again('0') end`,
      '',
    ],
    ['a reply that goes out again does not expire', `      redis.call('PERSIST', reply)`, ''],
  ]),
  ...mutationsOf('shared/store/redis/functions/requeue.lua', 'tests/shared/given-up.test.ts', [
    [
      'retry brings back what was asked for',
      'local list = id and wanted[id] and back or left',
      'local list = id and back or left',
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/allowed.lua', 'tests/relay/allow-list.test.ts', [
    [
      'without a list everybody may write whom the relay lets',
      `if type(list) ~= 'string' then return '' end`,
      `if type(list) ~= 'string' then return nil end`,
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/snapshot.lua', 'tests/relay/allow-list.test.ts', [
    [
      'a turn of a removed person does not begin',
      'if not allowedSince(allowed, conversation) then',
      'if false then',
    ],
  ]),
  ...mutationsOf('relay/people/lua/allow.lua', 'tests/relay/allow-list.test.ts', [
    ['an older relay changes nothing', 'if start and start > started then return { 0 } end', ''],
    ['an empty list changes nothing', 'if #list == 0 then return { 0 } end', ''],
  ]),
  ...mutationsOf('worker/questions/asked-questions.ts', 'tests/worker/approvals.test.ts', [
    [
      'a late answer gives leave when it is stood by',
      `if (kind === 'permission' || kind === 'plan') asked.answers`,
      `if (kind === 'plan') asked.answers`,
    ],
    [
      'a late answer is asked about',
      'return late ? writeLateQuestion(late).text :',
      "return false ? '' :",
    ],
  ]),
  ...mutationsOf('worker/questions/question.ts', 'tests/worker/question-answers.test.ts', [
    [
      'what was written before the question does not answer it',
      '!quotesThis && Date.parse(message.at) < (open.at ?? 0)',
      'false',
    ],
  ]),
  ...mutationsOf('worker/questions/question.ts', 'tests/worker/fit-question.test.ts', [
    [
      'a label that is a number means itself',
      'if (label !== undefined && !isNumbered) return [label];',
      '',
    ],
    ['a label is not taken for one that is like it', 'near.length === 1 ?', 'near.length > 0 ?'],
    ['a label as it is written comes first', 'if (exact !== undefined) return exact;', ''],
  ]),
  ...mutationsOf('worker/questions/look-alikes.ts', 'tests/worker/shown-text.test.ts', [
    ['a word of look-alikes alone is pointed out', 'letters.length > 0 &&', 'false &&'],
    [
      'a text in another script is not suspected',
      'letters.every((letter) => like.test(letter))',
      'letters.some((letter) => like.test(letter))',
    ],
    ['signs that only look like a shell’s are pointed out', 'signs.test(text) ||', ''],
    ['a dash for a hyphen is pointed out', 'dashedOption.test(text) ||', ''],
    [
      'curly quotes do not hide a command',
      '.some((part) => readByShell.test(part))',
      '.some(() => false)',
    ],
  ]),
  ...mutationsOf('worker/media/type-names.ts', 'tests/worker/media/file-type.test.ts', [
    [
      'a claimed type has the form of one',
      "plainType.test(type) ? type : 'application/octet-stream'",
      'type',
    ],
  ]),
  ...mutationsOf('shared/twilio/webhook.ts', 'tests/relay/webhook.test.ts', [
    ['a place is on the earth', 'Math.abs(degrees) <= most ?', 'true ?'],
    ['a place has numbers', "decimal.test(text ?? '') ?", 'text ?'],
    [
      'an empty parameter hides no tap',
      "form.get('ButtonPayload') ||",
      "form.get('ButtonPayload') ??",
    ],
  ]),
  ...mutationsOf('shared/runtime/number-spelling.ts', 'tests/shared/number-spelling.test.ts', [
    ['an old number is near to its new one', '...plans, ', ''],
    ['a new plan’s number has its own first digits', ' && digits.includes(own.slice(0, 2))', ''],
  ]),
  ...mutationsOf(
    'shared/store/redis/functions/send-rate.lua',
    'tests/shared/clock-set-back.test.ts',
    [['a clock set back does not slow the send rate', 'if paid > most then', 'if false then']],
  ),
  ...mutationsOf(
    'shared/store/boxes/lua/next-delivery.lua',
    'tests/shared/clock-set-back.test.ts',
    [['a clock set back prolongs no pause', 'or wait > tonumber(longestPauseMs) then', 'then']],
  ),
  ...mutationsOf('shared/store/boxes/lua/accept.lua', 'tests/shared/clock-set-back.test.ts', [
    ['a clock set back changes no order', 'and time <= saidLaterUntil', ''],
  ]),
  ...mutationsOf('shared/delivery/deliver.ts', 'tests/shared/clock-set-back.test.ts', [
    [
      'an attempt in the future has an age',
      'if (age >= 0 && !knownSince.has(attempt)) return',
      'if (age < Infinity) return',
    ],
    [
      'an uncertain attempt is looked for far back',
      'isCertain ? attemptedAt - 30_000 : parts.now() - patience',
      'parts.now() - 30_000',
    ],
    [
      'a clock set back prolongs no pause before a repeat',
      'pauseMs > 0 && pauseMs <= longestPauseMs',
      'pauseMs > 0',
    ],
  ]),
  ...mutationsOf('worker/process/lua/renew.lua', 'tests/worker/lease.test.ts', [
    [
      'a clock set back puts no turn and no delivery off',
      'if isPause and tonumber(far[index + 1]) / 0x1000 >',
      'if false and tonumber(far[index + 1]) / 0x1000 >',
      { named: 'set back' },
    ],
    [
      'what waits as long as it was to wait waits on',
      `latest + numberIn(base .. id, 'delay') then`,
      'latest then',
      { named: 'set back' },
    ],
    [
      'a clock set back does not put off the next attempt of a schedule',
      `(not isDated or numberIn(base .. id, 'atm') > 0)`,
      'not isDated',
      { named: 'set back' },
    ],
    [
      'a schedule stays at its date',
      `(not isDated or numberIn(base .. id, 'atm') > 0)`,
      'true',
      { named: 'set back' },
    ],
    [
      'an active job that is no hash is recovered',
      `if type ~= 'hash' and type ~= 'none' then count = count + 1 end`,
      '',
      { named: 'no hash' },
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/note.lua', 'tests/shared/ledger-states.test.ts', [
    [
      'a status of a later version is left to it',
      "if not rank[status] then return 'stale' end",
      'rank[status] = rank[status] or 0',
    ],
  ]),
  ...mutationsOf('worker/media/png-extras.ts', 'tests/worker/media/model-picture.test.ts', [
    ['what is beside the picture counts', 'extras += end - at;', ''],
    ['what follows the picture counts', 'extras + bytes.byteLength - at;', 'extras;'],
  ]),
  ...mutationsOf('worker/media/picture.ts', 'tests/worker/media/model-picture.test.ts', [
    ['a drawing in UTF-16 is drawn', '? drawingAsUtf8(bytes) :', '? bytes :'],
    ['what is beside the picture has a bound', '<= mostExtras;', '< Infinity;'],
  ]),
  ...mutationsOf('worker/tools/file-name.ts', 'tests/worker/file-name.test.ts', [
    ['a file’s name turns no line around', ".replaceAll(misleading, '')", ''],
    ['a long name keeps its ending', 'ending.length > longestEnding', 'true'],
  ]),
  ...mutationsOf('worker/background/watch.ts', 'tests/worker/background-watch.test.ts', [
    [
      'what runs for a removed person is ended',
      'if (!(await allowed.has(conversation))) dismiss(conversation);',
      'if (conversation === undefined) continue;',
    ],
  ]),
  ...mutationsOf('worker/questions/fit-question.ts', 'tests/worker/fit-question.test.ts', [
    [
      'the end of a long question is not lost',
      'text.trim().length <= roomForText(choices)',
      'true',
    ],
    ['a question is one of WhatsApp’s messages', 'leaveOutMiddle(chunk(text));', '[text];'],
    ['a question without an end has bounds', 'if (parts.length <= mostMessages)', 'if (true)'],
  ]),
];
