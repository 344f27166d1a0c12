import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { FileStoreFullError, createFileStore } from '../../shared/store/files.ts';
import type { FileStore, StoredFile } from '../../shared/store/files.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { proveAddresses } from '../support/prove-addresses.ts';
import { withRedis } from '../support/redis.ts';

const about = { type: 'image/png', name: 'picture.png' };
const owner = '+15551230001';
const other = '+15551230002';
const hour = 3600_000;

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
      const file = await files.put(
        new Uint8Array(Buffer.concat([randomBytes(7), bytes, randomBytes(7)])).subarray(
          7,
          7 + size,
        ),
        about,
        owner,
      );
      expect(await files.find(file.token)).toEqual({ ...about, size, token: file.token });
      expect((await readAll(files, file)).equals(bytes), `${size} bytes`).toBe(true);
      for (let index = 0; index * 512 * 1024 < size; index += 1)
        expect(await redis.strlen(keys.filePiece(file.token, index))).toBeLessThanOrEqual(
          512 * 1024,
        );
    }
  });
});

test('files are kept at least 4 hours, and everything about them expires', async () => {
  await withRedis(async (redis) => {
    const { token } = await createFileStore(redis).put(randomBytes(10), about, owner);
    expect(token).toMatch(/^[\w-]{33}[A-Za-z0-9]$/);
    for (const key of [keys.file(token), keys.filePiece(token, 0)])
      expect(await redis.ttl(key), `life of ${key}`).toBeGreaterThan(4 * 3600);
  });
});

/** A store of 1,200 bytes with a clock of the test's own. */
async function withSmallStore(
  run: (bench: {
    files: FileStore;
    pass: (ms: number) => void;
    put: (size: number, by?: string) => Promise<string>;
    isThere: (token: string) => Promise<boolean>;
    keyCount: () => Promise<number>;
  }) => Promise<void>,
): Promise<void> {
  await withRedis(async (redis) => {
    let now = Date.now();
    const files = createFileStore(redis, 1200, () => now);
    await run({
      files,
      pass: (ms) => (now += ms),
      put: async (size, by = owner) => (await files.put(randomBytes(size), about, by)).token,
      isThere: async (token) => (await files.find(token)) !== undefined,
      keyCount: () => redis.dbsize(),
    });
  });
}

test('a conversation fills two thirds of what the others leave; more is refused and nothing of it is stored', async () => {
  await withSmallStore(async ({ put, keyCount, pass }) => {
    await put(600);
    const before = await keyCount();
    await expect(put(201)).rejects.toThrow(FileStoreFullError);
    expect(await keyCount()).toBe(before);
    await put(200);
    await expect(put(1)).rejects.toThrow(FileStoreFullError);
    // Others still have room, each less than the one before, and all together stay under the cap.
    await put(266, other);
    await expect(put(1, other)).rejects.toThrow(FileStoreFullError);
    await put(89, '+15551230003');
    await put(29, '+15551230004');
    pass(25 * hour);
    await put(800);
  });
});

test('a share is a person’s, over the conversations of both of their addresses', async () => {
  await withRedis(async (redis) => {
    const [files, people] = [createFileStore(redis, 1200), createPeopleStore(redis)];
    for (const address of [owner, 'US.1']) await people.idOf(address);
    await files.put(randomBytes(400), about, 'US.1');
    await proveAddresses(redis, owner, 'US.1');
    await files.put(randomBytes(400), about, owner);
    for (const conversation of [owner, 'US.1'])
      await expect(files.put(randomBytes(1), about, conversation)).rejects.toThrow(
        FileStoreFullError,
      );
    await files.put(randomBytes(266), about, other);
  });
});

test('nothing younger than four hours makes room, fetched or not', async () => {
  await withSmallStore(async ({ files, put, isThere, pass }) => {
    const kept = await put(800);
    await files.noteFetched(kept);
    pass(4 * hour - 1);
    await expect(put(100)).rejects.toThrow(FileStoreFullError);
    expect(await isThere(kept)).toBe(true);
    pass(1);
    await put(100);
    expect(await isThere(kept)).toBe(false);
  });
});

test('room is made by what was fetched, the own before others’, then by the own that was not, and never by more than it takes', async () => {
  await withSmallStore(async ({ files, put, isThere, pass }) => {
    const own: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      own.push(await put(200));
      pass(1);
    }
    const [unfetched = '', fetched = '', second = ''] = own;
    const [theirs, theirsUnfetched] = [await put(100, other), await put(100, other)];
    for (const token of [fetched, second, theirs]) await files.noteFetched(token);
    pass(5 * hour);
    const left = async (): Promise<string[]> => {
      const all = { unfetched, fetched, second, theirs, theirsUnfetched };
      const names: string[] = [];
      for (const [name, token] of Object.entries(all)) if (await isThere(token)) names.push(name);
      return names;
    };
    await put(200);
    expect(await left()).toEqual(['unfetched', 'second', 'theirs', 'theirsUnfetched']);
    await put(200);
    expect(await left()).toEqual(['unfetched', 'theirs', 'theirsUnfetched']);
    await put(120);
    expect(await left()).toEqual(['unfetched', 'theirsUnfetched']);
    await put(150);
    expect(await left()).toEqual(['theirsUnfetched']);
    await expect(put(200)).rejects.toThrow(FileStoreFullError);
    expect(await left()).toEqual(['theirsUnfetched']);
  });
});

test('a file that is dropped leaves nothing behind, and one that cannot be kept drops nothing', async () => {
  await withRedis(async (redis) => {
    let now = Date.now();
    const files = createFileStore(redis, 3 * 1024 * 1024, () => now);
    const { token } = await files.put(randomBytes(1_500_000), about, owner);
    await files.noteFetched(token);
    now += 5 * hour;
    await expect(files.put(randomBytes(2_500_000), about, owner)).rejects.toThrow(
      FileStoreFullError,
    );
    expect(await files.find(token)).toBeDefined();
    await files.put(randomBytes(1_600_000), about, owner);
    expect(await redis.keys(`*${token}*`)).toEqual([]);
    expect(
      await Promise.all(
        [keys.fileSizes, keys.fileOwners, keys.filesFetched].map((key) =>
          redis.hexists(key, token),
        ),
      ),
    ).toEqual([0, 0, 0]);
    // A late word about a file that is gone leaves no trace.
    await files.noteFetched(token);
    expect(await redis.hexists(keys.filesFetched, token)).toBe(0);
  });
});

test('files of the version before, which belong to no conversation, count and expire, and make room once they were fetched', async () => {
  await withSmallStore(async ({ files, put, isThere, pass }) => {
    const old = await put(300, '');
    await expect(put(700)).rejects.toThrow(FileStoreFullError);
    await put(600);
    await files.noteFetched(old);
    pass(5 * hour);
    await put(100);
    expect(await isThere(old)).toBe(false);
  });
});

test('files put at the same time do not exceed the share together', async () => {
  await withRedis(async (redis) => {
    const files = createFileStore(redis, 1500);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => files.put(randomBytes(100), about, owner)),
    );
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(10);
  });
});

test('what another has not fetched makes no room, however old it is', async () => {
  await withRedis(async (redis) => {
    let now = Date.now();
    const files = createFileStore(redis, 900, () => now);
    const theirs = await files.put(new Uint8Array(400), about, other);
    now += 5 * hour;
    await expect(files.put(new Uint8Array(334), about, owner)).rejects.toThrow(FileStoreFullError);
    expect(await files.find(theirs.token)).toEqual(theirs);
    expect(await files.put(new Uint8Array(333), about, owner)).toMatchObject({ size: 333 });
  });
});
