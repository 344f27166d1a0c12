import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

const Value = z.looseObject({
  stringValue: z.string().optional(),
  intValue: z.union([z.number(), z.string()]).optional(),
});
const Attributes = z.array(z.object({ key: z.string(), value: Value })).default([]);
const Span = z.looseObject({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.number(),
  attributes: Attributes,
});
const Body = z.object({
  resourceSpans: z.array(
    z.looseObject({
      resource: z.looseObject({ attributes: Attributes }),
      scopeSpans: z.array(z.looseObject({ spans: z.array(Span) })),
    }),
  ),
});

/**
 * A span as it arrived, its attributes as plain values. `parent` is the id of the span that it
 * belongs to.
 */
export type ReceivedSpan = {
  trace: string;
  id: string;
  parent: string | undefined;
  name: string;
  kind: number;
  service: string;
  attributes: Record<string, string>;
};

/**
 * A server that takes traces as OpenTelemetry's collector does, by OTLP over HTTP as JSON, and
 * remembers them.
 */
export type TraceReceiver = {
  url: string;
  spans: ReceivedSpan[];
  requests: { path: string; headers: IncomingHttpHeaders; text: string }[];
  stop(): Promise<void>;
};

export async function runTraceReceiver(): Promise<TraceReceiver> {
  const spans: ReceivedSpan[] = [];
  const requests: TraceReceiver['requests'] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      requests.push({ path: request.url ?? '', headers: request.headers, text });
      spans.push(...toSpans(text));
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => void server.listen({ port: 0, host: '127.0.0.1' }, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

function toSpans(text: string): ReceivedSpan[] {
  const plain = (attributes: z.infer<typeof Attributes>): Record<string, string> =>
    Object.fromEntries(
      attributes.map(({ key, value }) => [key, String(value.stringValue ?? value.intValue ?? '')]),
    );
  return Body.parse(JSON.parse(text)).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap((scope) =>
      scope.spans.map((span) => ({
        trace: span.traceId,
        id: span.spanId,
        parent: span.parentSpanId || undefined,
        name: span.name,
        kind: span.kind,
        service: plain(resource.attributes)['service.name'] ?? '',
        attributes: plain(span.attributes),
      })),
    ),
  );
}
