import { mutationsOf } from '../mutation.ts';

const [links, page, browser, store, chat, hiding, blanking, names, commands] = [
  'tests/links/links.test.ts',
  'tests/links/link-page.test.ts',
  'tests/links/secret-page.test.ts',
  'tests/secrets/secret-store.test.ts',
  'tests/secrets/secret-chat.test.ts',
  'tests/secrets/hide-secrets.test.ts',
  'tests/secrets/blanking.test.ts',
  'tests/secrets/secret-name.test.ts',
  'tests/secrets/command-environment.test.ts',
];

/** Links in a chat, and people's secrets. */
export const secrets = [
  ...mutationsOf('shared/store/boxes/intake.ts', 'tests/secrets/secret-chat.test.ts', [
    [
      'a value that was written into the chat is not kept',
      'const kept = asKept(message);',
      'const kept = message;',
      { named: 'every way' },
    ],
  ]),
  ...mutationsOf('shared/store/links/links.ts', links, [
    [
      'the whole digest is compared',
      'link && isSameSecret(Buffer.from(digest), Buffer.from(link.digest)) ? link : undefined',
      'link',
    ],
    ['an expired link is not open', '&& expires > now()', ''],
    ['a used link is not open', 'used < link.uses && expires', 'expires'],
  ]),
  ...mutationsOf('shared/store/links/lua/use-link.lua', links, [
    [
      'an expired link is not used',
      "if (tonumber(expires) or 0) <= tonumber(nowMs) then return 'over' end",
      '',
    ],
    [
      'one browser uses a link',
      "if (tonumber(used) or math.huge) >= (tonumber(uses) or 0) then return 'used' end",
      '',
    ],
    [
      'its browser may repeat that',
      "if redis.call('HEXISTS', link, 'by:' .. browser) == 1 then return 'ok' end",
      '',
    ],
  ]),
  ...mutationsOf('shared/store/links/lua/add-link.lua', links, [
    [
      'the oldest link makes room',
      "redis.call('DEL', linkPrefix .. old)\n    redis.call('ZREM', links, old)",
      '',
    ],
    ['a link leaves Redis', "redis.call('PEXPIREAT', link, forgetMs)", ''],
  ]),
  ...mutationsOf('shared/store/redis/functions/links.lua', links, [
    [
      'a person revokes own links only',
      "if redis.call('ZREM', list, id) == 1 then",
      "redis.call('ZREM', list, id)\n    if true then",
    ],
  ]),
  ...mutationsOf('relay/people/lua/allow.lua', 'tests/relay/allow-list.test.ts', [
    [
      'a removed person’s links are revoked',
      'revokeLinks(prefix, address)',
      '',
      { named: 'links' },
    ],
  ]),
  ...mutationsOf('relay/links/routes.ts', page, [
    ['a form needs the page’s cookie', 'cookie === undefined || !isOwnForm', '!isOwnForm'],
    ['another site’s form is refused', '|| !isOwnForm(request)', ''],
    ['an empty form uses nothing up', '|| !handler.isWhole(form)', ''],
    ['a link is used once', "if (use !== 'ok') return show(response, 410, overPage());", ''],
    ['a page is not kept', "'Cache-Control': 'no-store' })", '})'],
  ]),
  ...mutationsOf('relay/links/secret-links.ts', page, [
    [
      'nothing waits for a removed person',
      "if (outcome === 'refused') await sealed.remove(id);\n      else look();",
      'look();',
    ],
  ]),
  ...mutationsOf('relay/links/seal-secret.js', browser, [
    ['the value does not stay in the page', "field.value = '';", ''],
    ['a short value is said', 'if (value.length < least)', 'if (false)'],
  ]),
  ...mutationsOf('worker/secrets/kept-directory.ts', store, [
    ['a link is not followed', '| constants.O_NOFOLLOW', ''],
    ['the directory is closed to others', '&& (about.mode & 0o077) === 0', ''],
    ['a file is closed to others', "open(file, 'wx', 0o600)", "open(file, 'wx', 0o644)"],
  ]),
  ...mutationsOf('worker/secrets/secrets.ts', store, [
    [
      'a person has fifty secrets',
      "if (!(name in stored.secrets) && Object.keys(stored.secrets).length >= mostSecrets)\n        return 'many';",
      '',
    ],
    [
      'each worker makes the same key',
      "const key = known ?? (await directory.read('key'));",
      'const key = known ?? Buffer.from(randomBytes(keyBytes));',
    ],
  ]),
  ...mutationsOf('worker/secrets/secrets.ts', store, [
    [
      'a long value is refused',
      "if (bytes.length > mostSecretBytes) return { fault: 'long' };",
      '',
    ],
    ['a NUL is refused', "if (value.includes('\\0')) return { fault: 'odd' };", ''],
  ]),
  ...mutationsOf('worker/secrets/secret-desk.ts', chat, [
    ['what was stored is emptied', "if (outcome === 'set') await sealed.empty(link);", ''],
  ]),
  ...mutationsOf('worker/secrets/secret-name.ts', names, [
    ['a reserved name is refused', 'reserved.test(name) && !known.test(name)', 'false'],
  ]),
  ...mutationsOf('worker/secrets/hide-secrets.ts', hiding, [
    ['an event is blanked', 'yield blankTexts(event, blank)', 'yield event'],
    ['a message is blanked', 'tools.sendMessage(clean(input))', 'tools.sendMessage(input)'],
    [
      'a plan is blanked',
      'tools.decidePlan(clean(plan), signal)',
      'tools.decidePlan(plan, signal)',
    ],
    ['a schedule is blanked', 'tools.scheduleTurn(clean(input))', 'tools.scheduleTurn(input)'],
    ['a failure is blanked', 'error.message = blank(error.message);', ''],
    ['a suggestion is blanked', 'onSuggestion(blank(suggestion))', 'onSuggestion(suggestion)'],
  ]),
  ...mutationsOf('worker/secrets/blanking.ts', blanking, [
    ['base64 is blanked anywhere', 'return [0, 1, 2].flatMap(', 'return [0].flatMap('],
    [
      'a cut value is blanked',
      "if (blanked.includes('…')) blanked = blankCuts(blanked, forms);",
      '',
    ],
    [
      'a value that line breaks have split is blanked',
      "if (blanked.includes('\\n')) blanked = blankBroken(blanked, forms);",
      '',
      { named: 'line breaks split it' },
    ],
    [
      'what an output begins or ends with of a value is blanked',
      'return isPiece ? blankEdges(blanked, forms) : blanked;',
      'return blanked;',
      { named: 'line breaks split it' },
    ],
    ['a value that a shell has quoted is blanked', '...shellForms(value),', ''],
    ['hexadecimal comes in both cases', '[hex, hex.toUpperCase(), ', '[hex, '],
    ['escapes come in both cases', ', (escape) => escape.toLowerCase()', ', (escape) => escape'],
    ['the longest goes first', 'other.length - one.length', 'one.length - other.length'],
  ]),
  ...mutationsOf('shared/runtime/log.ts', blanking, [
    [
      'the log is blanked',
      'maskNumbers(blank(line))',
      'maskNumbers(line)',
      { named: 'in the log' },
    ],
  ]),
  ...mutationsOf('worker/agent/model/sessions.ts', commands, [
    ['an ended session’s token is over', 'ofCommands.delete(commandName);', ''],
  ]),
  ...mutationsOf('worker/agent/sandbox/command-environment.ts', commands, [
    ['a quote in a value stays in it', ".replaceAll(\"'\", String.raw`'\\''`)", ''],
  ]),
];
