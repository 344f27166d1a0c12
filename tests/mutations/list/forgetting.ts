import { mutationsOf } from '../mutation.ts';

const [forgetting, meters] = ['tests/worker/forget.test.ts', 'tests/shared/meters.test.ts'];

/** Forgetting a person, and what is counted. */
export const forgettingList = [
  ...mutationsOf('shared/store/forget/lua/erase-said.lua', forgetting, [
    [
      'the id of a forgotten message stays claimed',
      `    redis.call('HSET', key, 'conversation', '', 'state', 'forgotten')`,
      '',
    ],
    [
      'a turn without anything left goes with its messages',
      'if turn ~= current and not hasLeft(turn) then',
      'if false then',
    ],
    [
      'a reply that is being posted stays',
      `if redis.pcall('HGET', reply, 'status') == 'posting' then`,
      'if false then',
      { test: 'tests/shared/repeated-scripts.test.ts' },
    ],
  ]),
  ...mutationsOf('shared/store/forget/lua/allow-anew.lua', forgetting, [
    [
      'the backfill takes in nothing that is older',
      `(since == 'the beginning' or since < at)`,
      'false',
    ],
  ]),
  ...mutationsOf('shared/store/forget/erase.ts', forgetting, [
    ['what a job has failed for is forgotten', 'await turns.queueOf(home).trimEvents(0);', ''],
    ['the jobs of forgotten turns go', 'queue.remove(id), ', ''],
    ['the records of forgotten turns go', ', records.drop(id)', ''],
  ]),
  ...mutationsOf('shared/twilio/erase-copies.ts', forgetting, [
    [
      'the contents with a person’s words are deleted',
      'sids: await contents.withWordsTo(address),',
      'sids: [],',
    ],
  ]),
  ...mutationsOf('shared/twilio/erase-copies.ts', 'tests/shared/questions-at-twilio.test.ts', [
    ['contents of other programs stay', 'digest === undefined || ', ''],
    ['contents without words stay', ' || !haveWords(types)', ''],
    ['a young content stays', '!isYoung && ', ''],
    [
      'a content that a question would use stays',
      '(await contents.dropIdle(digest, sid, idleMs))',
      'true',
    ],
    ['an account that may not list contents has none', ' || statusOf(error) === 403', ''],
  ]),
  ...mutationsOf('shared/twilio/messenger.ts', 'tests/shared/questions-at-twilio.test.ts', [
    ['contents are listed for two at once', '{ ...listedContents }', 'listedContents'],
  ]),
  ...mutationsOf('shared/twilio/messenger.ts', forgetting, [
    [
      'a content with words is noted for its person',
      'if (form.hasWords) await contents.noteWords(message.to, form.digest, contentSid);',
      '',
    ],
  ]),
  ...mutationsOf('worker/export/export.ts', 'tests/worker/export.test.ts', [
    ['what is too old for an export is left out', 'if (size > room) break;', ''],
    ['what is too large for an export is left out', 'if (bytes && size <= room) {', 'if (bytes) {'],
  ]),
  ...mutationsOf('shared/store/money/meters.ts', meters, [
    [
      'a killed computer’s time is not settled',
      'openMs += Number(since) >= begins ? vmNoteMs : 0;',
      'openMs += 0;',
    ],
  ]),
  ...mutationsOf('worker/forget/home-files.ts', forgetting, [
    [
      'what a move has set aside is forgotten',
      '(?:aside|left|',
      '(?:aside|',
      { named: 'nothing is forgotten while' },
    ],
  ]),
  ...mutationsOf('worker/forget/home-files.ts', forgetting, [
    ['what a move has left here is forgotten', 'aside|left|', 'aside|'],
  ]),
  ...mutationsOf('worker/forget/forget.ts', forgetting, [
    [
      'a copy on another computer is named',
      'if (person.epoch > 0) throw new Error(elsewhere);',
      '',
    ],
  ]),
  ...mutationsOf('worker/commands/forget-commands.ts', forgetting, [
    [
      'a yes that comes during work forgets nothing',
      `busy ? 'work' : await forgetting`,
      'await forgetting',
    ],
  ]),
  ...mutationsOf('shared/store/forget/forget-state.ts', forgetting, [
    [
      'only an answer to the question forgets',
      `if ((await redis.get(keys.forgetAsked(conversation))) !== token) return undefined;`,
      '',
    ],
    ['the same yes goes on', 'if (known?.by === by.id) return known;', ''],
  ]),
  ...mutationsOf('shared/store/money/lua/model-open.lua', 'tests/worker/day-limit.test.ts', [
    ['a month’s budget bounds all people', `if spent >= most then return 'month' end`, ''],
    [
      'what is open counts for the month',
      'heldByMonth > 0 and spent + heldByMonth >= most',
      'false',
    ],
  ]),
  ...mutationsOf('worker/questions/budget.ts', 'tests/worker/day-limit.test.ts', [
    ['only the owner raises the month’s budget', 'if (!(await mayRaiseMonth())) return limit;', ''],
  ]),
  ...mutationsOf('shared/store/boxes/lua/accepted.lua', meters, [
    [
      'a message that Twilio has taken is counted',
      'if isFirst then meterSent(tagOf(reply), now, reply) end',
      '',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/begin.lua', meters, [
    [
      'a message that is sent again without having been found is not settled',
      'if isRepeated then',
      'if false then',
    ],
  ]),
  ...mutationsOf('shared/store/money/lua/meter-vm.lua', meters, [
    [
      'what was killed is noted once',
      `elseif knownMs == fromMs and knownHome == home then`,
      'else',
    ],
  ]),
];
