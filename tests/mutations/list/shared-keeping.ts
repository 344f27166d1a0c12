import { mutationsOf } from '../mutation.ts';

const [pages, files, sweep, queues] = [
  'tests/shared/page-store.test.ts',
  'tests/shared/file-store.test.ts',
  'tests/shared/sweep.test.ts',
  'tests/shared/queues.test.ts',
];

const added = { test: 'tests/shared/run-and-add.test.ts' };
/** The tests of falling asleep that need no process. */
const decision = { named: 'the decision' };

/** What is kept in Redis: its bounds, its repair, and what decides about it. */
export const keeping = [
  ...mutationsOf('shared/store/pages.ts', pages, [
    ['a page has a bound', 'if (size > caps.page) return undefined;', ''],
  ]),
  ...mutationsOf('shared/store/lua/put-page.lua', pages, [
    ['all pages together have a bound', 'if total > tonumber(capBytes) then return false end', ''],
    ['a page stays as it was first', 'if kept then return kept end', ''],
    [
      'an expired page makes room',
      `      redis.call('HDEL', sizes, id)\n    end\n    local total = tonumber(sizeBytes)\n    for _, size`,
      `    end\n    local total = tonumber(sizeBytes)\n    for _, size`,
    ],
    ['a page expires', `redis.call('PEXPIREAT', page, expiryMs)`, ''],
  ]),
  ...mutationsOf('shared/store/lua/append-to-page.lua', pages, [
    [
      'an entry is added to a page once',
      `if redis.call('SISMEMBER', entries, entry) == 1 and expires then return expires end`,
      '',
    ],
    ['a page that grows has a bound', 'if size > tonumber(pageCapBytes) then return false end', ''],
    [
      'pages that grow have a bound together',
      'if total > tonumber(totalCapBytes) then return false end',
      '',
    ],
    ['a page that grows expires', `redis.call('PEXPIREAT', page, expires)`, ''],
  ]),
  ...mutationsOf('shared/store/page-address.ts', pages, [
    [
      'a page’s address is signed',
      'if (!isSameSecret(signature, signatureOf(secret, body, signature.length))) return undefined;',
      '',
    ],
    ['a page’s address expires', 'return expires > now ? {', 'return true ? {'],
  ]),
  ...mutationsOf('shared/store/lua/reserve-file.lua', files, [
    ['files have a bound', 'if not fits() then return 0 end', ''],
    ['a conversation has a share', '* 2 / 3 end', 'end'],
    [
      'a young file is not dropped',
      `redis.call('ZRANGEBYSCORE', files, '-inf', droppableExpiryMs)`,
      `redis.call('ZRANGE', files, 0, -1)`,
    ],
    ['another’s file that was not fetched is not dropped', 'or (isOwn and 3)', 'or 3'],
    [
      'a file that was fetched goes first',
      'local class = isFetched and (isOwn and 1 or 2)',
      'local class = not isFetched and (isOwn and 1 or 2)',
    ],
    ['an expired file makes room', `      drop(token)\n      sizes[token] = nil`, ''],
    [
      'what is dropped leaves no pieces',
      `do redis.call('DEL', filePrefix .. token .. ':' .. index) end`,
      'do end',
    ],
  ]),
  ...mutationsOf('shared/store/files.ts', files, [
    [
      'a file is there when it is there whole',
      `if (!piece) throw new Error`,
      `if (!piece) return;\n        if (false) throw new Error`,
      { test: 'tests/relay/media.test.ts', named: 'a piece is gone' },
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/lost-work.lua', sweep, [
    [
      'an empty box gets no job',
      `if redis.call('LLEN', prefix .. ':' .. box .. ':' .. conversation) == 0 then return false end`,
      '',
    ],
    [
      'a box with a job gets no second one',
      'if job and isPlaced(base, job) then return false end',
      '',
    ],
    [
      'a job in none of BullMQ’s places empties no box',
      'if job and isPlaced(base, job) then',
      'if job then',
    ],
    [
      'the name of a lost job keeps no other one away',
      `redis.call('DEL', base .. 'de:' .. conversation)`,
      '',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/stranded.lua', sweep, [
    [
      'a sweep looks at outboxes, too',
      `if isStranded(prefix, 'deliveries' .. home, 'outbox', conversation) then`,
      'if false then',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/sweep.ts', sweep, [
    ['a sweep goes through all', `while (cursor !== '0')`, 'while (false)'],
  ]),
  ...mutationsOf('shared/store/queues.ts', queues, [
    [
      'one turn of a conversation runs and one waits',
      'keepLastIfActive: true',
      'keepLastIfActive: false',
      { test: 'tests/shared/intake.test.ts' },
    ],
    [
      'a job is added although BullMQ’s half failed',
      `isWanted ? await addTo(queue, conversation, id) : ''`,
      `''`,
      added,
    ],
    ['a transaction that was given up is an error', 'if (failure) throw failure;', '', added],
  ]),
  ...mutationsOf('shared/store/redis/transaction.ts', 'tests/shared/transaction.test.ts', [
    [
      'a connection that was cut is waited for',
      "return !isUp && redis.status !== 'end' && (await isReadyWithin(redis, bridgedMs));",
      'return false;',
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/spend.lua', 'tests/shared/spend.test.ts', [
    [
      'a total that an earlier version has begun is not whole',
      `if redis.call('EXISTS', sums) == 0 then redis.call('HSET', total, 'whole', '1') end`,
      `redis.call('HSET', total, 'whole', '1')`,
    ],
    ['a total that is not whole is not read', 'if found.whole then', 'if next(found) then'],
    ['everybody’s spend is in the total', `redis.call('HINCRBY', total, field, text)`, ''],
    [
      'an answer’s price counts once',
      `if not redis.call('SET', price.answer, price.conversation, 'NX',`,
      `if not redis.call('SET', price.answer, price.conversation,`,
    ],
  ]),
  ...mutationsOf('shared/store/money/spend.ts', 'tests/shared/spend.test.ts', [
    ['a person’s day is that of their clocks', `timeZone: timezone, year`, `timeZone: 'UTC', year`],
    [
      'an answer that cost nothing leaves its id free',
      'if (micros === 0 && usage.inputTokens === 0 && usage.outputTokens === 0) return undefined;',
      '',
    ],
    [
      'what was booked request by request is not counted again',
      `amounts: { answers: '1' } });`,
      'amounts: { usd: `${micros}`, answers: `1` } });',
    ],
  ]),
  ...mutationsOf('shared/store/lua/fall-asleep.lua', 'tests/sleep/falling-asleep.test.ts', [
    ['work keeps the worker awake', 'if work then return idle end', '', decision],
    ['who falls asleep has no sign of life', `redis.call('DEL', heartbeat, lease)`, '', decision],
  ]),
  ...mutationsOf('shared/store/redis/functions/vm-work.lua', 'tests/sleep/falling-asleep.test.ts', [
    [
      'a job that is due soon keeps the worker awake',
      'if due <= soon then work = true end',
      '',
      decision,
    ],
    [
      'a stranded inbox is work',
      `local waits = redis.call('LLEN', prefix .. ':inbox:' .. conversation) > 0`,
      'local waits = false',
      decision,
    ],
    [
      'an inbox with a turn is that turn’s affair',
      `and redis.call('EXISTS', prefix .. ':turns' .. home .. ':de:' .. conversation) == 0`,
      '',
      decision,
    ],
    [
      'an outbox is work',
      `local sends = redis.call('LLEN', prefix .. ':outbox:' .. conversation) > 0`,
      'local sends = false',
      decision,
    ],
    [
      'the earliest job that is due decides',
      'if not nextDue or due < nextDue then nextDue = due end',
      'nextDue = due',
      decision,
    ],
  ]),
  ...mutationsOf(
    'shared/store/redis/functions/dead-letters.lua',
    'tests/shared/dead-letters.test.ts',
    [
      ['the dead list has a bound', `redis.call('LTRIM', dead, 0, mostDead - 1)`, ''],
      [
        'the dead list expires',
        `redis.call('EXPIRE', dead, lifetime)`,
        '',
        { test: 'tests/shared/next-deliveries.test.ts' },
      ],
    ],
  ),
  ...mutationsOf('shared/store/lua/schedule-run.lua', 'tests/shared/schedule-runs.test.ts', [
    ['a day’s runs have a bound', 'if sum >= tonumber(most) then return 0 end', ''],
    [
      'a run that is worked twice counts once',
      `if redis.call('SISMEMBER', runs, tick) == 1 then return 1 end`,
      '',
    ],
  ]),
  ...mutationsOf('shared/store/schedule-runs.ts', 'tests/shared/schedule-runs.test.ts', [
    ['a choice that was made stays', 'redis.hsetnx(', 'redis.hset('],
  ]),
  ...mutationsOf('shared/store/lua/schedule-number.lua', 'tests/worker/schedules.test.ts', [
    ['fence of a new schedule', `if isFenced() then return 'fenced' end`, ''],
  ]),
  ...mutationsOf('shared/store/schedules.ts', 'tests/worker/schedules.test.ts', [
    ['a person sees their own schedules only', 'schedule.conversation === conversation', 'true'],
  ]),
  ...mutationsOf('shared/runtime/person-address.ts', 'tests/shared/person-address.test.ts', [
    ['only WhatsApp’s addresses are people', 'return isOnWhatsapp(address) && (', 'return ('],
    ['a user id has the form of one', '(?:ENT\\.)?[A-Za-z0-9]{1,128}$/', '.*$/'],
    ['a log shows no whole number', ': maskNumber(plain)', ': plain'],
  ]),
  ...mutationsOf('shared/runtime/number-spelling.ts', 'tests/shared/number-spelling.test.ts', [
    ['a Brazilian landline has one spelling', '9([6-9]\\d{7})$/, short', '9(\\d{8})$/, short'],
    [
      'a Mexican number of two spellings is one',
      "number.replace(double.long, '$1$2') : number;",
      'number : number;',
    ],
  ]),
  ...mutationsOf('shared/runtime/cron.ts', 'tests/shared/cron.test.ts', [
    ['a skipped time is still to come', 'clock - skipped - 1', 'clock - 1'],
    ['a time that occurs twice runs once', 'if (moment > after && (', 'if (('],
    ['the earlier moment comes first', ' || moment < best', ''],
  ]),
  ...mutationsOf('shared/runtime/time-zone.ts', 'tests/shared/cron.test.ts', [
    [
      'the first of two counts',
      'return first.toMillis();',
      'return (moment.getPossibleOffsets().at(-1) ?? first).toMillis();',
    ],
  ]),
  ...mutationsOf('shared/store/schedules.ts', 'tests/shared/cron.test.ts', [
    [
      'what ran early by a wrong clock runs again',
      'await redis.del(keys.message(tickId(schedule, due)));',
      'continue;',
    ],
    ['what ran a little early does not', 'now + earlyMs, next', 'now, next'],
    [
      'a run that stands too late is planned anew',
      'return cron !== undefined && next > (nextRun(cron, timezone, now) ?? Infinity);',
      'return false;',
    ],
  ]),
  ...mutationsOf('shared/store/schedules.ts', 'tests/shared/cron.test.ts', [
    [
      'what is cancelled meanwhile is not planned anew',
      'if ((await queue.getJobScheduler(idOf(schedule)))?.next !== next) continue;',
      '',
    ],
  ]),
  ...mutationsOf('worker/process/queue-worker.ts', 'tests/shared/cron.test.ts', [
    ['a schedule that has run is planned by our function', 'settings: { repeatStrategy },', ''],
  ]),
  ...mutationsOf('shared/runtime/cut.ts', 'tests/shared/cut-line.test.ts', [
    [
      'no half of an emoji',
      'const end = isWhole ? from + cluster.index : length;',
      'const end = length;',
    ],
    ['a cut text fits', 'head(text, length - 1)', 'head(text, length)'],
    [
      'half an emoji from outside is made whole',
      'const line = text.toWellFormed()',
      'const line = text',
    ],
  ]),
];
