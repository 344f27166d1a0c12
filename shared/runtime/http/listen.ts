import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SetupError } from '../errors.ts';

/** Where a server listens: `port` 0 is any free one, `host` undefined is all of the machine's. */
export type Place = { port: number; host?: string | undefined };

/** What an operator can do about a place that cannot be listened at, by Node's code. */
const advice: Record<string, (place: Place) => string> = {
  EADDRINUSE: ({ port }) =>
    `Port ${port} is in use by another program. End that program, or set PORT to another port.`,
  EACCES: ({ port }) =>
    `This user may not listen on port ${port}. Set PORT to one from 1024 to 65535.`,
  EADDRNOTAVAIL: ({ host }) => `HOST: this machine does not have the address ${host}.`,
  ENOTFOUND: ({ host }) => `HOST: there is no address ${host}.`,
  EAI_AGAIN: ({ host }) => `HOST: the address of ${host} could not be looked up.`,
};

/**
 * Starts to listen and returns the port. Throws SetupError with a sentence when the port is taken
 * or the address is not this machine's.
 */
export async function listen(server: Server, place: Place): Promise<number> {
  const { port, host } = place;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const sentence = advice[error.code ?? '']?.(place);
      reject(sentence === undefined ? error : new SetupError(sentence));
    });
    server.listen({ port, ...(host ? { host } : {}) }, resolve);
  });
  return (server.address() as AddressInfo).port;
}
