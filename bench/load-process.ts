import { once } from 'node:events';
import { connect } from 'node:net';
import type { LoadJob, LoadResult } from './load.ts';
import { makeRequests } from './webhook-requests.ts';

/**
 * Requests are created once and resent after the store was emptied: creating them must not be part
 * of the measurement.
 */
const made = new Map<string, Buffer[]>();

process.on('message', (job: LoadJob) => {
  run(job).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: String(error) } satisfies LoadResult),
  );
});

async function run({
  port,
  connections,
  count,
  signing,
  addresses,
  writers,
  seconds,
}: LoadJob): Promise<LoadResult> {
  const key = `${count} ${signing} ${addresses} ${writers?.count} ${writers?.apart}`;
  const requests = made.get(key) ?? makeRequests(count, signing, addresses, writers);
  // Requests from many addresses use other addresses the next time.
  if (addresses === 'one') made.set(key, requests);
  const statuses: Record<string, number> = {};
  const milliseconds: number[] = [];
  const end = seconds === undefined ? Infinity : performance.now() + seconds * 1000;
  let next = 0;
  const take = (): Buffer | undefined => {
    if (performance.now() > end) return undefined;
    if (next === requests.length && end !== Infinity) next = 0;
    return requests[next++];
  };
  const one = async (): Promise<void> => {
    let speak = await openConnection(port);
    for (let request = take(); request; request = take()) {
      const start = performance.now();
      const status = await speak(request);
      if (status === '429') speak = await openAnew(port, speak);
      milliseconds.push(performance.now() - start);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    speak.close();
  };
  await Promise.all(Array.from({ length: connections }, one));
  return { milliseconds, statuses };
}

type Speak = ((request: Buffer) => Promise<string>) & { close(): void };

/** The relay closes a connection that it has turned away. */
async function openAnew(port: number, speak: Speak): Promise<Speak> {
  speak.close();
  return await openConnection(port);
}

/**
 * A keep-alive connection on bare TCP, so that the generator uses as little of the machine as
 * possible. One request at a time; throws when it is closed in between.
 */
async function openConnection(port: number): Promise<Speak> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let answered: ((status: string) => void) | undefined;
  let failed: ((error: Error) => void) | undefined;
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    const head = received.indexOf('\r\n\r\n');
    if (
      head === -1 ||
      received.length < head + 4 + Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0)
    )
      return;
    const status = received.slice(9, 12);
    received = '';
    answered?.(status);
  });
  socket.on('close', () => failed?.(new Error('the connection was closed')));
  await once(socket, 'connect');
  const speak = (request: Buffer): Promise<string> =>
    new Promise((resolve, reject) => {
      [answered, failed] = [resolve, reject];
      socket.write(request);
    });
  return Object.assign(speak, {
    close: () => {
      failed = undefined;
      socket.destroy();
    },
  });
}
