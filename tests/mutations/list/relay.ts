import { mutationsOf } from '../mutation.ts';

const [webhooks, webhook, unsigned, rateLimit] = [
  'tests/relay/webhooks.test.ts',
  'tests/relay/webhook.test.ts',
  'tests/relay/unsigned-cost.test.ts',
  'tests/relay/unsigned-rate-limit.test.ts',
];
const [parties, people, signIn, waker] = [
  'tests/relay/parties.test.ts',
  'tests/relay/people.test.ts',
  'tests/relay/sign-in.test.ts',
  'tests/relay/waker.test.ts',
];
const judged = { test: parties, named: 'to the letter' };
const late = { test: signIn, named: 'beyond a hundred' };
const lateForm = { named: 'order 415|one signature|too many parameters' };

/** What comes to the relay. */
export const relay = [
  ...mutationsOf('relay/http/form.ts', unsigned, [
    [
      '415: what is no form is refused',
      `if (type !== 'application/x-www-form-urlencoded') throw new BadRequest(415, 'not a form');`,
      '',
      lateForm,
    ],
    [
      '413: a form that says that it is large is refused',
      `if (Number(request.headers['content-length'] ?? 0) > formLimit) throw new BadRequest(413, 'form too large');`,
      '',
      {
        test: webhooks,
        named: 'exactly 64 kB',
        why: 'the bytes are counted as well; this spares reading them',
      },
    ],
    [
      '413: a form of unknown length has a bound',
      `if (size > formLimit) return reading.fail(new BadRequest(413, 'form too large'));`,
      '',
      { test: webhooks, named: 'unknown length' },
    ],
    [
      '413: a form has two hundred parameters at most',
      `if (separators >= mostParameters) return reading.fail(new BadRequest(413, 'too many parameters'));`,
      '',
      lateForm,
    ],
    [
      'a semicolon separates parameters, too',
      'if (byte === ampersand || byte === semicolon)',
      'if (byte === ampersand)',
      lateForm,
    ],
    [
      'a form that breaks off is not taken',
      `if (unfinished.has(reading)) reading.fail(`,
      `if (false) reading.fail(`,
      { test: 'tests/relay/forms.test.ts', named: 'breaks off' },
    ],
    [
      'all bodies together have a bound',
      `oldest.fail(new BadRequest(503, 'no room for a form that takes so long'));`,
      'void oldest;',
      { named: 'all bodies together' },
    ],
    [
      'what is not signed is not kept',
      'if (keep) append(reading, chunk);',
      'append(reading, chunk);',
      { why: 'without it the bytes are dropped at the end of the request instead of at once' },
    ],
  ]),
  ...mutationsOf('relay/http/signed-form.ts', unsigned, [
    [
      '403: a wrong signature is refused',
      `if (!verify(url, form, signature)) throw new BadRequest(403, 'no valid signature');`,
      '',
      { test: webhooks, named: 'without a signature' },
    ],
    [
      '403: what has not the form of a signature is never parsed',
      `if (!isSigned) throw new BadRequest(403, 'no valid signature');`,
      '',
      { named: 'one signature' },
    ],
    [
      '429: an address over its count is refused before its form is read',
      `if (!looksSigned(request.headers['x-twilio-signature']) && unsignedRateLimit.turnsAway(request)) throw turnedAway();`,
      '',
      { named: 'over its count' },
    ],
    [
      'a wrong request counts',
      `if (!(error instanceof BadRequest && error.status === 503)) unsignedRateLimit.noteWrong(request);`,
      '',
      { test: rateLimit, named: 'passes from there' },
    ],
    [
      'large forms are checked one at a time',
      'if (body.length > smallForm) await myTurn();',
      '',
      { named: 'one in a turn' },
    ],
    [
      'a form of a suspect address comes at once',
      '? suspectMs : undefined',
      '? undefined : undefined',
      { named: 'over its count' },
    ],
  ]),
  ...mutationsOf('shared/twilio/signature.ts', 'tests/relay/signature.test.ts', [
    [
      'a signature is compared whole',
      'return isSameSecret(given, expected);',
      'return expected.length === given.length;',
    ],
    [
      'the path and its query are signed',
      'const rest = pathAndQuery + canonical(parameters);',
      'const rest = canonical(parameters);',
    ],
    [
      'the secondary token is taken',
      'authTokens.map((token)',
      'authTokens.slice(0, 1).map((token)',
    ],
    ['the address may be written without its port', '[`${scheme}${host}${base}`, ', '['],
    [
      'a value that comes twice counts once',
      'if (name === lastName && value === lastValue) continue;',
      '',
    ],
  ]),
  ...mutationsOf('shared/twilio/parties.ts', parties, [
    [
      'another account’s webhook is not ours',
      `if (account !== accountSid) return { foreign: 'account' };`,
      '',
      judged,
    ],
    [
      'another number’s webhook is not ours',
      `if (!isOurs(ours)) return { foreign: 'our number' };`,
      '',
      judged,
    ],
    ['an SMS is not ours', '|| !isOnWhatsapp(theirs)) return', ') return', judged],
    [
      'a parameter that comes twice in different words is no parameter',
      'return others.every((other) => other === first) ? first : undefined;',
      'return first;',
      { test: parties, named: 'comes twice' },
    ],
  ]),
  ...mutationsOf('shared/twilio/webhook.ts', webhook, [
    [
      '400: a message has an id',
      `if (!isMessageSid(id)) throw new BadRequest(400, 'no MessageSid');`,
      `if (id === null) throw new BadRequest(400, 'no MessageSid');`,
    ],
    [
      '400: a message has a sender',
      `if (from === undefined) throw new BadRequest(400, 'no sender: From is neither a number nor a user id of WhatsApp');`,
      `if (from === undefined) return { ...({} as Message), id };`,
    ],
    [
      'ten files of a message are believed at most',
      "Math.min(Number(form.get('NumMedia')) || 0, mostMedia)",
      "Number(form.get('NumMedia')) || 0",
    ],
    ['a file has an address', '.filter((file) => URL.canParse(file.url))', ''],
  ]),
  ...mutationsOf('relay/http/form-handlers.ts', webhooks, [
    [
      'what is not for us is not taken',
      `if ('foreign' in judgement) return leave('/webhook', judgement.foreign);`,
      `if ('foreign' in judgement) void leave;`,
      { test: parties, named: 'signed and not for us' },
    ],
    [
      'a callback that is not for us changes nothing',
      `if ('foreign' in judgement) return leave('/webhook/status', judgement.foreign);`,
      '',
      { test: parties, named: 'a status callback' },
    ],
    [
      'the allow list',
      'if (!sender) return refuse(parsed.conversation);',
      'if (!sender) return void (await parts.receive(parsed, { address: parsed.conversation, conversation: parsed.conversation, proven: [], rivals: [] }));',
      { named: 'a stranger' },
    ],
    [
      'a person’s messages in a minute',
      'if (!senders.admit(sender.conversation)) {',
      'if (false) {',
      { test: rateLimit, named: 'told once' },
    ],
    [
      'a repeat does not count for the limit',
      `if (outcome !== 'new') senders.giveBack(sender.conversation);`,
      '',
      { test: rateLimit, named: 'told once' },
    ],
    [
      '400 comes before everything that Twilio has signed and is not for us',
      '      requireSid(form);\n      const judgement',
      '      const judgement',
      { named: 'of two faults' },
    ],
    [
      'Redis has a deadline',
      `throw new Error('Redis took too long');`,
      `return new Promise<never>(() => undefined) as T;`,
      { test: 'tests/relay/form-handlers.test.ts' },
    ],
  ]),
  ...mutationsOf('relay/people/people.ts', people, [
    [
      'an alias counts only while its person may write',
      'return target === undefined ? undefined : ownOf(target)?.conversation;',
      'return target;',
    ],
    [
      'two addresses that may not write prove nothing',
      'for (const { other } of known) await aliases.forget(other);',
      '',
    ],
    [
      'who may not write by either address may not write',
      '        return undefined;\n      }\n      return known[0]',
      '      }\n      return known[0]',
    ],
    [
      'a number is a person by itself',
      'if (byNumber) return',
      'if (byNumber && ids.length === 0) return',
    ],
  ]),
  ...mutationsOf('relay/http/rate-limit.ts', 'tests/relay/rate-limit.test.ts', [
    ['a share is used up', 'if (count >= perMinute) return false;', ''],
    ['the next minute begins anew', 'counts.clear();', ''],
    [
      'endless keys do not fill the memory',
      'if (count === 0 && counts.size >= mostKeys) forgetFirst();',
      '',
    ],
    [
      'what is given back is no more than was taken',
      'else counts.delete(key);',
      'else counts.set(key, count - 1);',
    ],
  ]),
  ...mutationsOf('relay/http/client-address.ts', 'tests/relay/rate-limit.test.ts', [
    [
      'what a client writes of itself is not believed',
      'if (!isProxy(peer, trust)) return networkOf(peer);',
      '',
    ],
    [
      'an IPv6 network is one client',
      `return family === 6 ? \`\${prefixOf(plain)}::/64\` : 'unknown';`,
      `return family === 6 ? plain : 'unknown';`,
    ],
    [
      'proxies are believed as far as they stand in front',
      `told.slice(-(trust === 'fly' ? hopsOnFly : trust))`,
      'told',
    ],
    [
      'a machine of Fly’s private network is no proxy',
      `trust === 'fly' ? !isWithin(peer, neighboursOnFly)`,
      `trust === 'fly' ? true`,
    ],
  ]),
  ...mutationsOf('relay/http/unsigned-rate-limit.ts', rateLimit, [
    [
      'an address over its count is turned away',
      'turnsAway: (request) => wrong.isUsedUp(originOf(request, proxies)),',
      'turnsAway: () => false,',
      { named: 'passes from there' },
    ],
    [
      'who guesses addresses of files is turned away',
      'if (unsignedRateLimit.turnsAway(request)) {\n      response',
      'if (false) {\n      response',
      { named: 'guesses addresses' },
    ],
    [
      'who has a file’s address is not counted',
      'if (response.statusCode < 400 || response.statusCode >= 500) forgive();',
      '',
      { named: 'guesses addresses' },
    ],
  ]),
  ...mutationsOf('relay/http/connections.ts', 'tests/relay/connections.test.ts', [
    [
      'connections have a bound',
      'if (open.size >= mostOpen) {',
      'if (false) {',
      { named: 'network with the most' },
    ],
    [
      'an answer on its way is not cut off',
      'if (current?.request.complete && !current.response.writableFinished) continue;',
      '',
      { named: 'on its way' },
    ],
    [
      'what Twilio has signed on stays',
      'if (isTrusted(socket)) continue;',
      '',
      { named: 'more silent' },
    ],
    [
      'the network with the most gives up its own first',
      'if (network === crowd) return socket;',
      '',
      { named: 'the network' },
    ],
    [
      'one read brings a few requests',
      'return entry.atOnce <= mostAtOnce &&',
      'return',
      { test: unsigned, named: 'one read' },
    ],
  ]),
  ...mutationsOf('relay/http/server.ts', unsigned, [
    [
      'a body in crumbs is cut off',
      'if (chunk === null || pieces < mostPieces) {',
      'if (true) {',
      { named: 'in crumbs' },
    ],
    [
      'who sends crumbs sends nothing in chunks',
      `crumbled.take('all');`,
      '',
      { named: 'in crumbs' },
    ],
    [
      'a refused sender does not go on for ever',
      'if (dropped > mostDropped) request.socket.destroy();',
      '',
      {
        test: 'tests/relay/malformed.test.ts',
        why: 'the limit of ten seconds for a request ends it, too; this spares reading until then',
      },
    ],
  ]),
  ...mutationsOf('relay/admin/sign-in-rate-limit.ts', signIn, [
    [
      'ten wrong passwords from an address',
      `if (byAddress.isUsedUp(address)) return 'too many';`,
      '',
      late,
    ],
    [
      'a hundred wrong passwords in all',
      `if (inAll.take('all') || late >= mostLate) return 'wrong';`,
      `return 'wrong';`,
      late,
    ],
    [
      'others keep the right password not out',
      `    if (password.isRight(attempt)) return 'right';\n    byAddress.take(address);`,
      `    byAddress.take(address);\n    if (inAll.isUsedUp('all')) return 'wrong';\n    if (password.isRight(attempt)) return 'right';`,
      late,
    ],
  ]),
  ...mutationsOf('relay/admin/session.ts', signIn, [
    [
      'a copied cookie ends after thirty days',
      '|| now() - at >= lifetime) return false;',
      ') return false;',
      { named: 'a copied cookie' },
    ],
    [
      'a session that was signed out stays so',
      'return (await redis.zscore(keys.endedSessions, nameOf(id))) === null;',
      'return true;',
      { named: 'a sign-out holds' },
    ],
    [
      'a form carries a token of ours',
      'return isSameSecret(given, own);',
      'return true;',
      { test: 'tests/relay/admin.test.ts', named: 'nothing is changed without' },
    ],
  ]),
  ...mutationsOf('relay/admin/csrf.ts', 'tests/relay/admin.test.ts', [
    [
      'another origin’s form is refused',
      'if (isOwn && (site',
      'if ((site',
      { named: 'nothing is changed without' },
    ],
    [
      'another site’s form is refused',
      `if (isOwn && (site === undefined || site === 'same-origin' || site === 'none'))`,
      'if (isOwn)',
      { named: 'nothing is changed without' },
    ],
  ]),
  ...mutationsOf('relay/admin/sign-in.ts', 'tests/relay/admin.test.ts', [
    [
      'a sign-in leads to no other site',
      '/^\\/admin(?:[/?][\\w./?=&%+-]*)?$/.test(to)',
      `to !== ''`,
      { named: 'a sign-in leads' },
    ],
    [
      'what is behind the sign-in asks for it',
      `router.use(['/admin', '/metrics'], guard(sessions, attempt));`,
      '',
      { named: 'nothing is changed without' },
    ],
  ]),
  ...mutationsOf('relay/http/media.ts', 'tests/relay/media.test.ts', [
    [
      'a file of Claude’s does not run as a page of ours',
      `response.setHeader('Content-Security-Policy',`,
      `response.setHeader('X-Nothing',`,
      { named: 'cannot break out' },
    ],
    [
      'a name cannot break out of its header',
      "file.name.replaceAll(/[^\\w.-]+/g, '-')",
      'file.name',
      { named: 'cannot break out' },
    ],
    [
      'a token has the form of one',
      '/^[\\w-]{16,64}$/.test(token) ? await files.find(token)',
      'true ? await files.find(token)',
      { named: 'malformed' },
    ],
    [
      'a look at the headers is no fetch',
      `    if (request.method === 'HEAD') {\n      response.end();\n      return;\n    }`,
      '',
      { named: 'noted as fetched' },
    ],
  ]),
  ...mutationsOf('relay/pages/routes.ts', 'tests/relay/pages.test.ts', [
    [
      'an address that leads nowhere is 404',
      'response.status(page ? 200 : 404)',
      'response.status(200)',
      { named: 'wrong, changed' },
    ],
    [
      'a page that cannot be laid out is shown as text',
      'return answerPage(page, plainRendering(page.markdown));',
      'throw error;',
      { named: 'cannot be laid out' },
    ],
    [
      'a browser asks again before the page expires',
      'Math.min(Math.floor((page.expires.getTime() - now()) / 1000), freshSeconds)',
      'freshSeconds',
      { named: 'asks again' },
    ],
  ]),
  ...mutationsOf('relay/wake/waker.ts', waker, [
    ['a look that failed is repeated', 'lookIn(times.lastPauseMs);', ''],
    ['what is asked during a look is not forgotten', 'lookAgain = true;', ''],
    [
      'one wake is under way at most',
      `    if (looking) {\n      lookAgain = true;\n      return;\n    }`,
      '',
    ],
    [
      'while somebody is alive Redis is not asked',
      'if (!forced && now() < aliveUntil && nextLook <= aliveUntil + graceMs) return;',
      '',
    ],
    ['a wake that is over says nothing', '(await begin(now())) !== began', 'false'],
    ['a job that is due is looked at', 'lookIn(need.nextDue - now());', ''],
    [
      'a stop ends looking',
      '  const start = (forced: boolean): void => {\n    if (stopped) return;',
      '  const start = (forced: boolean): void => {',
    ],
    [
      'a person hears once that it takes long',
      'elapsed > times.tellMs && !told',
      'elapsed > times.tellMs',
      {
        test: 'tests/sleep/waking.test.ts',
        named: 'a slow wake',
        why: 'the notice’s id is that of the wake and the person, so it comes once anyway; this spares asking who waits in each round',
      },
    ],
    [
      'a person hears that it does not wake up',
      'tellFailing(began);',
      '',
      { test: 'tests/sleep/waking.test.ts', named: 'does not succeed' },
    ],
  ]),
  ...mutationsOf('relay/small-heap.ts', 'tests/relay/small-heap.test.ts', [
    [
      'after the start the whole heap is collected',
      "setTimeout(() => collect('major'), startedMs).unref();",
      "setTimeout(() => collect('minor'), startedMs).unref();",
    ],
  ]),
];
