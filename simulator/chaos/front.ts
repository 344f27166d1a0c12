import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { Running } from '../../shared/runtime/lifecycle.ts';

/**
 * One address before several processes, as a platform's proxy: each connection goes to the next of
 * their ports, and to another one when that refuses it. What runs over it is not understood.
 */
export async function runFront(port: number, targets: readonly number[]): Promise<Running> {
  const open = new Set<Socket>();
  let turn = 0;
  const lead = (client: Socket, left: readonly number[]): void => {
    const [target, ...others] = left;
    if (target === undefined) return void client.destroy();
    const server = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
    let isConnected = false;
    server.once('connect', () => {
      isConnected = true;
      client.pipe(server).pipe(client);
    });
    server.on('error', () => (isConnected ? client.destroy() : lead(client, others)));
    client.once('close', () => server.destroy());
  };
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    open.add(client);
    client.once('close', () => open.delete(client));
    client.on('error', () => undefined);
    const first = turn % targets.length;
    turn += 1;
    lead(client, [...targets.slice(first), ...targets.slice(0, first)]);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1' }, resolve);
  });
  return {
    async stop() {
      server.close();
      for (const client of open) client.destroy();
    },
  };
}
