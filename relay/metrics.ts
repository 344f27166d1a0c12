import { Counter, Histogram, Registry } from 'prom-client';

/** What the relay counts, for Prometheus. */
export type Metrics = {
  registry: Registry;
  accepted: Counter<'outcome'>;
  wakeCalls: Counter<'outcome'>;
  wakeSeconds: Histogram;
};

export function createMetrics(): Metrics {
  const registry = new Registry();
  return {
    registry,
    accepted: new Counter({ name: 'sidepocket_webhooks_total', help: 'Incoming messages by what became of them', labelNames: ['outcome'], registers: [registry] }),
    wakeCalls: new Counter({ name: 'sidepocket_wake_calls_total', help: 'Calls to the wake address by their outcome', labelNames: ['outcome'], registers: [registry] }),
    wakeSeconds: new Histogram({ name: 'sidepocket_wake_seconds', help: 'Time from the first call to the first sign of life', buckets: [0.5, 1, 2, 4, 8, 16, 32, 64, 128], registers: [registry] }),
  };
}
