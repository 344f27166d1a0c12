import { expect, test } from 'vitest';
import { dayLabel } from '../../relay/admin/money/plot.ts';
import { parseRelayConfig } from '../../relay/config.ts';
import { areUsual, feesDate, usualFees } from '../../shared/runtime/prices/message-fees.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createSpend, dayOf } from '../../shared/store/money/spend.ts';
import { countCommands } from '../../simulator/idle-cost/command-count.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { signIn } from '../support/admin-client.ts';
import { phone } from '../support/pipeline.ts';
import { withRelay } from '../support/relay-bench.ts';
import { settled } from '../support/settled.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

/** The variables that a relay needs. */
const complete = {
  PUBLIC_URL: 'https://relay.example',
  REDIS_URL: 'redis://127.0.0.1:1',
  TWILIO_ACCOUNT_SID: `AC${'1'.repeat(32)}`,
  TWILIO_AUTH_TOKEN: 'test-auth-token',
  TWILIO_WHATSAPP_NUMBER: '+15550100000',
  ALLOWED_SENDERS: phone,
};

const failing = new AgentFailure('no-credit', 'Your credit balance is too low');

test('the overview tells of the VM, the turns, what was spent, the dead letters and the versions, and whatever was said is only text', async () => {
  await withRelay({ PRETEND_COSTS: '1' }, async (bench) => {
    const { redis, say, startWorker, replies } = bench;
    const admin = await signIn(bench);
    expect((await admin.get('/admin')).text).toContain('None yet. Send a message to begin.');
    await createSpend(redis).record({
      conversation: phone,
      answer: 'a',
      day: dayOf(Date.now()),
      usage: { inputTokens: 1, outputTokens: 1, costUsd: 1.25 },
    });
    await redis.rpush(keys.wakes, 2612);
    await redis.hset(
      keys.ownerWords,
      'memory',
      JSON.stringify({ at: new Date().toISOString(), text: 'Redis is <full>' }),
    );
    await startWorker({
      answer: async (text) => {
        if (text.includes('fail')) throw failing;
        return 'done';
      },
    });
    const sid = await say('<script>alert(1)</script> & "quotes"');
    await until('the answer', () => replies().length === 1);
    await settled(bench);
    const failed = await say('please fail');
    await until('the sentence', () => replies().length === 2);
    await settled(bench);
    const { text, status, headers } = await admin.get('/admin');
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    for (const part of [
      'Awake',
      'pretend\u00a0$1.25',
      '&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&quot;',
      'please fail',
      '1 message given up',
      'Your credit balance is too low',
      `/admin/turns/${sid}`,
      `/admin/turns/${failed}`,
      'Answer sent in',
      'Needs a look',
      'Redis is &lt;full&gt;',
      '2.6\u00a0s',
      'Redis',
      process.versions.node,
      '<svg',
    ])
      expect(text).toContain(part);
    expect(text.match(/\$\d/g)).toHaveLength(text.match(/pretend\u00a0\$\d/g)?.length ?? 0);
    // One script, which the policy names; without it the page is the same.
    const nonce = /<script nonce="([^"]+)"/.exec(text)?.[1] ?? '-';
    expect(text.match(/<script/g)).toHaveLength(1);
    expect(headers.get('content-security-policy')).toContain(`'nonce-${nonce}'`);
    // For reading only: nothing to press but the sign-out.
    expect([...text.matchAll(/<button[^>]*>([^<]*)/g)].map(([, label]) => label)).toEqual([
      'Sign out',
    ]);
    await redis.flushall();
    expect((await admin.get('/admin')).status).toBe(200);
  });
});

test('today is the owner’s day, as in /cost; the budget is a line in the plot, and the fees have their date', async () => {
  await withRelay({ BUDGET_USD_PER_MONTH: '30' }, async (bench) => {
    const { redis, say } = bench;
    await say('hello');
    // One whose day is another than UTC's at any time.
    const isLate = new Date().getUTCHours() >= 11;
    const timezone = isLate ? 'Pacific/Kiritimati' : 'Pacific/Pago_Pago';
    await redis.hset(keys.conversation(phone), 'timezone', timezone);
    const day = dayOf(Date.now(), timezone);
    expect(day).not.toBe(dayOf(Date.now()));
    const usage = { inputTokens: 1, outputTokens: 1, costUsd: 1.25 };
    await createSpend(redis).record({ conversation: phone, answer: 'a', day, usage });
    const admin = await signIn(bench);
    expect((await admin.get('/admin')).text).toContain('<a href="/admin/money">$1.25</a>');
    const money = (await admin.get('/admin/money')).text;
    for (const part of [
      '<dt>Today</dt><dd>$1.25</dd>',
      '<dt>Budget of the month</dt><dd>$30.00</dd>',
      '<line x1="0"',
      // Hover says a day's value; so does the list for touch.
      `<title>${dayLabel(day)}: $1.25</title>`,
      `<dt>${dayLabel(day)}</dt><dd>$1.25 · 1 answer</dd>`,
      `fees of ${feesDate}`,
      '<dt>Messages received</dt>',
    ])
      expect(money).toContain(part);
    const thread = (await admin.get(`/admin/people/${encodeURIComponent(phone)}`)).text;
    expect(thread).toContain('$1.25 today, $1.25 this month');
    // An unknown time zone counts as missing.
    await redis.hset(keys.conversation(phone), 'timezone', 'Mars/Base');
    expect((await admin.get('/admin')).text).toContain('Times are those of UTC');
  });
  const changed = parseRelayConfig({ ...complete, MESSAGE_FEES: '{"template": 0.02}' });
  expect([usualFees, parseRelayConfig(complete).MESSAGE_FEES].map(areUsual)).toEqual([true, true]);
  expect(areUsual(changed.MESSAGE_FEES)).toBe(false);
});

test('a turn tells its story: messages, attempts, steps with their time, replies with their fate, cost', async () => {
  await withRelay({}, async (bench) => {
    const { say, startWorker, replies, redis } = bench;
    await startWorker({
      answer: async (text, _turn, tool) => {
        tool('Bash');
        return `did ${text}`;
      },
    });
    const sid = await say('look at the login page');
    await until('the answer', () => replies().length === 1);
    const reply = await until(
      'the reply',
      async () => (await redis.lrange(keys.turnReplies(sid), 0, -1))[0],
    );
    await until(
      'its delivery',
      async () => (await redis.hget(keys.reply(reply), 'status')) === 'delivered',
    );
    await settled(bench);
    // As the model proxy counts it.
    await redis.hset(keys.spendTurn(sid), 'usd', 1000, 'fresh', 10, 'out', 12);
    const admin = await signIn(bench);
    const { status, text } = await admin.get(`/admin/turns/${sid}`);
    expect(status).toBe(200);
    for (const part of [
      'look at the login page',
      'did look at the login page',
      '>delivered<',
      '>Answered<',
      'Answer sent',
      'Delivered',
      'Bash',
      '&lt;$0.01',
      '10 in, 12 out',
      phone,
      replies()[0]?.sid ?? '-',
    ])
      expect(text).toContain(part);
    expect(text).toMatch(/Bash<\/span>\s*<span class="soft small num right">\+[\d.]+\u00a0m?s</);
    for (const other of [
      'wait',
      'meta',
      'events',
      '12345',
      `SM${'0'.repeat(32)}`,
      '..%2f..%2fqueues',
      'x'.repeat(500),
    ]) {
      const missing = await admin.get(`/admin/turns/${other}`);
      expect(missing.status, `of ${other}`).toBe(404);
      expect(missing.text).toContain('This is not here');
    }
  });
});

test('when nobody looks the dashboard sends no Redis command', { tags: 'long' }, async () => {
  await withRelay({}, async (bench) => {
    const admin = await signIn(bench);
    expect((await admin.get('/admin')).status).toBe(200);
    // What follows a start, too, is over when nothing has come for a while.
    const count = await countCommands(bench.redisServer.url);
    try {
      await until('the start is over', () => Date.now() - count.lastAt() > scaled(1500));
      count.reset();
      await new Promise((resolve) => setTimeout(resolve, scaled(3000)));
      expect(count.read()).toEqual({ total: 0, commands: [] });
      await admin.get('/admin');
      expect(count.read().total).toBeGreaterThan(5);
    } finally {
      await count.stop();
    }
  });
});
