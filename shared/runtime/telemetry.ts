import type { Attributes } from '@opentelemetry/api';
import type { SpanAttributes, Tracer, Tracing } from './tracing.ts';
import { untraced } from './tracing.ts';

/**
 * OpenTelemetry's usual variables that decide whether and where traces go
 * (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables). Its packages read the
 * others, such as OTEL_EXPORTER_OTLP_HEADERS and OTEL_TRACES_SAMPLER, themselves.
 */
export type TelemetryConfig = {
  OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string | undefined;
  OTEL_SDK_DISABLED?: boolean | undefined;
};

/**
 * Starts sending traces by OTLP over HTTP, as JSON, if an endpoint is set; otherwise loads nothing.
 * `service` names the process unless OTEL_SERVICE_NAME does. A process can have only one at a time,
 * since OpenTelemetry's registration is global.
 */
export async function startTracing(config: TelemetryConfig, service: string): Promise<Tracing> {
  const url =
    config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ??
    (config.OTEL_EXPORTER_OTLP_ENDPOINT && `${config.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces`);
  if (!url || config.OTEL_SDK_DISABLED) return untraced;
  const [
    api,
    { NodeTracerProvider, BatchSpanProcessor },
    { OTLPTraceExporter },
    resources,
    { BullMQOtel },
  ] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('bullmq-otel'),
  ]);
  const { defaultResource, resourceFromAttributes, detectResources, envDetector } = resources;
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': service }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url }))],
  });
  provider.register();
  const tracer = provider.getTracer('sidepocket');
  const kinds = { server: api.SpanKind.SERVER, client: api.SpanKind.CLIENT };
  const trace: Tracer = (name, kind, work) =>
    tracer.startActiveSpan(name, { kind: kinds[kind] }, async (span) => {
      try {
        return await work((attributes) => void span.setAttributes(said(attributes)));
      } catch (error) {
        // Records only the error's name: its message may contain text that must not be in a trace.
        span.setStatus({
          code: api.SpanStatusCode.ERROR,
          message: error instanceof Error ? error.name : 'Error',
        });
        throw error;
      } finally {
        span.end();
      }
    });
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await provider.shutdown().catch(() => undefined);
    api.trace.disable();
    api.context.disable();
    api.propagation.disable();
  };
  return {
    trace,
    queues: new BullMQOtel({ tracerName: 'sidepocket' }),
    stop: () => (stopping ??= stop()),
  };
}

function said(attributes: SpanAttributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [`sidepocket.${name}`, value]),
  );
}
