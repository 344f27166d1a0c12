import { connect } from 'node:net';
import { attacks } from './flood-attacks.ts';

/**
 * Attacks a relay over the given number of connections until it is ended: `flood-process.ts PORT
 * CONNECTIONS ATTACK`. It reopens closed connections, and each connection sends its next request
 * after an answer.
 */
const [port, connections, name = ''] = process.argv.slice(2);
const attack = attacks[name];
if (!attack) throw new Error(`there is no attack “${name}”`);

/** The pause before it reconnects (ms). */
const againMs = 2;

let sent = 0;
const open = (): void => {
  const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
  const send = (): void => {
    const bytes = attack(sent++);
    if (bytes.length > 0) socket.write(bytes);
  };
  let received = '';
  socket.on('error', () => undefined).on('connect', send);
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    if (!received.includes('\r\n\r\n')) return;
    received = '';
    send();
  });
  socket.on('close', () => setTimeout(open, againMs));
};
for (let index = 0; index < Number(connections); index += 1) open();
