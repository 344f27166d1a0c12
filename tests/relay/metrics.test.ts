import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { keys } from '../../shared/store/redis/keys.ts';
import { createSpend, dayOf } from '../../shared/store/money/spend.ts';
import { password, phone } from '../support/pipeline.ts';
import { messageForm, withRelay } from '../support/relay-bench.ts';
import type { RelayBench } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

const basic = {
  Authorization: `Basic ${Buffer.from(`prometheus:${password}`).toString('base64')}`,
};

async function scrape({ relayUrl }: RelayBench): Promise<string> {
  const response = await fetch(`${relayUrl}/metrics`, { headers: basic });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  return await response.text();
}

/** The value of a metric with its labels as Prometheus writes them. */
function valueOf(text: string, name: string): number | undefined {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

test('what happened is in the metrics: messages, how long Twilio waited, turns, replies, failures by code, spend', async () => {
  await withRelay({}, async (bench) => {
    const { say, post, startWorker, replies, redis, twin } = bench;
    await startWorker();
    await say('hello');
    await until('the answer', () => replies().length === 1);
    await until(
      'its delivery',
      async () => (await redis.hget(keys.counts, 'status:delivered')) === '1',
    );
    await post('/webhook', messageForm(), { 'X-Twilio-Signature': 'wrong' });
    await createSpend(redis).record({
      conversation: phone,
      answer: 'a',
      day: dayOf(Date.now()),
      usage: { inputTokens: 1, outputTokens: 1, costUsd: 2.5 },
    });
    twin.chat.closeWindow(phone);
    const form = messageForm({ Body: 'the twin does not know of this one' });
    expect((await post('/webhook', form)).status).toBe(200);
    await until('the refusal', async () => (await redis.hget(keys.counts, 'code:63016')) !== null);
    const text = await scrape(bench);
    expect(valueOf(text, 'sidepocket_redis_memory_bytes{kind="used"}')).toBeGreaterThan(500_000);
    expect(valueOf(text, 'sidepocket_redis_memory_bytes{kind="most"}')).toBe(0);
    expect(valueOf(text, 'sidepocket_webhooks_total{outcome="new"}')).toBe(2);
    expect(valueOf(text, 'sidepocket_ack_seconds_count{path="/webhook",status="200"}')).toBe(2);
    expect(valueOf(text, 'sidepocket_ack_seconds_count{path="/webhook",status="403"}')).toBe(1);
    expect(valueOf(text, 'sidepocket_replies_total{status="delivered"}')).toBe(1);
    expect(valueOf(text, 'sidepocket_replies_total{status="parked"}')).toBe(1);
    expect(valueOf(text, 'sidepocket_delivery_failures_total{code="63016"}')).toBe(1);
    expect(valueOf(text, 'sidepocket_turns{state="completed"}')).toBe(2);
    expect(valueOf(text, 'sidepocket_turns{state="failed"}')).toBe(0);
    expect(valueOf(text, 'sidepocket_spend_dollars{time="day"}')).toBeGreaterThanOrEqual(2.5);
    expect(valueOf(text, 'sidepocket_messages_waiting')).toBe(0);
    expect(valueOf(text, 'sidepocket_vm_awake')).toBe(1);
    expect(text).not.toContain(phone.slice(1));
  });
});

test('the metrics are behind the password, and while Redis is away they are those of the relay itself', async () => {
  await withRelay({}, async (bench) => {
    expect(
      (
        await fetch(`${bench.relayUrl}/metrics`, {
          headers: { Accept: 'application/json' },
          redirect: 'manual',
        })
      ).status,
    ).toBe(401);
    await bench.redisServer.stop();
    const text = await scrape(bench);
    expect(text).toContain('sidepocket_resident_bytes');
    expect(text).not.toContain('sidepocket_vm_awake');
    await bench.restartRedis();
    await until('the rest is back', async () =>
      (await scrape(bench)).includes('sidepocket_vm_awake 0'),
    );
  });
});

const Dashboard = z.object({
  title: z.string(),
  templating: z.object({ list: z.array(z.object({ name: z.string(), type: z.string() })) }),
  panels: z
    .array(
      z.object({
        id: z.number(),
        title: z.string().min(1),
        type: z.string(),
        gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
        targets: z
          .array(z.object({ expr: z.string().min(1), datasource: z.object({ uid: z.string() }) }))
          .min(1),
      }),
    )
    .min(5),
});

test('the Grafana dashboard asks for metrics that there are, and each of ours has its place', async () => {
  const dashboard = Dashboard.parse(
    JSON.parse(
      readFileSync(path.join(import.meta.dirname, '..', '..', 'docs', 'grafana.json'), 'utf8'),
    ),
  );
  expect(dashboard.templating.list).toMatchObject([{ name: 'datasource', type: 'datasource' }]);
  await withRelay({}, async (bench) => {
    const known = new Map(
      [...(await scrape(bench)).matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(
        ([, name = '', type = '']) => [name, type],
      ),
    );
    const asked = new Set<string>();
    for (const { title, targets } of dashboard.panels) {
      for (const { expr, datasource } of targets) {
        expect(datasource.uid).toBe('${datasource}');
        const names = [...expr.matchAll(/\bsidepocket_\w+/g)].map(([name]) => name);
        expect(names.length, `in ${title}`).toBeGreaterThan(0);
        for (const name of names) {
          const base = known.has(name) ? name : name.replace(/_(bucket|count|sum)$/, '');
          expect(known.get(base), `${name} in ${title}`).toBe(
            name === base ? known.get(base) : 'histogram',
          );
          expect(known.has(base), `${name} in ${title}`).toBe(true);
          asked.add(base);
        }
      }
    }
    expect([...asked].toSorted()).toEqual([...known.keys()].toSorted());
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
