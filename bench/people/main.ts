import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readArguments } from '../../shared/runtime/command-line.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createQueues } from '../../shared/store/all-queues.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import { usualRetentionDays } from '../../shared/store/redis/retention.ts';
import { createStores } from '../../shared/store/stores.ts';
import { runRedisServer } from '../../simulator/redis-server.ts';
import { startBacklogChild } from '../backlog-child.ts';
import { phoneOf } from '../backlog-message.ts';

/**
 * Measures what a person and a message take of Redis: `node bench/people/main.ts [--people 20]
 * [--messages 4] [--length 200]`. Each message is answered in a turn of its own by a real worker
 * with an agent that answers at once, and its reply is delivered; `length` is that of a message's
 * text.
 */
const { values } = readArguments(process.argv.slice(2), {
  people: { type: 'string' },
  messages: { type: 'string' },
  length: { type: 'string' },
});
const people = Number(values.people ?? 20);
const messages = Number(values.messages ?? 4);
const filler = 'x'.repeat(Number(values.length ?? 200));

const log = createLog('people', 'silent');
const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-bench-'));
const server = await runRedisServer({ dir: path.join(dir, 'redis') });
const redis = connectRedis(server.url, 'patient', log);
await once(redis, 'ready');
const worker = startBacklogChild(
  'bench/backlog-worker.ts',
  {
    PORT: '0',
    HOST: '127.0.0.1',
    PUBLIC_URL: 'https://relay.example.com',
    REDIS_URL: server.url,
    TWILIO_ACCOUNT_SID: `AC${'7'.repeat(32)}`,
    TWILIO_AUTH_TOKEN: 'x',
    TWILIO_WHATSAPP_NUMBER: '+15550100000',
    ANTHROPIC_API_KEY: 'scripted',
    DATA_DIR: path.join(dir, 'data'),
    WORKER_ID: 'vm',
  },
  process.env['PATH'] ?? '',
);
const stores = createStores(redis, createQueues(redis, { retentionDays: usualRetentionDays }), {
  days: usualRetentionDays,
  log,
});
const accept = createIntake(stores.turns, usualRetentionDays);

/** One message of each person; resolves once all are answered and delivered. */
async function playRound(round: number): Promise<void> {
  for (let person = 0; person < people; person += 1) {
    await accept({
      id: `SM${(round * people + person).toString(16).padStart(32, '0')}`,
      conversation: phoneOf(person),
      at: new Date().toISOString(),
      text: `message ${round} ${filler}`,
      media: [],
    });
  }
  while ((await redis.scard(keys.conversations)) > 0) await sleep(100);
}

/** What all keys take (bytes), except for BullMQ’s jobs, of which it keeps the latest thousand of a queue. */
async function keptBytes(): Promise<number> {
  let sum = 0;
  for (const key of await redis.keys(`${prefix}:*`))
    if (!/:(?:turns|deliveries|schedules)\b/.test(key))
      sum += (await redis.memory('USAGE', key)) ?? 0;
  return sum;
}

await worker.look();
const empty = await keptBytes();
await playRound(0);
const first = await keptBytes();
for (let round = 1; round <= messages; round += 1) await playRound(round);
const perMessage = ((await keptBytes()) - first) / (people * messages);
console.log(
  `${people} people, ${filler.length} characters a message: ` +
    `${Math.round((first - empty) / people - perMessage)} bytes a person, ` +
    `${Math.round(perMessage)} bytes a message with its reply`,
);
await worker.stop();
redis.disconnect();
await server.stop();
await rm(dir, { recursive: true, force: true, maxRetries: 5 });
process.exit();
