import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { FileStoreFullError, createFileStore } from '../../shared/file-store.ts';
import type { FileStore, StoredFile } from '../../shared/file-store.ts';
import { keys } from '../../shared/keys.ts';
import { withRedis } from '../support/redis.ts';

const about = { type: 'image/png', name: 'picture.png' };

async function readAll(files: FileStore, file: StoredFile): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of files.read(file)) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('a file comes back as it was put, in pieces of at most 512 kB', async () => {
  await withRedis(async (redis) => {
    const files = createFileStore(redis);
    for (const size of [0, 1, 512 * 1024, 512 * 1024 + 1, 1_500_000]) {
      const bytes = randomBytes(size);
      // A view into a larger buffer: only the view is the file.
      const file = await files.put(new Uint8Array(Buffer.concat([randomBytes(7), bytes, randomBytes(7)])).subarray(7, 7 + size), about);
      expect(await files.find(file.token)).toEqual({ ...about, size, token: file.token });
      expect((await readAll(files, file)).equals(bytes), `${size} bytes`).toBe(true);
      for (let index = 0; index * 512 * 1024 < size; index += 1) expect(await redis.strlen(keys.filePiece(file.token, index))).toBeLessThanOrEqual(512 * 1024);
    }
  });
});

test('files are kept at least 4 hours, and everything about them expires', async () => {
  await withRedis(async (redis) => {
    const { token } = await createFileStore(redis).put(randomBytes(10), about);
    expect(token).toMatch(/^[\w-]{32}$/);
    for (const key of [keys.file(token), keys.filePiece(token, 0)]) expect(await redis.ttl(key), `life of ${key}`).toBeGreaterThan(4 * 3600);
  });
});

test('over the cap a file is refused and nothing of it is stored; when an old one has expired there is room again', async () => {
  await withRedis(async (redis) => {
    let now = Date.now();
    const files = createFileStore(redis, 1000, () => now);
    await files.put(randomBytes(600), about);
    const before = await redis.dbsize();
    await expect(files.put(randomBytes(401), about)).rejects.toThrow(FileStoreFullError);
    expect(await redis.dbsize()).toBe(before);
    const fitting = await files.put(randomBytes(400), about);
    await expect(files.put(randomBytes(1), about)).rejects.toThrow(FileStoreFullError);
    expect((await readAll(files, fitting)).length).toBe(400);
    now += 25 * 3600_000;
    await files.put(randomBytes(1000), about);
    await expect(files.put(randomBytes(1), about)).rejects.toThrow(FileStoreFullError);
  });
});

test('files put at the same time do not exceed the cap together', async () => {
  await withRedis(async (redis) => {
    const files = createFileStore(redis, 1000);
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => files.put(randomBytes(100), about)));
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(10);
  });
});
