import { mutationsOf } from '../mutation.ts';

const [view, list] = ['tests/relay/owner-view.test.ts', 'tests/shared/turn-list.test.ts'];

/** What the dashboard reads, and what is noted for it. */
export const ownerView = [
  ...mutationsOf('worker/progress/watch-links.ts', view, [
    [
      'only the owner gets the address of what needs a look',
      '(await ownerOf(stores, conversation)) !== undefined',
      'true',
    ],
    ['without a dashboard no address leads to it', '(await dashboard.isThere()) &&', ''],
  ]),
  ...mutationsOf('relay/admin/overview.ts', 'tests/relay/overview.test.ts', [
    ['today is the owner’s day', 'dayOf(now, zone)', 'dayOf(now)'],
  ]),
  ...mutationsOf('shared/store/people/directory.ts', 'tests/relay/overview.test.ts', [
    ['an unknown time zone counts as missing', 'name && isTimeZone(name)', 'name'],
  ]),
  ...mutationsOf('shared/store/redis/functions/thread.lua', view, [
    [
      'a message belongs to the turn that took it up last',
      'if known == turn then return end',
      'if known then return end',
    ],
    [
      'a turn that has lost its messages is not listed',
      `if redis.call('EXISTS', left) == 0 then`,
      'if false then',
    ],
    [
      'a turn is known by its lock in the queue of any home',
      `':turns@?[a-z0-9-]*:(.+):lock$'`,
      `':turns:(.+):lock$'`,
      { test: list },
    ],
  ]),
  ...mutationsOf('shared/store/turns/lua/open-turns.lua', list, [
    ['what waits in each home is listed', 'if name ~= first then', 'if false then'],
    [
      'what is set aside is listed',
      `for _, address in ipairs(redis.call('HKEYS', allowed)) do`,
      'for _, address in ipairs({}) do',
    ],
    [
      'a turn that is put off is in the queue of its home',
      `local queue = prefix .. ':turns' .. home`,
      `local queue = prefix .. ':turns'`,
    ],
  ]),
  ...mutationsOf('shared/store/turns/lua/turns.lua', view, [
    [
      'a turn is held in the queue of its home',
      `local queue = prefix .. ':turns' .. home`,
      `local queue = prefix .. ':turns'`,
      { test: list },
    ],
    [
      'a turn of another home than the wanted one is left out',
      `if wantedHome ~= 'any' and home ~= wantedHome then return nil end`,
      '',
      { test: list },
    ],
    [
      'a message that no worker holds waits',
      `if found.working and redis.call('EXISTS', queue .. ':' .. turn .. ':lock') == 1 then`,
      'if found.working then',
    ],
    [
      'a state that was not asked for is left out',
      'if next(wanted) and not wanted[state] then return nil end',
      '',
    ],
    [
      'a page has as many turns as it may',
      'if #turns == tonumber(most) or read',
      'if read',
      { test: list },
    ],
    [
      'a day begins when it begins',
      `if since ~= '' and tonumber(ms) < tonumber(since) then return { turns, 0 } end`,
      '',
      { test: list },
    ],
  ]),
  ...mutationsOf('shared/store/boxes/lua/put.lua', view, [
    [
      'a turn that gives messages up says why',
      `if reason ~= '' then redis.call('HSET', turnRecord, 'failure', reason) end`,
      '',
    ],
  ]),
  ...mutationsOf('relay/admin/live.ts', view, [
    [
      'an open page ends with its session',
      "hadSession && !(await isSignedIn(request)) ? 'gone' : ",
      '',
    ],
    ['a page has its place while it is being written', 'open >= mostOpen', 'false'],
    [
      'a page that was closed meanwhile gives its place back',
      "response.once('close', () => (open -= 1));",
      '',
    ],
    [
      'only pages of the dashboard are followed',
      String.raw`!/^\/admin(?:[/?]|$)/.test(page)`,
      'false',
    ],
  ]),
];
