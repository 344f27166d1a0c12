import { expect } from 'vitest';
import { boxWords } from '../../relay/admin/people/people-page.ts';
import { dollars, momentWords } from '../../relay/admin/frame/format-measures.ts';
import { stateNames } from '../../relay/admin/turns/turn-row.ts';
import { personTimes } from '../../relay/admin/turns/turn-times.ts';
import { waitingQuestion } from '../../shared/store/conversation.ts';
import { messageKinds } from '../../shared/runtime/prices/message-fees.ts';
import { dayOf } from '../../shared/store/money/spend.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createTurnList } from '../../shared/store/turns/turn-list.ts';
import type { TurnState } from '../../shared/store/turns/turn-list.ts';
import type { AdminClient } from './admin-client.ts';

/** What a turn must show, by Redis's own keys. */
export type KnownTurn = { conversation: string; state: TurnState; usd: number; messages: number };

/** Everything that the pages must show at one moment, read from Redis key by key. */
export type Known = {
  turns: Map<string, KnownTurn>;
  /** The messages that no turn has taken up, by their ids. */
  waiting: Map<string, string>;
  boxes: Map<string, { waiting: number; sending: number; parked: number }>;
  threads: Map<string, string[]>;
  statuses: Map<string, string>;
  meter: Record<string, string>;
  spentUsd: number;
  givenUp: number;
  undelivered: number;
};

const one = async (redis: Redis, key: string, field: string): Promise<string> =>
  (await redis.hget(key, field)) ?? '';

/** Which of a turn's states it has. */
async function stateOf(
  redis: Redis,
  turn: string,
  conversation: string,
  found: ReadonlySet<string>,
): Promise<TurnState> {
  if (found.has('working') || found.has('waiting')) {
    const asked = await one(redis, keys.conversation(conversation), 'questions');
    if (waitingQuestion(asked, turn)) return 'waiting for you';
    const isHeld = (await redis.exists(keys.jobLock('turns', turn))) === 1;
    return found.has('working') && isHeld ? 'working' : 'waiting';
  }
  if (found.has('failed')) return 'failed';
  if (found.has('set aside')) return 'set aside';
  const parked = await redis.lrange(keys.parked(conversation), 0, -1);
  const turns = await Promise.all(parked.map((id) => one(redis, keys.reply(id), 'turn')));
  return turns.includes(turn) ? 'parked' : 'answered';
}

/** Reads what the pages must show of these conversations. */
export async function readKnown(redis: Redis, phones: readonly string[]): Promise<Known> {
  const byTurn = new Map<string, { conversation: string; states: string[] }>();
  const waiting = new Map<string, string>();
  const statuses = new Map<string, string>();
  for (const key of (await redis.keys(keys.message('*'))).toSorted()) {
    const { turn, state = '', conversation = '' } = await redis.hgetall(key);
    const id = key.slice(keys.message('').length);
    if (state === 'refused') continue;
    statuses.set(id, state);
    if (turn === undefined) {
      if (state === 'waiting') waiting.set(id, conversation);
      continue;
    }
    const known = byTurn.get(turn) ?? { conversation, states: [] };
    known.states.push(state);
    byTurn.set(turn, known);
  }
  const turns = new Map<string, KnownTurn>();
  for (const [turn, { conversation, states }] of byTurn) {
    const state = await stateOf(redis, turn, conversation, new Set(states));
    const usd = Number(await one(redis, keys.spendTurn(turn), 'usd')) / 1e6;
    turns.set(turn, { conversation, state, usd, messages: states.length });
  }
  const boxes: Known['boxes'] = new Map();
  const threads = new Map<string, string[]>();
  for (const phone of phones) {
    const [inbox, outbox, parked] = await Promise.all(
      [keys.inbox(phone), keys.outbox(phone), keys.parked(phone)].map((key) => redis.llen(key)),
    );
    boxes.set(phone, { waiting: inbox ?? 0, sending: outbox ?? 0, parked: parked ?? 0 });
    threads.set(phone, await redis.zrange(keys.thread(phone), -60, '-1'));
  }
  for (const key of await redis.keys(keys.reply('*')))
    statuses.set(key.slice(keys.reply('').length), await one(redis, key, 'status'));
  const day = dayOf(Date.now());
  const spent = Object.entries(await redis.hgetall(keys.spend(day)));
  return {
    turns,
    waiting,
    boxes,
    threads,
    statuses,
    meter: await redis.hgetall(keys.meter(day)),
    spentUsd:
      spent.reduce((sum, [field, sums]) => sum + (field.startsWith('usd:') ? Number(sums) : 0), 0) /
      1e6,
    givenUp: [...turns.values()].filter(({ state }) => state === 'failed').length,
    undelivered: await redis.zcard(keys.failures),
  };
}

/** The rows of a list, from page to page: state, cost, and number of messages, by their ids. */
export async function readRows(admin: AdminClient, query = ''): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  let path: string | undefined = `/admin/turns${query}`;
  while (path !== undefined) {
    const { text }: { text: string } = await admin.get(path);
    const list = /aria-label="Turns found">([^]*?)<\/section>/.exec(text)?.[1] ?? '';
    for (const row of list.split('<li>').slice(1)) {
      const id = /\/admin\/turns\/([\w.-]+)/.exec(row)?.[1] ?? '';
      const state = (/<span class="tag[^>]*>([^<]*)/.exec(row)?.[1] ?? '')
        .replace(/^Waiting for .*/, 'Waiting for an answer')
        .replace(/^Waiting until .*/, 'Waiting');
      const cost = /\$[\d.]+|&lt;\$0\.01/.exec(row)?.[0].replace('&lt;', '<') ?? '';
      const messages = /(\d+) messages</.exec(row)?.[1] ?? '1';
      expect(rows.has(id), `${id} twice`).toBe(false);
      rows.set(id, `${state}|${cost}|${messages}`);
    }
    path = /rel="next" href="([^"]+)"/.exec(text)?.[1]?.replaceAll('&amp;', '&');
  }
  return rows;
}

/** The rows that a filter must leave. */
function expectedRows(
  { turns, waiting }: Known,
  { state, person }: { state?: TurnState; person?: string } = {},
): Map<string, string> {
  const isIn = (of: string, its: TurnState): boolean =>
    (state === undefined || state === its) && (person === undefined || person === of);
  const fresh = [...waiting].filter(([, conversation]) => isIn(conversation, 'waiting'));
  const known = [...turns].filter(([, turn]) => isIn(turn.conversation, turn.state));
  return new Map([
    ...fresh.map(([id]) => [id, 'Waiting||1'] as const),
    ...known.map(([id, { state: own, usd, messages }]): [string, string] => [
      id,
      `${stateNames[own]}|${usd > 0 ? dollars(usd, false) : ''}|${messages}`,
    ]),
  ]);
}

/** The lines of a page's lists of names and values. */
export function valuesOf(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/<dt>([^<]*)<\/dt><dd>(.*?)<\/dd>/g)].map(([, name = '', value = '']) => [
      name,
      value.replaceAll(/<[^>]*>/g, ''),
    ]),
  );
}

const tileOf = (text: string, name: string): string =>
  new RegExp(`>${name}</span>(.*?)</li>`)
    .exec(text)?.[1]
    ?.replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim() ?? '';

/** Compares every page with what is known; throws where they differ. */
export async function comparePages(
  admin: AdminClient,
  redis: Redis,
  phones: readonly string[],
): Promise<Known> {
  const known = await readKnown(redis, phones);
  const { turns, waiting, meter } = known;
  expect(await readRows(admin)).toEqual(expectedRows(known));
  const states = [...new Set([...turns.values()].map(({ state }) => state))];
  for (const state of states)
    expect(
      await readRows(admin, `?${new URLSearchParams({ state }).toString()}`),
      `in ${state}`,
    ).toEqual(expectedRows(known, { state }));
  for (const person of phones)
    expect(await readRows(admin, `?person=${encodeURIComponent(person)}`), `of ${person}`).toEqual(
      expectedRows(known, { person }),
    );
  const people = (await admin.get('/admin/people')).text;
  for (const person of phones) {
    const row = people.split(encodeURIComponent(person))[1]?.split('</li>')[0] ?? '';
    const box = known.boxes.get(person) ?? { waiting: 0, sending: 0, parked: 0 };
    expect(row, `of ${person}`).toContain(boxWords(box).join(' · ') || 'nothing waits');
    const thread = (await admin.get(`/admin/people/${encodeURIComponent(person)}`)).text;
    const shown = [...thread.matchAll(/<li(?: class="me")? id="([^"]+)"/g)].map(([, id]) => id);
    expect(shown).toEqual(known.threads.get(person));
    for (const id of shown) {
      const status = known.statuses.get(id ?? '') ?? '';
      const part = thread.split(`id="${id}"`)[1]?.split('</li>')[0] ?? '';
      if (status !== 'answered') expect(part, `of ${id}`).toContain(`>${status}</span>`);
    }
  }
  const looks = (await admin.get('/admin/look')).text;
  expect(looks.match(/\d+ messages? given up/g)?.length ?? 0).toBe(Math.min(known.givenUp, 30));
  expect(looks.match(/reply not delivered to/g)?.length ?? 0).toBe(Math.min(known.undelivered, 30));
  const money = valuesOf((await admin.get('/admin/money')).text);
  expect(money.get('Today')).toBe(dollars(known.spentUsd, false));
  const names = ['Messages received', 'Texts sent', 'Files sent', 'Buttons sent', 'Templates sent'];
  for (const [index, kind] of messageKinds.entries()) {
    const count = Number(meter[`messages:${kind}`] ?? 0).toLocaleString('en');
    if (count !== '0') expect(money.get(names[index] ?? '')).toContain(`${count} today`);
  }
  const overview = (await admin.get('/admin')).text;
  const idle = [...turns.values()].filter(({ state }) => state === 'waiting');
  const count = waiting.size + idle.reduce((sum, { messages }) => sum + messages, 0);
  expect(tileOf(overview, 'Waiting')).toMatch(
    new RegExp(`^${count === 0 ? 'Nothing' : `${count} messages?`} `),
  );
  const working = [...turns.values()].filter(({ state }) => state === 'working').length;
  expect(/(\d+) turns? working/.exec(overview)?.[1] ?? '0').toBe(String(working));
  expect(tileOf(overview, 'Today')).toContain(dollars(known.spentUsd, false));
  return known;
}

/** Compares a turn's page with the store's; the times are the person's, in words. */
export async function compareTurn(admin: AdminClient, redis: Redis, id: string): Promise<void> {
  const turn = await createTurnList(redis).read(id);
  if (!turn) throw new Error(`no turn ${id}`);
  const { text } = await admin.get(`/admin/turns/${id}`);
  const values = valuesOf(text);
  const { accepted, firstWord, answerSent, delivered } = personTimes(turn);
  for (const [name, time] of [
    ['Accepted', accepted],
    ['First word', firstWord],
    ['Answer sent', answerSent],
    ['Delivered', delivered],
  ] as const)
    if (time === undefined) expect(values.has(name), `${name} of ${id}`).toBe(false);
    else expect(values.get(name), `${name} of ${id}`).toContain(momentWords(time, 'UTC'));
  const pills = [...text.matchAll(/<span class="tag[^>]*>([^<]*)/g)].map(([, words = '']) => words);
  const own = pills.filter(
    (words) => words === stateNames[turn.state] || /^Waiting (?:for|until) /.test(words),
  );
  expect(own, `the state of ${id}, once`).toHaveLength(1);
  const messages = />\d+ messages?<\/h2>([^]*?)<\/section>/.exec(text)?.[1] ?? '';
  const states = new Set(turn.messages.map(({ state }) => state));
  for (const state of states)
    expect(messages.includes(`>${state}</span>`), `${state} of ${id}`).toBe(states.size > 1);
}
