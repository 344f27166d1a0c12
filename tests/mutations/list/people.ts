import { mutationsOf } from '../mutation.ts';

const [people, decisions, commands, limit, personOf, slots] = [
  'tests/shared/people.test.ts',
  'tests/shared/decisions.test.ts',
  'tests/worker/people-commands.test.ts',
  'tests/worker/day-limit.test.ts',
  'tests/secrets/person-of.test.ts',
  'tests/worker/slots.test.ts',
];

/** Who a person is, who lets people in and out, and that none takes more than a fair share. */
export const persons = [
  ...mutationsOf('shared/store/redis/functions/person.lua', people, [
    [
      'two people with a number each stay two',
      'id ~= other and hasNumber(id) and hasNumber(other)',
      'false',
    ],
    [
      'the older record stays',
      'if since(other) .. other < since(one) .. one then one, other = other, one end',
      '',
    ],
    ['a joined record’s id is remembered', "append(kept, 'former', other)", ''],
  ]),
  ...mutationsOf('shared/store/people.ts', people, [
    [
      'both spellings of a number are one person',
      'isPhoneNumber(address) ? canonicalNumber(address) : address',
      'address',
    ],
  ]),
  ...mutationsOf('shared/store/people/lua/decide.lua', decisions, [
    [
      'a question is decided once',
      "if by then return { by == message and outcome or 'used', kind, address } end",
      '',
    ],
    ['only a yes decides', "choice ~= 'yes' and 'cancelled' or ", ''],
    ['the owner cannot be removed', "if gone[owner] then return 'owner' end", ''],
    [
      'a bounded number of invitations waits',
      "if open >= tonumber(mostOpen) then return 'many' end",
      '',
    ],
    ['who may write is not invited', "return 'already' end", 'end'],
    [
      'an invitation holds for all of a person’s addresses',
      'setAllowed(prefix, allowed, other, invited)',
      '',
      { test: commands },
    ],
    [
      'a removal holds for the other spelling',
      'if gone[originOf(known[index + 1])] then add(known[index]) end',
      '',
    ],
    [
      'a removal holds for both listed spellings',
      'for other in wordsOf(spelling) do add(other) end',
      '',
    ],
    [
      'a removed person’s links are gone',
      'for id in pairs(ids) do revokeLinks(prefix, id) end',
      '',
    ],
    ['what waits is set aside', 'setAside(prefix, who, setAsideSeconds)', ''],
  ]),
  ...mutationsOf('shared/store/redis/functions/invitation.lua', decisions, [
    ['an invitation ends', 'return not isLate', 'return true'],
    [
      'an invitation is used up by a message',
      'or accepted)',
      "or accepted .. ' until ' .. expiry)",
    ],
  ]),
  ...mutationsOf('shared/store/redis/functions/invitation.lua', commands, [
    [
      'a first message uses an invitation up for all addresses',
      'if also then setAllowed(prefix, allowed, other, also) end',
      '',
    ],
  ]),
  ...mutationsOf('worker/commands/people-commands.ts', commands, [
    ['a person of two addresses is listed once', 'ids[index] ?? address', 'address'],
    ['only those who are listed are read', '.slice(0, mostListed)', ''],
  ]),
  ...mutationsOf('shared/store/boxes/set-aside.ts', commands, [
    [
      'what is set aside counts in all of a person’s conversations',
      '...(person?.conversations ?? [])',
      '',
    ],
  ]),
  ...mutationsOf('relay/people/membership.ts', 'tests/relay/many-people.test.ts', [
    [
      'a start of a relay asks not after each person',
      'setAside.among(list.current())',
      'list.current()',
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/with-set-aside.lua', 'tests/relay/many-people.test.ts', [
    [
      'what a person’s other conversation has set aside is found',
      'if hasAny(conversation) then return true end\n',
      '',
    ],
  ]),
  ...mutationsOf('relay/people/lua/allow.lua', decisions, [
    [
      'a removal in the chat outlives a relay’s list',
      'isInvited(value) or isOut(value) and address ~= owner',
      'isInvited(value)',
    ],
    ['an invitation outlives a relay’s list', ' and not isGuest(words)', ''],
    ['the configured owner may write', ' and address ~= owner\n', '\n'],
  ]),
  ...mutationsOf('relay/people/allow-list.ts', decisions, [
    ['who was removed in the chat is not on the list', '!isOut(fields[address])', 'true'],
    ['who was invited is on the list', ', ...(invited ?? [])', ''],
  ]),
  ...mutationsOf('worker/commands/owner-only.ts', commands, [
    [
      'only the owner gives the owner’s commands',
      "owner === undefined ? 'Only the owner can do that.' : ",
      '',
    ],
  ]),
  ...mutationsOf('shared/store/owner.ts', commands, [
    ['another person is not the owner', 'one === other ? owner : undefined', 'owner'],
  ]),
  ...mutationsOf('worker/commands/invite-commands.ts', commands, [
    ['a text is no tap', 'if (message.choice?.id !== `/${kind} ${argument}`)', 'if (false)'],
  ]),
  ...mutationsOf('shared/store/money/lua/model-open.lua', limit, [
    ['the owner’s limit goes before the budget', 'own or tonumber(dayLimit)', 'tonumber(dayLimit)'],
    ['a person does not raise the owner’s limit', 'if not own and on == day', 'if on == day'],
    [
      'a budget counts all conversations of a person',
      'for other in pairs(isOwn) do',
      'for other in pairs({ [name] = true }) do',
    ],
  ]),
  ...mutationsOf('worker/questions/budget.ts', limit, [
    ['the owner’s limit is not asked about', '!limit.grant', 'false'],
    [
      'the owner’s limit holds where there is no budget',
      'limitOf(known().person ?? {}) === undefined',
      'true',
    ],
    ['only the first check trusts what the turn has read', 'isFirst = false;', ''],
  ]),
  ...mutationsOf('worker/secrets/secrets.ts', personOf, [
    [
      'what was set since stays',
      '{ ...theirs.secrets, ...own.secrets }',
      '{ ...own.secrets, ...theirs.secrets }',
    ],
    ['what was taken over is removed', 'await directory.remove(fileOf(former));', ''],
  ]),
  ...mutationsOf('worker/secrets/secret-desk.ts', personOf, [
    [
      'another person’s secret is not taken',
      '!(await namesOf(conversation)).includes(found.person)',
      'false',
    ],
  ]),
  ...mutationsOf('worker/process/slots.ts', slots, [
    ['only another person waits for a slot', 'queued.person !== person', 'true'],
    [
      'slots go round by person',
      'holds < bestHolds || (holds === bestHolds && at < bestAt)',
      'false',
    ],
    [
      'who holds fewer slots is next',
      'holds < bestHolds || (holds === bestHolds && at < bestAt)',
      'at < bestAt',
    ],
  ]),
  ...mutationsOf('worker/turn/steering.ts', 'tests/worker/steering.test.ts', [
    ['who waits for a slot is not kept waiting', ' || (open.size === 0 && slot.isWanted())', ''],
    [
      'steering goes on while others wait',
      '(open.size === 0 && slot.isWanted())',
      'slot.isWanted()',
    ],
  ]),
  ...mutationsOf('shared/store/lua/reserve-file.lua', 'tests/shared/file-store.test.ts', [
    ['a share is a person’s', 'personOf(prefix, conversation) or conversation', 'conversation'],
  ]),
  ...mutationsOf('worker/schedules/tools.ts', 'tests/worker/schedule-calls.test.ts', [
    [
      'schedules are counted by person',
      'judgeRepeating(read.schedule, all,',
      'judgeRepeating(read.schedule, present,',
    ],
  ]),
  ...mutationsOf('shared/store/lua/schedule-run.lua', 'tests/shared/schedule-runs.test.ts', [
    [
      'runs are counted by person',
      'ipairs((purseOf(prefix, conversation)))',
      'ipairs({ conversation })',
    ],
  ]),
];
