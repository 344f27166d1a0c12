import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createFileStore } from '../../shared/store/files.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { until } from '../support/until.ts';
import { withRelay } from '../support/relay-bench.ts';

test.each([1, 512 * 1024, 512 * 1024 + 1, 3 * 1024 * 1024])(
  'a file of %i bytes is served whole, with its type and length, by GET and HEAD',
  async (size) => {
    await withRelay({}, async ({ redis, relayUrl }) => {
      const bytes = randomBytes(size);
      const { token } = await createFileStore(redis).put(
        bytes,
        { type: 'image/png', name: 'picture.png' },
        '+15551230001',
      );
      for (const method of ['GET', 'HEAD']) {
        const response = await fetch(`${relayUrl}/media/${token}`, { method });
        const body = Buffer.from(await response.arrayBuffer());
        expect(response.status).toBe(200);
        expect(response.headers.get('content-type')).toBe('image/png');
        expect(response.headers.get('content-length')).toBe(String(size));
        expect(response.headers.get('x-content-type-options')).toBe('nosniff');
        expect(response.headers.get('cache-control')).toContain('private');
        expect(response.headers.get('content-disposition')).toBe('inline; filename=picture.png');
        expect(body.equals(method === 'GET' ? bytes : Buffer.alloc(0)), `by ${method}`).toBe(true);
      }
    });
  },
);

test('a name comes whole and cannot break out of its header, and a page cannot run', async () => {
  await withRelay({}, async ({ redis, relayUrl }) => {
    const { token } = await createFileStore(redis).put(
      Buffer.from('<script>alert(1)</script>'),
      { type: 'text/html', name: 'ä"\r\nSet-Cookie: x=1; .html' },
      '+15551230001',
    );
    const response = await fetch(`${relayUrl}/media/${token}`);
    expect(response.status).toBe(200);
    // RFC 6266 and RFC 8187.
    expect(response.headers.get('content-disposition')).toBe(
      `inline; filename=-Set-Cookie-x-1-.html; filename*=UTF-8''%C3%A4%22-Set-Cookie%3A%20x%3D1%3B%20.html`,
    );
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(response.headers.get('content-security-policy')).toMatch(/^sandbox;/);
  });
});

test('a token that is unknown, malformed, a path or expired is 404', async () => {
  await withRelay({}, async ({ redis, relayUrl, logged }) => {
    const { token } = await createFileStore(redis).put(
      Buffer.from('x'),
      { type: 'text/plain', name: 'x.txt' },
      '+15551230001',
    );
    const status = async (name: string, method = 'GET'): Promise<number> =>
      (await fetch(`${relayUrl}/media/${name}`, { method })).status;
    expect(await status(token)).toBe(200);
    for (const name of [
      '',
      'x',
      'A'.repeat(32),
      `${token}x`,
      `${token}:0`,
      `${token}%3A0`,
      token.slice(0, -1),
      '..%2f..%2fetc%2fpasswd',
      '%2e%2e/%2e%2e/health/x',
      '*',
      `${token}%00`,
      'a'.repeat(5000),
    ]) {
      expect(await status(name), `/media/${name}`).toBe(404);
    }
    expect(await status('%ff')).toBe(400);
    expect(await status(token, 'DELETE')).toBe(404);
    await redis.pexpire(keys.file(token), 0);
    expect([await status(token), await status(token, 'HEAD')]).toEqual([404, 404]);
    expect(logged().filter((line) => line['level'] === 'error')).toEqual([]);
  });
});

test('a file of which a piece is gone breaks off instead of ending early as if whole', async () => {
  await withRelay({}, async ({ redis, relayUrl }) => {
    const { token } = await createFileStore(redis).put(
      randomBytes(600_000),
      { type: 'image/png', name: 'x.png' },
      '+15551230001',
    );
    await redis.del(keys.filePiece(token, 1));
    const response = await fetch(`${relayUrl}/media/${token}`);
    await expect(response.arrayBuffer()).rejects.toThrow('terminated');
  });
});

test('a file that is fetched to its end is noted as fetched; a look at its headers is not enough', async () => {
  await withRelay({}, async ({ redis, relayUrl }) => {
    const { token } = await createFileStore(redis).put(
      Buffer.from('x'),
      { type: 'text/plain', name: 'x.txt' },
      '+15551230001',
    );
    await fetch(`${relayUrl}/media/${token}`, { method: 'HEAD' });
    expect(await redis.hexists(keys.filesFetched, token)).toBe(0);
    await (await fetch(`${relayUrl}/media/${token}`)).text();
    await until('the note', async () => (await redis.hexists(keys.filesFetched, token)) === 1);
  });
});

test('the address of a file that is gone is a page that says so, in the dress of the other pages', async () => {
  await withRelay({}, async ({ relayUrl }) => {
    const response = await fetch(`${relayUrl}/media/${'A'.repeat(32)}`);
    expect([
      response.status,
      response.headers.get('content-type'),
      response.headers.get('cache-control'),
    ]).toEqual([404, 'text/html; charset=utf-8', 'private, no-store']);
    const text = await response.text();
    expect(text).toContain('This file is not here any more');
    expect(text).toContain('Sidepocket');
  });
});
