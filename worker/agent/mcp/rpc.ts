import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';

/**
 * One message of JSON-RPC 2.0, as far as it matters here: a request, a notification or an answer.
 */
const RpcMessage = z.looseObject({
  id: z.union([z.string(), z.number()]).optional(),
  method: z.string().optional(),
  result: z.looseObject({}).optional(),
  error: z.looseObject({ message: z.string() }).optional(),
});

export type RpcResult = Record<string, unknown>;

/**
 * The asking side of JSON-RPC 2.0, a message a line, as MCP servers speak it on their standard
 * input and output.
 */
export type Rpc = {
  /**
   * Rejects with what the other side says against it, when the other side is gone, and with the
   * signal's reason, which the other side is told.
   */
  request(method: string, params: RpcResult, signal?: AbortSignal): Promise<RpcResult>;
  notify(method: string, params?: RpcResult): void;
  /** The other side is gone: what waits for an answer gets none. */
  end(reason: Error): void;
};

/**
 * `answer` says what the other side gets when it asks by itself; undefined, that nothing is known
 * of it. A line that is no message is passed over.
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
  // Whoever writes to a process that has ended learns it by its end.
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

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
