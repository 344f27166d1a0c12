import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** Says with which error a command is refused; undefined lets it through. `name` is lower case. */
export type Refuse = (name: string) => string | undefined;

/** Commands of a connection's own beginning, which a Redis that is loading answers, too. */
const always = new Set(
  'auth client hello info select subscribe unsubscribe psubscribe quit ping publish'.split(' '),
);

/**
 * A TCP proxy in front of a Redis that refuses single commands. Redis gets a script in place of the
 * command, which answers with the error, so that all answers stay in order. A transaction is
 * refused as a whole.
 */
export async function runRefusingProxy(
  target: number,
  refuse: Refuse,
): Promise<{ url: string; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
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
    const read = createCommandReader();
    /** The error of the transaction that is refused, and whether one is open. */
    let refused: string | undefined;
    let isOpen = false;
    near.on('data', (piece: Buffer) => {
      for (const { name, bytes } of read(piece)) {
        if (!isOpen) refused = always.has(name) ? undefined : refuse(name);
        if (name === 'multi') isOpen = true;
        if (name === 'exec' || name === 'discard') isOpen = false;
        far.write(refused === undefined ? bytes : errorCommand(refused));
      }
    });
    far.pipe(near);
  });
  await new Promise<void>((resolve) => void server.listen({ port: 0, host: '127.0.0.1' }, resolve));
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

function errorCommand(error: string): Buffer {
  const parts = ['EVAL', 'return redis.error_reply(ARGV[1])', '0', error];
  const bulks = parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  return Buffer.from(`*${parts.length}\r\n${bulks.join('')}`);
}

/** Cuts a client's stream into commands: arrays of bulk strings (redis.io/docs: RESP). */
function createCommandReader(): (piece: Buffer) => { name: string; bytes: Buffer }[] {
  let rest = Buffer.alloc(0);
  const lineAt = (at: number): { value: number; next: number } | undefined => {
    const end = rest.indexOf('\r\n', at);
    return end < 0
      ? undefined
      : { value: Number(rest.toString('latin1', at + 1, end)), next: end + 2 };
  };
  const readOne = (): { name: string; bytes: Buffer } | undefined => {
    const count = lineAt(0);
    if (!count) return undefined;
    let at = count.next;
    let name = '';
    for (let index = 0; index < count.value; index += 1) {
      const size = lineAt(at);
      if (!size || size.next + size.value + 2 > rest.byteLength) return undefined;
      if (index === 0)
        name = rest.toString('latin1', size.next, size.next + size.value).toLowerCase();
      at = size.next + size.value + 2;
    }
    const bytes = rest.subarray(0, at);
    rest = rest.subarray(at);
    return { name, bytes };
  };
  return (piece) => {
    rest = Buffer.concat([rest, piece]);
    const commands: { name: string; bytes: Buffer }[] = [];
    for (let one = readOne(); one; one = readOne()) commands.push(one);
    return commands;
  };
}
