import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { parseJson } from '../../../shared/runtime/json.ts';

/**
 * One JSON-RPC 2.0 message, limited to what matters here: a request, a notification or an answer.
 */
const RpcMessage = z.looseObject({
  id: z.union([z.string(), z.number()]).optional(),
  method: z.string().optional(),
  result: z.looseObject({}).optional(),
  error: z.looseObject({ message: z.string() }).optional(),
});

export type RpcResult = Record<string, unknown>;

/**
 * The client side of JSON-RPC 2.0, one message per line, as MCP servers use it on standard input
 * and output.
 */
export type Rpc = {
  /**
   * Rejects with the other side's error, when the other side is gone, and with the signal's reason;
   * an abort is also sent to the other side.
   */
  request(method: string, params: RpcResult, signal?: AbortSignal): Promise<RpcResult>;
  notify(method: string, params?: RpcResult): void;
  /** The other side is gone: rejects all pending requests. */
  end(reason: Error): void;
};

/**
 * `answer` answers the other side's own requests; undefined means an unknown method. Lines that are
 * not messages are ignored.
 */
export function createRpc(
  input: Writable,
  output: Readable,
  answer: (method: string) => RpcResult | undefined,
): Rpc {
  const waiting = new Map<
    number,
    { resolve: (result: RpcResult) => void; reject: (error: unknown) => void }
  >();
  let count = 0;
  let gone: Error | undefined;
  const send = (message: RpcResult): void =>
    void input.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  // A write to an ended process fails silently here; its end reports the failure.
  input.on('error', () => undefined);

  const onMessage = ({ id, method, result, error }: z.infer<typeof RpcMessage>): void => {
    if (method !== undefined) {
      const known = answer(method);
      if (id !== undefined)
        send(
          known
            ? { id, result: known }
            : { id, error: { code: -32601, message: 'Method not found' } },
        );
      return;
    }
    const asked = waiting.get(Number(id));
    if (error) asked?.reject(new Error(error.message));
    else asked?.resolve(result ?? {});
  };
  createInterface({ input: output }).on('line', (line) => {
    const message = RpcMessage.safeParse(parseJson(line)).data;
    if (message) onMessage(message);
  });

  return {
    async request(method, params, signal) {
      signal?.throwIfAborted();
      if (gone) throw gone;
      const id = (count += 1);
      const answered = Promise.withResolvers<RpcResult>();
      const onAbort = (): void => {
        send({ method: 'notifications/cancelled', params: { requestId: id } });
        answered.reject(signal?.reason);
      };
      waiting.set(id, answered);
      signal?.addEventListener('abort', onAbort, { once: true });
      send({ id, method, params });
      try {
        return await answered.promise;
      } finally {
        waiting.delete(id);
        signal?.removeEventListener('abort', onAbort);
      }
    },
    notify: (method, params) => send({ method, ...(params ? { params } : {}) }),
    end(reason) {
      gone = reason;
      for (const { reject } of waiting.values()) reject(reason);
    },
  };
}
