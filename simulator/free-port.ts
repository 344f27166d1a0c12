import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * The range for any free port: below the ports of outgoing connections (Linux from 32768, macOS
 * from 49152), so that the system does not assign the port between the check and its use.
 */
const range = { from: 12_000, to: 32_000 };

/**
 * A port on 127.0.0.1 without a listener: the preferred one if it is free, else any; 0 is any.
 * Throws when none is found.
 */
export async function freePort(preferred: number): Promise<number> {
  if (preferred !== 0 && (await isFree(preferred))) return preferred;
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(range.from, range.to);
    if (await isFree(port)) return port;
  }
  throw new Error('there is no free port on this machine');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const isBound = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => resolve(true));
  });
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  return isBound;
}
