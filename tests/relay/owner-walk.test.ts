import { expect, test } from 'vitest';
import { createMeters } from '../../shared/store/money/meters.ts';
import { createSpend, dayOf, total } from '../../shared/store/money/spend.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { createTurnList } from '../../shared/store/turns/turn-list.ts';
import type { Turn } from '../../shared/store/turns/turn-list.ts';
import { dollars } from '../../relay/admin/frame/format-measures.ts';
import { stateNames } from '../../relay/admin/turns/turn-row.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { signIn } from '../support/admin-client.ts';
import type { AdminClient } from '../support/admin-client.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { createRandom } from '../support/random.ts';
import { withRelay } from '../support/relay-bench.ts';
import { settled } from '../support/settled.ts';
import { until } from '../support/until.ts';

/** The state, the cost and the count of messages of each turn, from page to page of the list. */
async function rowsOf(admin: AdminClient): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  let path: string | undefined = '/admin/turns';
  while (path !== undefined) {
    const { text }: { text: string } = await admin.get(path);
    const list = /aria-label="Turns found">([^]*?)<\/section>/.exec(text)?.[1] ?? '';
    for (const row of list.split('<li>').slice(1)) {
      const id = /\/admin\/turns\/([\w.-]+)/.exec(row)?.[1] ?? '';
      const state = /<span class="tag[^>]*>([^<]*)/.exec(row)?.[1] ?? '';
      const cost = /\$[\d.]+|&lt;\$0\.01/.exec(row)?.[0].replace('&lt;', '<') ?? '';
      const messages = /(\d+) messages</.exec(row)?.[1] ?? '1';
      rows.set(id, `${state} ${cost} ${messages}`);
    }
    path = /rel="next" href="([^"]+)"/.exec(text)?.[1]?.replaceAll('&amp;', '&');
  }
  return rows;
}

/** The same by the store at this moment. */
async function expectedRows(redis: Redis): Promise<Map<string, string>> {
  const list = createTurnList(redis);
  const turns = await list.readAll(await redis.zrange(keys.turnTimes, 0, '-1'));
  const words = ({ state, costUsd, messages }: Turn): string =>
    `${stateNames[state]} ${costUsd > 0 ? dollars(costUsd, false) : ''} ${messages.length}`;
  return new Map(turns.map((turn) => [turn.id, words(turn)]));
}

/** The lines of a page's lists of names and values. */
function valuesOf(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/<dt>([^<]*)<\/dt><dd>(.*?)<\/dd>/g)].map(([, name = '', value = '']) => [
      name,
      value.replaceAll(/<[^>]*>/g, ''),
    ]),
  );
}

/** Returns how many turns there were. */
async function walk(count: number, seed: number): Promise<number> {
  let turns = 0;
  await withRelay({}, async (bench) => {
    const { say, startWorker, redis, twin } = bench;
    const random = createRandom(seed);
    const spend = createSpend(redis);
    await startWorker({
      answer: async (text, { id }) => {
        const cents = random.below(400);
        await redis.hincrby(keys.spendTurn(id), 'usd', cents * 10_000);
        if (text.startsWith('fail')) throw new AgentFailure('refused', 'not today');
        return text.startsWith('long') ? `${'words '.repeat(700)}` : `answer to ${text}`;
      },
    });
    twin.faults.set('create-429', { probability: 0.1, seed });
    twin.faults.set('create-reset-after', { probability: 0.05, seed });
    twin.faults.set('callbacks-shuffled', { probability: 0.3, seed });
    twin.faults.set('webhook-duplicate', { probability: 0.2, seed, copies: 2 });
    const kinds = ['plain', 'fail', 'long', '/status', '/cost'];
    for (let index = 0; index < count; index += 1) {
      const kind = kinds[random.below(kinds.length)] ?? 'plain';
      const text = kind.startsWith('/') ? kind : `${kind} ${index}`;
      await say(text, random.below(3) === 0 ? otherPhone : phone);
      // Now and then the next one is steered into the same turn.
      if (random.below(4) > 0) await settled(bench);
    }
    await settled(bench);
    const inboxes = [keys.inbox(phone), keys.inbox(otherPhone)];
    await until('everything is over', async () =>
      (
        await Promise.all([...inboxes, keys.outbox(otherPhone)].map((key) => redis.llen(key)))
      ).every((size) => size === 0),
    );
    const admin = await signIn(bench);
    const rows = await rowsOf(admin);
    expect(rows).toEqual(await expectedRows(redis));
    turns = rows.size;
    expect((await admin.get('/admin/turns')).text).toContain(`${rows.size} turns kept`);
    for (const [id, row] of rows) {
      const page = (await admin.get(`/admin/turns/${id}`)).text;
      expect(page, `of ${id}`).toContain(row.split(' $')[0]?.split('  ')[0] ?? '');
    }
    const day = dayOf(Date.now());
    const [money, { today, month }, spent] = [
      valuesOf((await admin.get('/admin/money')).text),
      await createMeters(redis).read(day),
      await spend.read(day),
    ];
    expect(money.get('Today')).toBe(dollars(total(spent.today).costUsd, false));
    expect(money.get('Messages received')).toBe(
      `${today.messages.received} today, ${month.messages.received} this month`,
    );
    expect(money.get('Texts sent')).toBe(
      `${today.messages.text} today, ${month.messages.text} this month`,
    );
    const people = (await admin.get('/admin/people')).text;
    expect(people).toContain('2 conversations');
    expect(people.match(/nothing waits/g)).toHaveLength(2);
    const failed = [...rows.values()].filter((row) => row.startsWith('Failed')).length;
    const looks = (await admin.get('/admin/look')).text;
    expect(looks.match(/not today/g)?.length ?? 0).toBeGreaterThanOrEqual(Math.min(failed, 1));
  });
  return turns;
}

test('every number and state on the pages is that of the store, over varied turns with faults', async () => {
  expect(await walk(12, 7)).toBeGreaterThan(4);
});

test(
  'every number and state on the pages is that of the store, over two hundred turns with faults',
  { tags: 'long', timeout: 1_800_000 },
  async () => {
    expect(await walk(200, 11)).toBeGreaterThan(80);
  },
);
