import { mutationsOf } from '../mutation.ts';

const states = { test: 'tests/shared/ledger-states.test.ts' };
const [ledger, delivery, nextDeliveries] = [
  'tests/shared/ledger.test.ts',
  'tests/worker/deliveries.test.ts',
  'tests/shared/next-deliveries.test.ts',
];

/** Replies on their way out. */
export const sending = [
  ...mutationsOf('shared/twilio/messenger.ts', 'tests/shared/questions-at-twilio.test.ts', [
    [
      'a failed send is found last',
      '...same.filter((entry) => !hasFailed(entry)), ...same.filter(hasFailed)',
      '...same',
      { named: 'failed since' },
    ],
    [
      'words under another heading are the same',
      'possible.filter((entry) => isAlike(entry, message))',
      '[]',
      { named: 'another heading' },
    ],
    [
      'the same heading comes first',
      'exact.length > 0 ? exact : possible',
      'possible',
      { named: 'another heading' },
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/begin.lua', ledger, [
    ['fence of an attempt', `if isFenced() then return 'fenced' end`, ''],
    [
      'a reply that a callback has settled is not begun again',
      `and (status ~= 'posting' or redis.call('HEXISTS', reply, 'sid') == 1) then`,
      `and status ~= 'posting' then`,
      states,
    ],
    [
      'a settled reply leaves the outbox',
      `      redis.call('LREM', outbox, 1, id)\n      return 'settled'`,
      `      return 'settled'`,
      states,
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/accepted.lua', ledger, [
    [
      'the number of an attempt that succeeded',
      `local isPosting = status == 'posting' and attempts == attempt`,
      `local isPosting = status == 'posting'`,
    ],
    [
      'an attempt that the store has lost has sent the reply',
      'if isOwn and (isPosting or isLost) then',
      'if isOwn and isPosting then',
      { named: 'has lost the attempt' },
    ],
    [
      'an attempt that a later one has overtaken is not lost',
      `(tonumber(attempts or '0') or 0) < tonumber(attempt)`,
      'true',
      { named: 'has lost the attempt|overtaken' },
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/failed.lua', ledger, [
    [
      'the number of an attempt that failed',
      `if (redis.call('HGET', reply, 'attempts') or '0') ~= attempt then return 'superseded' end`,
      '',
    ],
    [
      'a refusal of a reply that is delivered changes nothing',
      `if status ~= 'posting' and status ~= 'waiting' then return 'superseded' end`,
      '',
      states,
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/note.lua', ledger, [
    [
      'a claim of an earlier attempt is not taken over',
      `(redis.call('HGET', reply, 'attempts') or '0') == '0' and `,
      '',
      { named: 'without an attempt' },
    ],
    [
      'a claim from before the store lost the reply is taken over',
      'if not isFirst and not isOwn then',
      'if not isFirst then',
      { named: 'without an attempt' },
    ],
    [
      'a repeated failure report has the same outcome',
      `if newStatus == 'failed' and redis.call('HGET', reply, 'failedSid') == sid then`,
      'if false then',
    ],
    [
      'a callback of an earlier attempt changes nothing',
      `if known or status ~= 'posting' then return 'stale' end`,
      '',
      states,
    ],
    [
      'a failure after the delivery changes nothing',
      `if rank[status] >= 3 then return 'stale' end`,
      '',
      states,
    ],
    [
      'a state never goes back',
      `if rank[newStatus] <= rank[status] then return 'stale' end`,
      '',
      states,
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/notice.lua', ledger, [
    [
      'a notice is entered once',
      `if redis.call('HSETNX', reply, 'id', id) == 0 then return 0 end`,
      `redis.call('HSETNX', reply, 'id', id)`,
      states,
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/failure.lua', states.test, [
    [
      'a question goes out as text once',
      `redis.call('HSETNX', reply, 'asText', '1') == 1 then`,
      `redis.call('HSET', reply, 'asText', '1') then`,
      { test: ledger },
    ],
    [
      'only a question goes out as text',
      `if action == 'as-text' and redis.call('HEXISTS', reply, 'choices') == 1 and`,
      `if action == 'as-text' and`,
      { test: ledger },
    ],
    [
      'what is sent once more is sent once more only',
      `action == 'once-more' and repeats < 1 then`,
      `action == 'once-more' then`,
    ],
    ['the pause before a repeat doubles', 'math.min(2 ^ (repeats - 1), 60)', '1'],
    [
      'the pause before a repeat is a minute at most',
      'math.min(2 ^ (repeats - 1), 60)',
      '2 ^ (repeats - 1)',
    ],
    ['a notice is not repeated', 'if isPassing and not notice then', 'if isPassing then'],
    [
      'a notice is not parked',
      `if action == 'park' and not notice then`,
      `if action == 'park' then`,
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/failure.lua', states.test, [
    ['a reply is parked once', `redis.call('LREM', parked, 1, id)`, ''],
  ]),
  ...mutationsOf('shared/store/boxes/lua/unpark.lua', states.test, [
    [
      'time parked does not count as waiting for Twilio',
      `redis.call('HSET', key, 'status', 'waiting', 'at', now)`,
      `redis.call('HSET', key, 'status', 'waiting')`,
    ],
  ]),
  ...mutationsOf('shared/delivery/deliver.ts', 'tests/worker/deliveries.test.ts', [
    [
      'what has failed before says nothing of the next attempt',
      'if (sid === reply.failedSid) continue;',
      '',
      { test: 'tests/shared/late-send.test.ts', named: 'failed before' },
    ],
    [
      'what Twilio lists as failed has not arrived',
      'if (refusal) return await refusedLater(reply, sid, refusal);',
      '',
      { named: 'lists as failed' },
    ],
  ]),
  ...mutationsOf('shared/delivery/deliver.ts', delivery, [
    [
      'absence from Twilio’s list is not believed at once',
      'return age < reconciling.lastMs ? { done: false, waitMs: reconciling.lastMs - age } : undefined;',
      'return undefined;',
    ],
    [
      'a Twilio message of another reply is not taken for this one',
      'if (await ledger.isClaimed(sid, reply)) continue;',
      '',
    ],
    [
      'an unclear send is looked up before it is repeated',
      `if (reply.status === 'posting') {`,
      'if (false) {',
    ],
    [
      'a refused list settles nothing before its time',
      '&& age > reconciling.blindMs) return undefined;',
      ') return undefined;',
    ],
    [
      'as long as the list cannot be read nothing is sent again',
      'if (age <= patience) return { done: false, waitMs: reconciling.lastMs };',
      'if (age <= patience) return undefined;',
    ],
    [
      'a reply that Twilio puts off for a day is given up',
      `parts.now() - Date.parse(reply.at) > patience ? 'give-up' : failure.action`,
      'failure.action',
      { test: 'tests/shared/late-send.test.ts' },
    ],
    [
      'a person hears of a reply that will never arrive',
      'if (isFinal(action, reply)) await explain',
      'if (false) await explain',
    ],
    [
      'no explanation of an explanation',
      `|| replyId.endsWith('.failure')) return;`,
      ') return;',
      { test: 'tests/shared/late-send.test.ts' },
    ],
    [
      'a refusal with an unclear outcome is not repeated unseen',
      `if (failure.action === 'reconcile') return { done: false, waitMs: reconciling.firstMs };`,
      '',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/next-delivery.lua', nextDeliveries, [
    ['fence of the next delivery', `if isFenced() then return { 'fenced' } end`, ''],
    [
      'an attempt of unknown end is looked up',
      `if status == 'posting' and not sid then\n    -- A later`,
      `if false then\n    -- A later`,
    ],
    [
      'an attempt older than the store may have been followed by another',
      `if since ~= '' and tried and tried < since then redis.call('HSET', key, 'checked', since) end`,
      '',
      { test: 'tests/shared/epoch.test.ts', named: 'looked up before it is sent, once' },
    ],
    [
      'a delayed reply counts once',
      `if redis.call('HSETNX', key, 'delayed', 1) == 0 then return end`,
      `redis.call('HSET', key, 'delayed', 1)`,
    ],
    [
      'a pace is explained once',
      `'delayed', 1) ~= tonumber(mostDelayed)`,
      `'delayed', 1) < tonumber(mostDelayed)`,
    ],
    [
      'a reply in time ends the row of delayed ones',
      `redis.call('HDEL', conversationKey, 'delayed')`,
      '',
    ],
    [
      'a reply that is put off waits',
      `local wait = tonumber(notBefore or '0') - tonumber(nowMs)`,
      'local wait = 0',
    ],
    [
      'the pace holds a reply back',
      'wait = reserve(pace, tonumber(nowMs), tonumber(intervalMs), tonumber(burst))',
      'wait = 0',
    ],
    [
      'what is settled does not hold up what follows',
      `redis.call('LREM', outbox, 1, id)\n    end`,
      `return { 'none' }\n    end`,
    ],
    [
      'who may not write any more is sent nothing',
      'if not allowedSince(allowed, conversation) then',
      'if false then',
      { test: 'tests/shared/removed-person.test.ts' },
    ],
    ['an attempt is begun before the POST', 'beginAttempt(key, conversationKey, now, callId)', ''],
    [
      'a state of a later version is not sent',
      `if status and not known[status] then return { 'unreadable', id } end`,
      '',
    ],
    [
      'what is no hash does not hold up what follows',
      `if redis.call('TYPE', key)['ok'] ~= 'hash' and redis.call('EXISTS', key) == 1 then return`,
      'if false then return',
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/attempt.lua', nextDeliveries, [
    [
      'an attempt is noted as such',
      `redis.call('HSET', reply, 'status', 'posting', 'attemptedAt', now, 'noted', callId)`,
      '',
    ],
    ['an attempt has a number', `return redis.call('HINCRBY', reply, 'attempts', 1)`, 'return 1'],
  ]),
  ...mutationsOf('shared/store/boxes/lua/set-aside.lua', nextDeliveries, [
    [
      'an unreadable reply goes to the dead list',
      `bury(dead, lifetimeSeconds, now, 'outbox', conversation, cjson.encode(fields))`,
      '',
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/send-rate.lua', 'tests/shared/send-rate.test.ts', [
    ['a burst ends', 'if wait > 0 then return math.ceil(wait) end', ''],
    [
      'what was sent is counted',
      `redis.call('SET', key, paid + interval,`,
      `redis.call('SET', key, paid,`,
    ],
  ]),
  ...mutationsOf('shared/store/send-rate.ts', 'tests/shared/send-rate.test.ts', [
    ['Twilio’s sandbox is slower', 'sender === sandboxNumber ?', 'false ?'],
    [
      'the owner’s own pace goes before',
      'own.PACE_SECONDS === undefined ? usual.intervalMs :',
      'true ? usual.intervalMs :',
    ],
  ]),
];
