import { mutationsOf } from '../mutation.ts';

const typed = 'tests/worker/typed-choices.test.ts';

/** When a text counts as a tap on the choices of a command. */
export const typedChoices = [
  ...mutationsOf('worker/questions/typed-choice.ts', typed, [
    ['no text decides where only a tap may', '!choices || choices.tapOnly ||', '!choices ||'],
    ['what was not sent was not read', 'unread.has(status)', 'false'],
    [
      'Claude’s own question reads its answers itself',
      "if (!choices.items.every(({ id }) => id.startsWith('/') || id.startsWith('after.')))\n    return undefined;",
      '',
    ],
    ['a text from before the choices is no answer', 'sent < at || ', ''],
    ['a stop stays a stop', " && readStop(text) !== 'stop'", ''],
    ['choices expire', 'sent > at + lifetimeMs || ', ''],
    ['what was said later is what a text is about', 'sent >= until || ', ''],
    ['an open question that came later is meant', ' || askedAt >= at', ''],
    ['another request ends them', 'Date.parse(other.at) >= at &&', 'false &&'],
    [
      'numbers that are not shown do not count',
      'if (named.length > 0 || told) return',
      'if (named.length > 0) return',
    ],
  ]),
  ...mutationsOf('worker/questions/typed-taps.ts', typed, [
    [
      'a quote of something else belongs to that',
      ': quotes.get(id);',
      ': await ledger.find(offered ?? quoted);',
    ],
  ]),
  ...mutationsOf('worker/turn/dispatch.ts', typed, [
    [
      'a number stops as its button does',
      "context.mailbox.post({ kind: 'failed', error });",
      'void error;',
      { named: 'each command' },
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/put.lua', typed, [
    [
      'an answer of Claude’s ends what was offered',
      "if over == '' then redis.call('HSET', conversationKey, 'offeredUntil', now) end",
      '',
      { named: 'each command' },
    ],
  ]),
];
