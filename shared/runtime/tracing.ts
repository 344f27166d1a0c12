import type { Telemetry } from 'bullmq';
import type { Running } from './lifecycle.ts';

/** What is said of a step. */
export type SpanAttributes = Record<string, string | number | undefined>;

/**
 * Runs a step as a span of the trace that is under way, or of a new one. `note` adds to what is
 * said of it. An error ends the span as failed and passes.
 */
export type Tracer = <T>(
  name: string,
  kind: 'server' | 'client',
  work: (note: (attributes: SpanAttributes) => void) => Promise<T>,
) => Promise<T>;

/** Where a process tells of its steps, by OpenTelemetry. Stopping sends what has not been sent. */
export type Tracing = Running & {
  trace: Tracer;
  /**
   * What BullMQ's queues and workers are given, so that a trace goes on in the process that works
   * the job.
   */
  queues: Telemetry | undefined;
};

/** Tells nobody, and costs nothing. */
export const untraced: Tracing = {
  trace: (_name, _kind, work) => work(() => undefined),
  queues: undefined,
  stop: async () => undefined,
};
