import { createSamples } from './metric-samples.ts';
import type { Samples } from './metric-samples.ts';
import type { Metrics } from './metrics.ts';

/** Measures the webhooks: for Prometheus, and the latest response times for the overview. */
export type WebhookMeter = {
  metrics: Metrics;
  /** How long Twilio waited for the last messages (ms). */
  acks: Samples;
  /** Counts the outcome of an incoming message. */
  count(outcome: string): void;
  /** Notes how long Twilio waited for an answer (ms). */
  answered(path: string, status: number, ms: number): void;
};

/** The overview shows this many of the latest response times to Twilio. */
const mostAcks = 1000;

export function createWebhookMeter(metrics: Metrics): WebhookMeter {
  const acks = createSamples(mostAcks);
  return {
    metrics,
    acks,
    count: (outcome) => metrics.accepted.inc({ outcome }),
    answered(path, status, ms) {
      metrics.ackSeconds.observe({ path, status }, ms / 1000);
      if (path === '/webhook' && status === 200) acks.note(ms);
    },
  };
}
