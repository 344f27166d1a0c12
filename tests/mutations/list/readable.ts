import { mutationsOf } from '../mutation.ts';

const [nextDeliveries, opening] = [
  'tests/shared/next-deliveries.test.ts',
  'tests/shared/snapshot.test.ts',
];

/** What another version has stored, or a hand has damaged: it is told of, and holds nothing up. */
export const readable = [
  ...mutationsOf('shared/store/boxes/lua/next-delivery.lua', nextDeliveries, [
    [
      'a reply with a count that Redis cannot count on is unreadable',
      'if fields[index] and not isWhole(fields[index]) then',
      'if false then',
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/entry.lua', nextDeliveries, [
    ['a number has no fraction', `'^%-?[1-9]%d*$'`, `'^%-?[%d.]+$'`],
    ['a number has at most 15 digits', '#text < 17 and ', ''],
  ]),
  ...mutationsOf('shared/store/redis/functions/outbox-order.lua', nextDeliveries, [
    [
      'a place that cannot be read stops no other reply',
      `(tonumber(otherSeq or '0') or 0) > own`,
      `(tonumber(otherSeq or '0') or 9) > own`,
    ],
    [
      'nor its own',
      `local own = tonumber(seq or '0') or 0`,
      `local own = tonumber(seq or '0') or 9`,
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/failure.lua', nextDeliveries, [
    [
      'a late failure of a reply whose repeats cannot be read is noted',
      `local repeats = tonumber(redis.call('HGET', reply, 'repeats') or '0') or 0`,
      `local repeats = tonumber(redis.call('HGET', reply, 'repeats') or '0') or 9`,
    ],
  ]),
  ...mutationsOf('shared/store/reply.ts', nextDeliveries, [
    [
      'a reply said at no time is unreadable',
      'at: z.iso.datetime(), /** When Twilio',
      'at: z.string(), /** When Twilio',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/snapshot.lua', opening, [
    [
      'attempts that cannot be read begin anew',
      `redis.call('HDEL', attempts, id) end`,
      `redis.call('HSET', attempts, id, '7') end`,
    ],
    ['attempts of another form begin anew', `['ok'] ~= 'hash' then`, `['ok'] == 'none' then`],
  ]),
  ...mutationsOf('shared/store/boxes/snapshot.ts', opening, [
    ['a count that cannot be read is none', 'Number(count) || 0', 'Number(count)'],
  ]),
  ...mutationsOf('shared/store/queues.ts', 'tests/shared/queues.test.ts', [
    [
      'a message of a turn that cannot be read is left out',
      'messages.flatMap((one) => StoredTurnMessage.safeParse(one).data ?? [])',
      'messages.map((one) => StoredTurnMessage.parse(one))',
    ],
    [
      'a turn that names no conversation has the one by which it is deduplicated',
      '?? StoredTurn.safeParse({ conversation: deduplicated }).data',
      '',
    ],
  ]),
  ...mutationsOf('worker/turn/processor.ts', 'tests/worker/poison.test.ts', [
    [
      'a turn of another version is worked',
      'job.data = data;',
      'data.conversation = job.data.conversation;',
      { named: 'cannot read, also of a turn' },
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/set-aside.lua', 'tests/relay/allow-list.test.ts', [
    [
      'replies that are set aside end with their list',
      `redis.call('EXPIRE', prefix .. ':reply:' .. id, seconds)`,
      '',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/requeue-removed.lua', 'tests/relay/allow-list.test.ts', [
    ['replies that come back last until they are sent', `redis.call('PERSIST', key)`, ''],
    [
      'settled replies that come back still end',
      `if status == 'parked' or status == 'waiting' or status == 'posting' then redis.call('PERSIST'`,
      `if true then redis.call('PERSIST'`,
    ],
    [
      'a reply that cannot be read comes back, too',
      `elseif redis.call('EXISTS', key) == 1 then`,
      'elseif false then',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/set-aside.ts', 'tests/relay/allow-list.test.ts', [
    ['what is dropped is deleted with its texts', '...replies.map(keys.reply),', ''],
    [
      'a schedule that cannot be restored goes to the dead list',
      `for (const entry of left) await dead.add('schedules', conversation, entry);`,
      '',
    ],
  ]),
  ...mutationsOf('worker/commands/people-commands.ts', 'tests/worker/people-commands.test.ts', [
    [
      'the owner hears of schedules that could not be restored',
      '...unreadableWords(restored.unreadable, address),',
      '',
    ],
  ]),
  ...mutationsOf('shared/store/schedules.ts', 'tests/worker/stored-forms.test.ts', [
    [
      'a schedule in an unknown zone is unreadable',
      'timezone: z.string().refine(isTimeZone)',
      'timezone: z.string()',
      { named: 'cannot be planned here' },
    ],
    [
      'a schedule without a cron that can be read is unreadable',
      'cron: z.string().refine(isCron).optional()',
      'cron: z.string().optional()',
      { named: 'cannot be planned here' },
    ],
  ]),
  ...mutationsOf('shared/runtime/cron.ts', 'tests/worker/stored-forms.test.ts', [
    [
      'BullMQ never holds a job whose next run it cannot plan',
      'return after + dayMs;',
      'throw new Error();',
      { named: 'told of once' },
    ],
  ]),
  ...mutationsOf('shared/store/conversation.ts', 'tests/shared/conversation.test.ts', [
    [
      'a zone that is not known here counts as none',
      `typeof value === 'string' && isTimeZone(value) ? value : undefined`,
      `value || undefined`,
    ],
  ]),
  ...mutationsOf('relay/http/readiness.ts', 'tests/shared/fail-over.test.ts', [
    [
      'readiness is asked anew where the clock was set back',
      'Math.abs(now() - asked)',
      '(now() - asked)',
    ],
  ]),
  ...mutationsOf('shared/store/redis/redis-memory.ts', 'tests/shared/redis-memory.test.ts', [
    [
      'memory is warned of where the clock was set back',
      'Math.abs(now() - warnedAt)',
      '(now() - warnedAt)',
      { named: 'every ten minutes' },
    ],
  ]),
  ...mutationsOf('shared/store/lua/tell-owner.lua', 'tests/shared/owner.test.ts', [
    [
      'the owner hears where the clock was set back',
      'math.abs(tonumber(nowMs) - (tonumber(at) or 0))',
      '(tonumber(nowMs) - (tonumber(at) or 0))',
    ],
  ]),
  ...mutationsOf('relay/backfill.ts', 'tests/relay/missed-messages.test.ts', [
    [
      'a round looks back from the present clock',
      'Math.min(complete, lastBegan) - times.overlapMs',
      'complete - times.overlapMs',
      { named: 'set back or forward' },
    ],
    [
      'a round is due by the monotonic clock',
      'const next = performance.now() + ms;',
      'const next = now() + ms;',
      { named: 'set back or forward' },
    ],
  ]),
  ...mutationsOf('relay/wake/waker.ts', 'tests/relay/waker.test.ts', [
    [
      'how long a wake takes is counted by the monotonic clock',
      'before + performance.now() - start',
      'now() - began',
      { named: 'set back' },
    ],
  ]),
  ...mutationsOf(
    'worker/questions/settled-questions.ts',
    'tests/worker/settled-questions.test.ts',
    [
      [
        'a settled question of another version hides no other one',
        'entries.flatMap((one) => One.safeParse(one).data ?? [])',
        '(One.array().safeParse(entries).data ?? [])',
      ],
      [
        'what was missed of another version leaves the outcome',
        'missed: Missed.optional().catch(undefined)',
        'missed: Missed.optional()',
      ],
    ],
  ),
  ...mutationsOf('worker/questions/always-allowed.ts', 'tests/worker/asked-questions.test.ts', [
    [
      'a permission of another version takes no other one away',
      'entries.flatMap((one) => One.safeParse(one).data ?? [])',
      '(One.array().safeParse(entries).data ?? [])',
    ],
  ]),
  ...mutationsOf('worker/questions/asked-questions.ts', 'tests/worker/asked-questions.test.ts', [
    [
      'an open question of another version leaves the answers',
      'OpenQuestion.optional().catch(undefined)',
      'OpenQuestion.optional()',
    ],
    [
      'an answer of another version leaves the others',
      'z.record(z.string(), z.unknown()).transform(readable)',
      'z.record(z.string(), Answer)',
    ],
  ]),
  ...mutationsOf('worker/schedules/processor.ts', 'tests/worker/removed-schedules.test.ts', [
    [
      'a schedule of a person who may not write does not run',
      'if (!(await allowed.has(schedule.conversation))) return await stop(schedule);',
      '',
    ],
    [
      'nor does one of a person who was removed meanwhile',
      `if (outcome === 'refused') return await stop(schedule);`,
      '',
    ],
  ]),
  ...mutationsOf('worker/schedules/processor.ts', 'tests/shared/parked.test.ts', [
    [
      'a schedule is paused when seven answers wait',
      'schedule.number)) >= mostParked',
      'schedule.number)) > mostParked',
      { named: 'is paused' },
    ],
  ]),
  ...mutationsOf('shared/store/redis/redis.ts', 'tests/shared/fail-over.test.ts', [
    [
      'a Redis without a primary, or one that loads, is not stayed with',
      'READONLY|MASTERDOWN|LOADING',
      'READONLY',
      { named: 'known by its word' },
    ],
    [
      'another refusal of Redis ends no connection',
      '/(?:^|-)(?:READONLY',
      '/(?:READONLY',
      { named: 'known by its word' },
    ],
  ]),
  ...mutationsOf('shared/store/lua/waiting.lua', 'tests/shared/vm-waiting.test.ts', [
    [
      'a person whose turn is put off hears nothing of waking',
      'elseif not isPutOff(conversation) then',
      'else',
    ],
  ]),
  ...mutationsOf('shared/store/message.ts', opening, [
    [
      'an entry of an unknown kind is no message',
      `kind: z.literal('message').optional()`,
      'kind: z.string().optional()',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/given-up.ts', 'tests/shared/given-up.test.ts', [
    [
      'what was given up long ago is not brought back',
      'if (at !== undefined && at < before) continue;',
      '',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/set-aside-removed.lua', 'tests/relay/allow-list.test.ts', [
    [
      'nothing of a person who may write is set aside',
      'if not allowedSince(allowed, conversation) then',
      'if true then',
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/box-counts.lua', 'tests/shared/boxes.test.ts', [
    [
      'a conversation with something left waits',
      `if redis.call('EXISTS', tag .. ':inbox:' .. conversation, tag .. ':outbox:' .. conversation) > 0 then return end`,
      '',
    ],
    [
      'a conversation that waits for nothing any more is none of those',
      `redis.call('SMOVE', waitingSet(tag, conversation), tag .. ':known', conversation) == 0`,
      'true',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/inbox.ts', opening, [
    [
      'a turn of another worker counts no attempts',
      `if (outcome === 'fenced') throw new FencedError('another worker has this turn'); }; return {`,
      '}; return {',
    ],
  ]),
  ...mutationsOf('shared/store/mend-jobs.ts', 'tests/worker/unreadable-jobs.test.ts', [
    [
      'data that cannot be read is put back or kept as text',
      'if (raw.length > 0 && !isRead) {',
      'if (false) {',
    ],
    ['options that cannot be read are made anew', 'if (!known || !isPlanned)', 'if (false)'],
    ['a run of no schedule is a single one', 'if (!isPlanned && !run)', 'if (false)'],
    [
      'a count that is no number begins anew',
      'if (!/^-?\\d{1,15}$/.test(stored(field).toString()))',
      'if (false)',
    ],
    [
      'a schedule’s prompt is taken from its other place',
      'const copy = data && objectOf(data) ? data : undefined;',
      'const copy = undefined as Buffer | undefined;',
      { named: 'schedule' },
    ],
    [
      'a mended run is planned again',
      'prevMillis: Number(id.split',
      'prevMillis: 0 * Number(id.split',
      { named: 'schedule' },
    ],
    [
      'a list with an unreadable job is read once it is mended',
      'if (!isUnreadableJob(error)) throw error;',
      'throw error;',
      { named: 'schedule' },
    ],
  ]),
  ...mutationsOf('shared/store/queues.ts', 'tests/worker/unreadable-jobs.test.ts', [
    [
      'a message is taken in where a key of BullMQ is of another type',
      'if (isUnreadableJob(jobReply[0])) await mendPlaces(redis, queue.name);',
      '',
      { named: 'key of BullMQ' },
    ],
  ]),
  ...mutationsOf('shared/store/mend-jobs.ts', 'tests/worker/unreadable-jobs.test.ts', [
    [
      'a list is read where a key of BullMQ is of another type',
      'await mendPlaces(redis, queue);',
      '',
      { named: 'key of BullMQ' },
    ],
  ]),
  ...mutationsOf('shared/store/lua/mend-places.lua', 'tests/worker/unreadable-jobs.test.ts', [
    [
      'no number of a job is given out again',
      `redis.call('SET', counter, redis.call('TIME')[1])`,
      `redis.call('SET', counter, 0)`,
      { named: 'key of BullMQ' },
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/entry.lua', 'tests/worker/unreadable-jobs.test.ts', [
    [
      'a number that Redis counts on has no leading 0',
      `'^%-?[1-9]%d*$'`,
      `'^%-?%d+$'`,
      { named: 'key of BullMQ' },
    ],
  ]),
  ...mutationsOf('shared/store/lua/mend-job.lua', 'tests/worker/unreadable-jobs.test.ts', [
    [
      'a key that is no hash leaves the queue',
      `redis.call('LREM', active, 0, id)`,
      '',
      { why: 'BullMQ’s recovery of stalled jobs takes its name out as well, later' },
    ],
    ['a key that is no hash is removed', `return redis.call('DEL', job)`, 'return 1'],
  ]),
  ...mutationsOf('worker/process/queue-worker.ts', 'tests/worker/unreadable-jobs.test.ts', [
    [
      'what BullMQ cannot read is mended at once',
      'mendOnError(worker, options);',
      '',
      { why: 'the recovery of the lease mends it as well, seconds later' },
    ],
  ]),
  ...mutationsOf('worker/deliveries.ts', 'tests/worker/unreadable-jobs.test.ts', [
    [
      'a delivery is known by what it is deduplicated by',
      'readTurnData(job.data, job.deduplicationId)',
      'readTurnData(job.data, undefined)',
    ],
  ]),
  ...mutationsOf('worker/schedules/processor.ts', 'tests/worker/unreadable-jobs.test.ts', [
    [
      'the person of an unreadable schedule is known by its id',
      'conversationOfSchedule(turn) ??',
      '',
      { named: 'schedule' },
    ],
  ]),
  ...mutationsOf('worker/questions/questions.ts', 'tests/worker/open-questions.test.ts', [
    [
      'an answer behind a file that is being read is in time',
      'if (!signal.aborted) await promise;',
      '',
      { named: 'still being read' },
    ],
  ]),
  ...mutationsOf('shared/store/redis/tolerant.lua', 'tests/shared/script-keys.test.ts', [
    [
      'a key of another type makes no script throw',
      `if string.find(message, '^WRONGTYPE') then`,
      'if false then',
    ],
    [
      'a count that is no number makes no script throw',
      `elseif command == 'HINCRBY' and (`,
      'elseif false and (',
    ],
    [
      'what was in the way is kept',
      `real.call('RENAME', key, aside)`,
      `real.call('DEL', key)`,
      { test: 'tests/shared/script.test.ts' },
    ],
    [
      'of two keys only the one of another type makes way',
      `if command == 'SMOVE' and real.call('TYPE', key)['ok'] == 'set' then key = field end`,
      '',
      { test: 'tests/shared/script.test.ts' },
    ],
  ]),
  ...mutationsOf('shared/store/lua/reserve-file.lua', 'tests/shared/script-keys.test.ts', [
    [
      'no size keeps Redis busy for ever',
      'math.max(0, math.min(tonumber(capBytes), tonumber(kept[index + 1]) or 0))',
      'tonumber(kept[index + 1]) or 0',
    ],
  ]),
];
