import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A port on 127.0.0.1 that nobody listens on: the preferred one if it is free, else any. */
export async function freePort(preferred: number): Promise<number> {
  const port = await tryPort(preferred);
  return port ?? (await tryPort(0)) ?? preferred;
}

async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  const bound = await new Promise<number | undefined>((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1' }, () => resolve((server.address() as AddressInfo).port));
  });
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  return bound;
}
