import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Gauges } from './gauges.ts';

/** What the relay counts, for Prometheus. */
export type Metrics = {
  accepted: Counter<'outcome'>;
  /** How long Twilio waited (s). */
  ackSeconds: Histogram<'path' | 'status'>;
  wakeCalls: Counter<'outcome'>;
  wakeSeconds: Histogram;
  /**
   * All metrics in Prometheus's format, with the gauges; without the gauges while Redis is away.
   */
  scrape(): Promise<{ type: string; text: string }>;
};

/** `readGauges` is called at each scrape and at no other time. */
export function createMetrics(readGauges: () => Promise<Gauges>): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const resident: Gauge = new Gauge({
    name: 'sidepocket_resident_bytes',
    help: "The relay's memory",
    registers,
    collect: () => resident.set(process.memoryUsage.rss()),
  });
  return {
    accepted: new Counter({
      name: 'sidepocket_webhooks_total',
      help: 'Incoming messages by what became of them',
      labelNames: ['outcome'],
      registers,
    }),
    ackSeconds: new Histogram({
      name: 'sidepocket_ack_seconds',
      help: 'Time until a webhook of Twilio was answered',
      labelNames: ['path', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
      registers,
    }),
    wakeCalls: new Counter({
      name: 'sidepocket_wake_calls_total',
      help: 'Calls to the wake address by their outcome',
      labelNames: ['outcome'],
      registers,
    }),
    wakeSeconds: new Histogram({
      name: 'sidepocket_wake_seconds',
      help: 'Time from the first call to the first sign of life',
      buckets: [0.5, 1, 2, 4, 8, 16, 32, 64, 128],
      registers,
    }),
    async scrape() {
      const now = await readGauges().catch(() => undefined);
      const parts = [registry, ...(now ? [toRegistry(now)] : [])];
      return {
        type: registry.contentType,
        text: (await Promise.all(parts.map((part) => part.metrics()))).join(''),
      };
    },
  };
}

/** The metrics stored in Redis, since the worker contributes to them. */
function toRegistry(now: Gauges): Registry {
  const registry = new Registry();
  const registers = [registry];
  const turns = new Gauge({
    name: 'sidepocket_turns',
    help: 'Turns by their state',
    labelNames: ['state'],
    registers,
  });
  const replies = new Counter({
    name: 'sidepocket_replies_total',
    help: 'Replies by the status that they came to',
    labelNames: ['status'],
    registers,
  });
  const failures = new Counter({
    name: 'sidepocket_delivery_failures_total',
    help: "Refused and failed sends by Twilio's code",
    labelNames: ['code'],
    registers,
  });
  const spend = new Gauge({
    name: 'sidepocket_spend_dollars',
    help: "What Claude has cost by the table of prices, in UTC's day and month",
    labelNames: ['time'],
    registers,
  });
  const tokens = new Gauge({
    name: 'sidepocket_model_tokens',
    help: "Tokens in UTC's day by the kinds that are priced apart",
    labelNames: ['kind'],
    registers,
  });
  const requests = new Gauge({
    name: 'sidepocket_model_requests',
    help: 'Requests to the model: answered in UTC’s day, of it not settled, and under way',
    labelNames: ['state'],
    registers,
  });
  const waiting = new Gauge({
    name: 'sidepocket_messages_waiting',
    help: 'Messages that have no answer yet',
    registers,
  });
  const awake = new Gauge({
    name: 'sidepocket_vm_awake',
    help: '1 while a worker shows signs of life',
    registers,
  });
  const homeAwake = new Gauge({
    name: 'sidepocket_home_awake',
    help: '1 while a worker of the home shows signs of life',
    labelNames: ['home'],
    registers,
  });
  const homePeople = new Gauge({
    name: 'sidepocket_home_people',
    help: 'People that the home was given',
    labelNames: ['home'],
    registers,
  });
  const homeWaiting = new Gauge({
    name: 'sidepocket_home_messages_waiting',
    help: 'Messages of the home’s people that have no answer yet',
    labelNames: ['home'],
    registers,
  });
  const memory = new Gauge({
    name: 'sidepocket_redis_memory_bytes',
    help: "Redis's memory: used, and the most it may use (0: no limit)",
    labelNames: ['kind'],
    registers,
  });
  addMeters(now, registry);
  for (const [state, count] of Object.entries(now.turns)) turns.set({ state }, count);
  for (const [status, count] of Object.entries(now.replies)) replies.inc({ status }, count);
  for (const [code, count] of Object.entries(now.failures)) failures.inc({ code }, count);
  spend.set({ time: 'day' }, now.spentToday);
  spend.set({ time: 'month' }, now.spentThisMonth);
  const { input, output, cacheWrite5m, cacheWrite1h, cacheRead } = now.use;
  const kinds = {
    input,
    output,
    cache_write_5m: cacheWrite5m,
    cache_write_1h: cacheWrite1h,
    cache_read: cacheRead,
  };
  for (const [kind, count] of Object.entries(kinds)) tokens.set({ kind }, count);
  requests.set({ state: 'answered' }, now.use.requests);
  requests.set({ state: 'not settled' }, now.use.unsettled);
  requests.set({ state: 'open' }, now.modelRequestsOpen);
  waiting.set(now.messagesWaiting);
  awake.set(now.isAwake ? 1 : 0);
  for (const { name: home, people, messagesWaiting, isAwake } of now.homes) {
    homeAwake.set({ home }, isAwake ? 1 : 0);
    homePeople.set({ home }, people);
    homeWaiting.set({ home }, messagesWaiting);
  }
  if (now.memory) {
    memory.set({ kind: 'used' }, now.memory.usedBytes);
    memory.set({ kind: 'most' }, now.memory.mostBytes);
  }
  return registry;
}

/** The meters of this month (UTC). */
function addMeters({ meters }: Gauges, registry: Registry): void {
  const registers = [registry];
  const messages = new Gauge({
    name: 'sidepocket_month_messages',
    help: 'WhatsApp messages in UTC’s month by their kind, as Twilio bills them',
    labelNames: ['kind'],
    registers,
  });
  const vm = new Gauge({
    name: 'sidepocket_month_vm_seconds',
    help: 'How long a home’s computer was awake in UTC’s month',
    labelNames: ['home'],
    registers,
  });
  const unsettled = new Gauge({
    name: 'sidepocket_month_vm_seconds_not_settled',
    help: 'How long computers may have been awake besides, before they were killed',
    registers,
  });
  const repeated = new Gauge({
    name: 'sidepocket_month_messages_not_settled',
    help: 'Messages that Twilio may have taken besides: they were sent again after a break',
    registers,
  });
  for (const [kind, count] of Object.entries(meters.messages)) messages.set({ kind }, count);
  for (const [home, ms] of meters.vmMs) vm.set({ home }, Math.round(ms / 1000));
  unsettled.set(Math.round(meters.unsettled.vmMs / 1000));
  repeated.set(meters.unsettled.messages);
  if (meters.commands === undefined) return;
  const commands = new Gauge({
    name: 'sidepocket_month_redis_commands',
    help: 'Commands that Redis has processed in UTC’s month',
    registers,
  });
  commands.set(meters.commands);
}
