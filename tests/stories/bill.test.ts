import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createSpend, dayOf, monthOf } from '../../shared/store/money/spend.ts';
import type { ModelUse } from '../../shared/store/money/spend.ts';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { BillEntry } from '../../simulator/model/bill.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { said, tap, withStory, workspaceOf } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/**
 * Asks the model past Claude Code, with what the agent's own environment has, and prints the
 * statuses. Each of these costs about half a cent.
 */
const curl = (count: string): string =>
  // Claude Code keeps it from its commands; whatever has the same user can read it all the same.
  `ANTHROPIC_API_KEY=$(tr "\\0" "\\n" < /proc/$PPID/environ | sed -n s/^ANTHROPIC_API_KEY=//p); for i in $(seq ${count}); do printf '{"model":"claude-opus-5-5","stream":true,"messages":[{"role":"user","content":"say %04000d"}]}' 7 | ` +
  `curl -s -o /dev/null -w '%{http_code} ' "$ANTHROPIC_BASE_URL/v1/messages" -H "x-api-key: $ANTHROPIC_API_KEY" -d @- ; done | tee statuses`;

const stories: Story[] = [
  {
    matches: (asked) => /^curl \d+$/.test(asked),
    next: ({ results }, asked) =>
      results[0]
        ? text(results[0].text)
        : callTool('Bash', { command: curl(asked.slice(5)), description: 'Ask' }),
  },
  {
    matches: (asked) => asked === 'delegate',
    next: ({ results }) =>
      results.length > 0
        ? text('delegated')
        : callTool('Agent', {
            description: 'help',
            prompt: 'run: echo helped',
            subagent_type: 'general-purpose',
            run_in_background: false,
          }),
  },
  { matches: (asked) => asked === 'long', next: () => text('word '.repeat(400)) },
];

/** A machine under load may take long to start a program; that is not the question here. */
const silence = { idleMs: 60_000, toolMs: 100_000 };

const kinds = ['input', 'output', 'cacheWrite5m', 'cacheWrite1h', 'cacheRead'] as const;
const sumOf = (entries: Pick<BillEntry, (typeof kinds)[number]>[]): number[] =>
  kinds.map((kind) => entries.reduce((sum: number, entry) => sum + entry[kind], 0));

/** What the account says today, once nothing is open. */
async function accountOf({ redis }: StoryBench): Promise<ReadonlyMap<string, ModelUse>> {
  await until('no open request', async () => (await redis.hlen(keys.modelOpen)) === 0);
  return await createSpend(redis).use(dayOf(Date.now()));
}

/** The sessions of a phone, as Redis knows them. */
const sessionsOf = ({ redis }: StoryBench, from: string): Promise<string[]> =>
  redis.zrange(keys.sessions(from), '0', '-1');

test(
  'the account is the model’s bill, token by token and person by person: with tools, helpers, retries, cut streams, a stop, a curl of the agent’s and another person',
  { tags: 'long' },
  async () => {
    await withStory({ stories, withCache: true, worker: { silence } }, async (bench) => {
      const { model } = bench;
      await Promise.all([bench.say('run: echo one'), bench.say('run: echo two', otherPhone)]);
      await Promise.all([said(bench, 'one'), said(bench, 'two', otherPhone)]);
      model.faults.overloaded = 1;
      model.faults.cut = 1;
      await bench.say('say after trouble');
      await said(bench, 'after trouble');
      await bench.say('delegate');
      await said(bench, 'delegated');
      await bench.say('curl 2', otherPhone);
      await said(bench, '200 200', otherPhone);
      // It is stopped in a pause between two pieces, the first of which has passed.
      model.faults.deltaMs = 2000;
      const before = model.bill.length;
      await bench.say('long');
      await until('the first piece', () => (model.bill[before]?.output ?? 0) > 1);
      await bench.say('/stop');
      await said(bench, 'Stopped');
      model.faults.deltaMs = 0;
      const use = await accountOf(bench);
      const mine = new Set(await sessionsOf(bench, phone));
      const bill = Map.groupBy(model.bill, ({ session }): string =>
        session !== undefined && mine.has(session) ? phone : otherPhone,
      );
      expect(bill.get(phone)?.length).toBeGreaterThan(7);
      for (const who of [phone, otherPhone] as const) {
        const counted = use.get(who);
        expect([who, counted && sumOf([counted]), counted?.requests]).toEqual([
          who,
          sumOf(bill.get(who) ?? []),
          bill.get(who)?.length,
        ]);
      }
      expect(model.bill.find(({ session }) => session === undefined)).toBeDefined();
      // The one home has sent them all.
      const month = monthOf(dayOf(Date.now()));
      const homes = [...(await createSpend(bench.redis).homes(month)).values()];
      expect(homes.map((home) => [sumOf([home]), home.requests])).toEqual([
        [sumOf(model.bill), model.bill.length],
      ]);
      // Each turn has its own part of it, the stopped one as well.
      const turns = (await bench.jobs('completed')).filter(
        (job) => job.returnvalue.inputTokens > 0,
      );
      expect(turns).toHaveLength(6);
      const reads = sumOf(model.bill).reduce((sum, amount) => sum + amount, 0);
      expect(
        turns.reduce(
          (sum, { returnvalue }) => sum + returnvalue.inputTokens + returnvalue.outputTokens,
          0,
        ),
      ).toBe(reads);
      expect(
        turns.filter(({ returnvalue }) => returnvalue.messages === 0 && returnvalue.costUsd > 0),
      ).toHaveLength(1);
    });
  },
);

test(
  'forty requests by curl: what goes beyond the budget is refused there and then, Claude Code stops at once, and goes on by the person’s leave',
  { tags: 'long' },
  async () => {
    await withStory(
      { stories, environment: { BUDGET_USD_PER_TURN: '0.1' }, worker: { silence } },
      async (bench) => {
        await bench.say('curl 40');
        // Forty programs are started one after the other.
        const question = await until(
          'the question',
          () => bench.replies().find(({ text: words }) => words.includes('Shall I go on?')),
          80_000,
        );
        expect(question.text).toMatch(/^This task has cost \$0\.1\d?; its budget is \$0\.10/);
        const statuses = await readFile(path.join(await workspaceOf(bench), 'statuses'), 'utf8');
        expect(statuses).toMatch(/^(200 )+(402 )+$/);
        expect(statuses.split(' ').filter(Boolean)).toHaveLength(40);
        const { redis, model } = bench;
        const spent = (await createSpend(redis).use(dayOf(Date.now()))).get(phone)?.costUsd ?? 0;
        expect([spent >= 0.1, spent < 0.11]).toEqual([true, true]);
        // Nothing of what was refused has reached the model.
        expect(model.requests).toHaveLength(1 + statuses.split('200').length - 1);
        await tap(bench, question, 'Continue? +$1');
        // The note that it may go on comes behind the words of the question, whose answer is the
        // statuses.
        await until(
          'the answer',
          () => bench.replies().find(({ text: words }) => words.startsWith('200 ')),
          60_000,
        );
      },
    );
  },
);
