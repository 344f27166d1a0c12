import { createServer, request } from 'node:http';

/** An address that leads each request to the next of several servers on this machine. */
export type Balancer = {
  /** How many requests each has got, in the order of `targets`. */
  counts: number[];
  stop(): Promise<void>;
};

/** Listens on `port` of 127.0.0.1; `targets` are addresses such as http://127.0.0.1:1234. */
export async function runBalancer(port: number, targets: string[]): Promise<Balancer> {
  const counts = targets.map(() => 0);
  let next = 0;
  const server = createServer((near, answer) => {
    const index = next++ % targets.length;
    counts[index] = (counts[index] ?? 0) + 1;
    const { method, headers } = near;
    const far = request(new URL(near.url ?? '/', targets[index]), { method, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    far.on('error', () => answer.destroy());
    near.pipe(far);
  });
  await new Promise<void>((resolve) => void server.listen({ port, host: '127.0.0.1' }, resolve));
  return {
    counts,
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
