import { mutationsOf } from '../mutation.ts';

const [intake, inbox, outbox, conversation] = [
  'tests/shared/intake.test.ts',
  'tests/shared/inbox.test.ts',
  'tests/shared/outbox.test.ts',
  'tests/shared/conversation.test.ts',
];

const removed = { test: 'tests/shared/removed-person.test.ts' };

/** Messages on their way in, and replies on their way into the outbox. */
export const boxes = [
  ...mutationsOf('shared/store/boxes/lua/accept.lua', intake, [
    [
      'a message is claimed once',
      `if redis.call('HSETNX', message, 'conversation', conversation) == 1 then`,
      `redis.call('HSETNX', message, 'conversation', conversation) if true then`,
    ],
    [
      'a late message goes before what was said after it',
      `if last and (atOf(last) or '') > at then`,
      'if false then',
    ],
    [
      'a late message does not go before what is being worked on',
      `redis.call('HGET', messagePrefix .. id, 'state') == 'waiting' then`,
      'true then',
    ],
    ['a late message is put in once', 'if not placed and isLater', 'if isLater'],
    [
      'a late message does not go before one of the same time or older',
      `local isLater = id and time > at and time <= saidLaterUntil`,
      `local isLater = id`,
    ],
    [
      'a message that waits without a turn is stranded',
      `local isOpen = state == 'waiting' or`,
      `local isOpen =`,
    ],
    [
      'a message at work without a turn is stranded',
      `or state == 'working'\n    if isOpen`,
      `\n    if isOpen`,
    ],
    [
      'a message whose turn is there is not stranded',
      `isOpen and redis.call('EXISTS', deduplication) == 0 then return 'stranded'`,
      `isOpen then return 'stranded'`,
    ],
    ['a duplicate gets no turn', `    keepJobAway()\n    local state`, '    local state'],
    [
      'a message from elsewhere gets no turn here',
      `      keepJobAway()\n      return 'elsewhere`,
      `      return 'elsewhere`,
    ],
    [
      'what a known address proves leads to its conversation',
      'if known and known ~= conversation then return known end',
      '',
    ],
    ['answers go to the address that wrote last', 'if since and since <= at or', 'if since or'],
    [
      'what a message proves of its sender is kept',
      `redis.call('HSET', aliases, alias, conversation)`,
      '',
    ],
    ['who may not write is not taken in', 'if not since or isEarly', 'if isEarly', removed],
    [
      'what was written before its writer was allowed is not taken in',
      'sender.missed and string.sub(at, 1, 19) < since',
      'false',
      removed,
    ],
    [
      'a message’s claim expires',
      `redis.call('EXPIRE', message, lifetimeSeconds)\n  redis.call('SET', tag`,
      `redis.call('SET', tag`,
      { test: 'tests/shared/retention.test.ts' },
    ],
  ]),
  ...mutationsOf('shared/store/boxes/intake.ts', intake, [
    [
      'a claimed id is remembered for eight days at least',
      'Math.max(retentionDays, leastClaimDays)',
      'retentionDays',
      { test: 'tests/shared/intake.test.ts', named: 'eight days' },
    ],
    [
      'a duplicate leaves no placeholder behind',
      'callOf(clearPlaceholderScript',
      `callOf({ ...clearPlaceholderScript, name: 'sidepocketNothing', lua: 'return 0' }`,
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/turn.lua', inbox, [
    [
      'fence of taking messages up',
      `if isFenced() then return 'fenced' end\n    if redis.call('EXISTS', job)`,
      `if redis.call('EXISTS', job)`,
    ],
    [
      'a job that is gone does not come back as a piece of itself',
      `if redis.call('EXISTS', job) == 1 then\n      if data`,
      'if true then\n      if data',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/requeue-given-up.lua', inbox, [
    [
      'fence of bringing messages back',
      `if isFenced() then return 'fenced' end\n    return once(call`,
      'return once(call',
    ],
    ['bringing back a second time changes nothing', 'if count == 0 then return 0 end', ''],
    [
      'who asked for messages back leaves the inbox',
      `if idOf(raw) == askedBy then redis.call('LREM', inbox, 1, raw) end`,
      '',
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/requeue.lua', inbox, [
    [
      'what is brought back says so',
      'raw = string.sub(raw, 1, -2) .. \',"again":true}\'',
      'raw = raw',
    ],
    ['what comes back comes in its order', 'for i = #back, 1, -1 do', 'for i = 1, #back do'],
    [
      'an expired claim is not renewed without an end',
      `if redis.call('EXISTS', key) == 1 then redis`,
      'if true then redis',
    ],
    [
      'what came back is not kept a second time',
      `redis.call('HDEL', conversation, 'failed', 'failedMeta')`,
      '',
    ],
  ]),
  ...mutationsOf('shared/store/lua/conversation.lua', conversation, [
    ['fence of what a conversation remembers', `if isFenced() then return 'fenced' end`, ''],
  ]),
  ...mutationsOf('shared/store/boxes/lua/put.lua', outbox, [
    ['fence of an answer', `if isFenced() then return 'fenced' end\n    if token`, 'if token'],
    [
      'a reply is put once',
      `if redis.call('HSETNX', key, 'id', reply.id) == 1 then`,
      `redis.call('HSETNX', key, 'id', reply.id) if true then`,
    ],
    [
      'an answered message leaves the inbox',
      `if id and settled[id] and redis.call('LREM', inbox, 1, raw) > 0 then`,
      'if id and settled[id] and 0 > 0 then',
    ],
    [
      'only answered messages leave the inbox',
      'if id and settled[id] and redis',
      'if id and redis',
    ],
    [
      'answered messages behind others leave the inbox',
      'if #entries < 50 then break end',
      'if true then break end',
    ],
    [
      'who may not write any more is not answered',
      `if token ~= '' and not allowedSince(allowed, conversation) then return 'not allowed' end`,
      '',
      removed,
    ],
    [
      'an expired claim of an answered message is not renewed',
      `if isKnown and not isGivenUp then redis.call('HSET', key, 'state', state) end`,
      `redis.call('HSET', key, 'state', state)`,
    ],
    [
      'the attempts of an answered message are forgotten',
      `redis.call('HDEL', attempts, id)\nend`,
      'end',
    ],
    [
      'what cannot be read goes to the dead list',
      `then bury(dead, lifetimeSeconds, now, 'inbox'`,
      `then (function() end)(dead, lifetimeSeconds, now, 'inbox'`,
    ],
    [
      'an answer’s price counts although another has the turn',
      `if price ~= '' then record(price) end`,
      `if price ~= '' and not isFenced() then record(price) end`,
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/withdraw.lua', outbox, [
    ['fence of taking replies back', `if isFenced() then return 'fenced' end`, ''],
    ['what is being posted is not taken back', `if status == 'waiting' and aside`, 'if aside'],
    ['an answer is not taken back', 'and aside and (onlyTurn', 'and (onlyTurn'],
    ['a stop takes back its own turn’s words only', `and (onlyTurn == '' or turn == onlyTurn)`, ''],
  ]),
  ...mutationsOf('shared/store/redis/functions/given-up.lua', outbox, [
    ['what was given up is kept once', 'if not known[raw] then all', 'if true then all'],
  ]),
  ...mutationsOf('shared/store/redis/functions/outbox-order.lua', outbox, [
    [
      'what is urgent goes first',
      `if urgent and not otherUrgent then goesBehind = status ~= 'posting' end`,
      '',
    ],
    [
      'what is urgent does not go before what is being posted',
      `goesBehind = status ~= 'posting' end`,
      'goesBehind = true end',
    ],
    [
      'what failed late does not go before what is urgent',
      'if otherUrgent and not urgent then goesBehind = false end',
      '',
    ],
    [
      'replies come back in the order in which they were said',
      `local goesBehind = (tonumber(otherSeq or '0') or 0) > own`,
      'local goesBehind = false',
      { test: 'tests/shared/ledger.test.ts' },
    ],
  ]),
];
