import type { Telemetry } from 'bullmq';
import type { Running } from './lifecycle.ts';

/** The attributes of a span. */
export type SpanAttributes = Record<string, string | number | undefined>;

/**
 * Runs a step as a span of the current trace, or of a new one. `note` adds attributes. An error
 * marks the span as failed and is rethrown.
 */
export type Tracer = <T>(
  name: string,
  kind: 'server' | 'client',
  work: (note: (attributes: SpanAttributes) => void) => Promise<T>,
) => Promise<T>;

/** A process's tracing by OpenTelemetry. Stopping flushes the unsent spans. */
export type Tracing = Running & {
  trace: Tracer;
  /**
   * The telemetry for BullMQ's queues and workers, so that a trace continues in the process that
   * works the job.
   */
  queues: Telemetry | undefined;
};

/** Records nothing and costs nothing. */
export const untraced: Tracing = {
  trace: (_name, _kind, work) => work(() => undefined),
  queues: undefined,
  stop: async () => undefined,
};
