import { createServer, connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A TCP proxy in front of a server on this machine, which can hold the server's answers back. */
export type Proxy = { port: number; hold(): void; stop(): Promise<void> };

/** `onSent` is called with each piece that goes to the server. */
export async function runProxy(
  target: number,
  onSent: (piece: Buffer) => void = () => undefined,
): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let held = false;
  const server = createServer((near) => {
    const far = connect({ port: target, host: '127.0.0.1' });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', onSent);
    near.pipe(far);
    far.on('data', (chunk: Buffer) => {
      if (!held) near.write(chunk);
    });
  });
  await new Promise<void>((resolve) => void server.listen({ port: 0, host: '127.0.0.1' }, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hold: () => void (held = true),
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
