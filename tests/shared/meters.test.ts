import { expect, test } from 'vitest';
import { feesOf, messageKinds, usualFees } from '../../shared/runtime/prices/message-fees.ts';
import type { MessageKind } from '../../shared/runtime/prices/message-fees.ts';
import { createFileStore } from '../../shared/store/files.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createMeters, vmNoteMs } from '../../shared/store/money/meters.ts';
import { dayOf } from '../../shared/store/money/spend.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { signIn } from '../support/admin-client.ts';
import { scaled } from '../support/machine-speed.ts';
import { password, phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { crash, startWorkerProcess } from '../support/processes.ts';
import { withRedis } from '../support/redis.ts';
import { settled } from '../support/settled.ts';
import { texts } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/** Redis's own count. */
const commandsOf = async (redis: Redis): Promise<number> =>
  Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]);

/** The twin's own count of what it has brought and taken. */
function countOf({ twin }: Pipeline): Record<MessageKind, number> {
  const counts = { received: 0, text: 0, file: 0, buttons: 0, template: 0 };
  for (const { direction } of twin.messages()) if (direction === 'inbound') counts.received += 1;
  for (const { params, sid } of twin.memory.attempts) {
    if (sid === undefined) continue;
    const isContent = params['ContentSid'] !== undefined;
    counts[isContent ? 'buttons' : params['MediaUrl'] === undefined ? 'text' : 'file'] += 1;
  }
  return counts;
}

test('messages are counted by kind as the twin does, whatever comes twice or out of order, and Redis’s commands as Redis does', async () => {
  await withPipeline({}, async (bench) => {
    const { redis, twin, say, startWorker } = bench;
    const meters = createMeters(redis);
    await meters.noteCommands();
    const before = await commandsOf(redis);
    twin.faults.set('webhook-duplicate', { copies: 3 });
    twin.faults.set('callback-before-answer', { times: 2 });
    twin.faults.set('create-reset-after', { times: 1 });
    await startWorker();
    for (const text of ['one', 'two']) {
      await say(text);
      await until(text, () => texts(bench).includes(`answer to ${text}`));
    }
    const bytes = Buffer.from('%PDF-1.4 x');
    const about = { type: 'application/pdf', name: 'a.pdf' };
    const file = await createFileStore(redis).put(bytes, about, phone);
    const deliveries = createDeliveries(redis);
    const items = [{ id: 'x.1', title: 'Yes' }];
    await createOutbox(redis, deliveries).put([
      { id: 'm.1', conversation: phone, turn: 'm', text: 'file', file },
      {
        id: 'm.2',
        conversation: phone,
        turn: 'm',
        text: 'Q?',
        choices: { kind: 'buttons', items },
      },
    ]);
    await until('both', () => texts(bench).length === 4);
    await deliveries.close();
    await settled(bench);
    const { today, month } = await meters.read(dayOf(Date.now()));
    expect(month.messages).toEqual(countOf(bench));
    expect(today.messages).toEqual(month.messages);
    expect(month.messages).toMatchObject({ received: 2, text: 2, file: 1, buttons: 1 });
    const counted = month.commands ?? 0;
    const after = await commandsOf(redis);
    // What the looks themselves take, and what the relay sends between two looks, is on either
    // side.
    expect(Math.abs(after - before - counted)).toBeLessThanOrEqual(40);
  });
});

test('a message of which nothing is found, and which is sent again, is not settled', async () => {
  await withPipeline({}, async (bench) => {
    const { redis, twin, say, startWorker } = bench;
    twin.faults.set('create-reset-after', { times: 1 });
    twin.faults.set('callbacks-dropped', { times: 3 });
    twin.faults.set('list-lags', { ms: 3600_000 });
    await startWorker({ reconciling: { firstMs: 20, lastMs: scaled(1500), blindMs: 3_600_000 } });
    await say('one');
    await until('the second copy', () => countOf(bench).text === 2);
    await settled(bench);
    const { month } = await createMeters(redis).read(dayOf(Date.now()));
    expect([month.messages.text, month.unsettled.messages]).toEqual([1, 1]);
    const admin = await signIn(bench);
    expect((await admin.get('/admin/money')).text).toContain(
      '<dt>Messages, not settled</dt><dd>up to 1 message</dd>',
    );
    const authorization = `Basic ${Buffer.from(`any:${password}`).toString('base64')}`;
    const metrics = await fetch(`${bench.relayUrl}/metrics`, { headers: { authorization } });
    expect(await metrics.text()).toContain('sidepocket_month_messages_not_settled 1\n');
  });
});

test('the seconds of a home are those of its computer’s processes, and those of a killed one are not settled', async () => {
  await withPipeline({}, async (bench) => {
    const meters = createMeters(bench.redis);
    const read = async () => (await meters.read(dayOf(Date.now()))).month;
    const spawned = Date.now();
    const worker = await startWorkerProcess(bench, { HOME_NAME: 'east' });
    await until('its start', async () => (await read()).vmMs.has('east'));
    const counted = (await read()).vmMs.get('east') ?? 0;
    const ready = Date.now();
    const ending = Date.now();
    await worker.stop();
    const [{ vmMs, unsettled }, ended] = [await read(), Date.now()];
    const settledMs = vmMs.get('east') ?? 0;
    expect(settledMs).toBeGreaterThanOrEqual(counted + ending - ready);
    expect(settledMs).toBeLessThanOrEqual(ended - spawned);
    expect(unsettled.vmMs).toBe(0);
    const killed = await startWorkerProcess(bench, { HOME_NAME: 'east' });
    await until('its start', async () => ((await read()).vmMs.get('east') ?? 0) > settledMs);
    const seenMs = ((await read()).vmMs.get('east') ?? 0) - settledMs;
    await crash(killed);
    const [again, started] = [await startWorkerProcess(bench, { HOME_NAME: 'east' }), Date.now()];
    const lastMs = Date.now() - started;
    await again.stop();
    const after = await read();
    // The killed one has settled nothing; it was awake for as long as was seen, at least.
    expect(after.unsettled.vmMs).toBeGreaterThanOrEqual(seenMs);
    expect(after.unsettled.vmMs).toBeLessThanOrEqual(Math.min(Date.now() - ended, vmNoteMs));
    expect(after.vmMs.get('east')).toBeGreaterThanOrEqual(settledMs + lastMs);
    const all = (after.vmMs.get('east') ?? 0) + after.unsettled.vmMs;
    expect(all).toBeLessThanOrEqual(Date.now() - spawned);
  });
});

test('a VM counts from its start to its end; what a kill leaves open is not settled, and nothing twice', async () => {
  await withRedis(async (redis) => {
    let now = Date.UTC(2026, 10, 30, 12);
    const meters = createMeters(redis, () => now);
    const read = async () => (await meters.read('2026-11-30')).month;
    const first = await meters.startVm('w', 'east', now - 1500);
    expect((await read()).vmMs.get('east')).toBe(1500);
    now += 60_000;
    expect((await read()).vmMs.get('east')).toBe(61_500);
    await first.note();
    now += 1000;
    await first.end();
    await first.end();
    now += 3600_000;
    expect(await read()).toMatchObject({ unsettled: { vmMs: 0, commandGaps: 0 } });
    expect((await read()).vmMs.get('east')).toBe(62_500);
    // Killed a minute after its last note, and started again two hours later.
    const killed = await meters.startVm('w', 'east', now);
    now += 30_000;
    await killed.note();
    now += 60_000;
    expect((await read()).vmMs.get('east')).toBe(152_500);
    now += 7200_000;
    expect((await read()).vmMs.get('east')).toBe(92_500);
    // Also before it is started again, if it ever is.
    expect((await read()).unsettled.vmMs).toBe(vmNoteMs);
    const next = await meters.startVm('w', 'east', now);
    expect((await read()).unsettled.vmMs).toBe(vmNoteMs);
    await killed.end();
    now += 5000;
    await next.end();
    expect((await read()).vmMs.get('east')).toBe(97_500);
  });
});

test('a Redis that begins anew is counted anew, and the gap is noted; fees are exact', async () => {
  await withRedis(async (redis) => {
    const answers = [
      'run_id:aa\r\ntotal_commands_processed:1000\r\n',
      'run_id:aa\r\ntotal_commands_processed:1500\r\n',
      'run_id:bb\r\ntotal_commands_processed:70\r\n',
      'redis_version:x\r\n',
    ];
    const told = new Proxy(redis, {
      get: (target, property) => {
        if (property === 'info') return async () => answers.shift() ?? '';
        const value: unknown = Reflect.get(target, property);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const meters = createMeters(told, () => Date.UTC(2026, 10, 30));
    await meters.noteCommands();
    await meters.noteCommands();
    await meters.noteCommands();
    const { month } = await meters.read('2026-11-30');
    expect(month).toMatchObject({ commands: 570, unsettled: { commandGaps: 1 } });
  });
  const none = Object.fromEntries(messageKinds.map((kind) => [kind, 0]));
  const messages = { ...none, received: 3, text: 4, template: 2 } as Record<MessageKind, number>;
  expect(feesOf(messages)).toEqual({ twilioUsd: 0.045, metaUsd: 0.008 });
  const fees = { twilio: 0, meta: { ...usualFees.meta, template: 0.0134 } };
  expect(feesOf(messages, fees)).toEqual({ twilioUsd: 0, metaUsd: 0.0268 });
});
