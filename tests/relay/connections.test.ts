import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { createConnections } from '../../relay/http/connections.ts';
import { createFileStore } from '../../shared/store/files.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { phone } from '../support/pipeline.ts';
import { messageForm, signatureFor, withRelay } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

/** More than the relay keeps open. */
const flood = 700;

/**
 * Opens connections one after the other in small groups, so that the kernel's own queue takes them
 * all.
 */
async function openSilent(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const group = Array.from({ length: Math.min(100, count - sockets.length) }, () =>
      connect(port, '127.0.0.1'),
    );
    for (const socket of group) socket.on('error', () => undefined).resume();
    await Promise.all(group.map((socket) => once(socket, 'connect')));
    sockets.push(...group);
  }
  return sockets;
}

test('more silent connections than there may be keep no webhook out: the oldest make room, what Twilio has signed on stays', async () => {
  await withRelay({}, async ({ environment, post, redis }) => {
    const port = Number(environment['PORT']);
    const kept = connect(port, '127.0.0.1');
    let answers = '';
    kept.on('data', (chunk: Buffer) => (answers += chunk.toString()));
    const sendOn = (socket: Socket): void => {
      const form = messageForm();
      const body = new URLSearchParams(form).toString();
      socket.write(
        `POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nX-Twilio-Signature: ${signatureFor(environment, '/webhook', form)}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    };
    sendOn(kept);
    await until('the first answer', () => answers.includes('<Response/>'));
    const silent = await openSilent(port, flood);
    try {
      await until('that the first are closed', () =>
        silent.slice(0, 100).every((socket) => socket.destroyed),
      );
      expect(silent.slice(-100).filter((socket) => socket.destroyed)).toEqual([]);
      expect((await post('/webhook', messageForm())).status).toBe(200);
      sendOn(kept);
      await until(
        'the answer on the old connection',
        () => answers.split('<Response/>').length === 3,
      );
      expect(await redis.llen(keys.inbox(phone))).toBe(3);
      // In the end all of them are closed, for they say nothing.
      await until('the end of the silent ones', () => silent.every((socket) => socket.destroyed));
      expect(kept.destroyed).toBe(false);
    } finally {
      for (const socket of [...silent, kept]) socket.destroy();
    }
  });
});

test('an answer that is on its way is not cut off for a newcomer, and slow senders make room before it', async () => {
  await withRelay({}, async ({ environment, post, redis }) => {
    const port = Number(environment['PORT']);
    const { token } = await createFileStore(redis).put(
      Buffer.alloc(16 * 1024 * 1024),
      { type: 'video/mp4', name: 'film.mp4' },
      '+15551230001',
    );
    const download = connect(port, '127.0.0.1');
    let received = 0;
    download.write(`GET /media/${token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await once(download, 'readable');
    const slow = await openSilent(port, flood);
    try {
      for (const socket of slow)
        socket.write(
          'POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\na',
        );
      expect((await post('/webhook', messageForm())).status).toBe(200);
      download.on('data', (chunk: Buffer) => (received += chunk.length));
      await once(download, 'close');
      expect(received).toBeGreaterThan(16 * 1024 * 1024);
    } finally {
      for (const socket of [...slow, download]) socket.destroy();
    }
  });
});

test('the network with the most connections gives up its own first', () => {
  const dropped: string[] = [];
  const make = (remoteAddress: string, name: string): Socket => {
    const socket = {
      remoteAddress,
      bytesRead: 0,
      once: () => socket,
      destroy: () => dropped.push(name),
    };
    return socket as unknown as Socket;
  };
  const trusted = make('203.0.113.9', 'trusted');
  const connections = createConnections({
    mostOpen: 5,
    mostAtOnce: 2,
    mostUnanswered: 2,
    isTrusted: (socket) => socket === trusted,
  });
  connections.admit(make('198.51.100.1', 'first'));
  connections.admit(trusted);
  for (let index = 0; index < 5; index += 1)
    connections.admit(make(`2001:db8::${index}`, `crowd ${index}`));
  expect(dropped).toEqual(['crowd 0', 'crowd 1']);
  connections.admit(make('203.0.113.9', 'second'));
  expect(dropped.slice(2)).toEqual(['crowd 2']);
  // Requests of one read are counted, those of another anew.
  expect([1, 2, 3].map(() => connections.mayBegin(trusted))).toEqual([true, true, false]);
  Object.assign(trusted, { bytesRead: 100 });
  expect(connections.mayBegin(trusted)).toBe(true);
});
