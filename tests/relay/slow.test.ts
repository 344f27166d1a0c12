import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { createFileStore } from '../../shared/store/files.ts';
import { messageForm, withRelay } from '../support/relay-bench.ts';
import { scaled } from '../support/machine-speed.ts';

type Slow = { ms: number; answer: string };

/**
 * Sends the beginning, then a byte at a time for as long as the connection is open. Returns how
 * long that was, and what came back. Throws after 30 s.
 */
function trickle(port: number, beginning: string, byte: string): Promise<Slow> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    const interval = setInterval(() => void socket.write(byte), 500);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error('it was still open after 30 s'));
    }, scaled(30_000));
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(interval);
      clearTimeout(timer);
      resolve({ ms: performance.now() - start, answer });
    });
    socket.write(beginning);
  });
}

const head =
  'POST /webhook HTTP/1.1\r\nHost: relay.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\n';

test(
  'who sends a header or a body byte by byte is cut off within seconds, many at once too, and Twilio does not notice',
  { tags: 'long' },
  async () => {
    await withRelay({}, async ({ environment, post, redis, logged }) => {
      const port = Number(environment['PORT']);
      const slow = Promise.all([
        ...Array.from({ length: 100 }, () => trickle(port, `${head}X-Slow: `, 'x')),
        ...Array.from({ length: 100 }, () =>
          trickle(port, `${head}Content-Length: 60000\r\n\r\n`, 'x'),
        ),
        ...Array.from({ length: 10 }, () =>
          trickle(port, `${head}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'),
        ),
        trickle(port, 'GET /health HTTP/1.1\r\n', 'X-A: b\r\n'),
        trickle(port, '', 'G'),
      ]);
      for (let round = 0; round < 10; round += 1) {
        const start = performance.now();
        expect((await post('/webhook', messageForm({ Body: 'fast' }))).status).toBe(200);
        expect(performance.now() - start).toBeLessThan(scaled(5000));
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      for (const { ms, answer } of await slow) {
        // Within the limit of 10 s, the pause between two checks, and what a busy machine takes.
        expect(ms).toBeLessThan(scaled(20_000));
        expect(answer).toMatch(/^(HTTP\/1\.1 4(00|08) |$)/);
        expect(answer.includes('    at ')).toBe(false);
      }
      expect(await redis.keys('*:message:*')).not.toEqual([]);
      expect(logged().filter((line) => line['level'] === 'error')).toEqual([]);
    });
  },
);

test('a file that nobody takes does not stay in memory: its pieces are read as they are taken', async () => {
  await withRelay({}, async ({ environment, redis, post }) => {
    const { token } = await createFileStore(redis).put(
      Buffer.alloc(16 * 1024 * 1024),
      { type: 'video/mp4', name: 'film.mp4' },
      '+15551230001',
    );
    const before = process.memoryUsage().arrayBuffers;
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(Number(environment['PORT']), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.pause();
      socket.write(`GET /media/${token} HTTP/1.1\r\nHost: x\r\n\r\n`);
      return socket;
    });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    // 320 MB are asked for; what is held are some pieces of half a megabyte for each.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(120 * 1024 * 1024);
    expect((await post('/webhook', messageForm())).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });
});
