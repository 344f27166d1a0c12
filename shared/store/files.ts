import { randomBytes } from 'node:crypto';
import { keys, prefix } from './redis/keys.ts';
import { createRedisMemory } from './redis/redis-memory.ts';
import type { RedisMemory } from './redis/redis-memory.ts';
import type { Redis } from './redis/redis.ts';
import { runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/** A stored file. `size` is in bytes. */
export type StoredFile = { token: string; type: string; name: string; size: number };

/** Thrown when a conversation's share has no room for another file. */
export class FileStoreFullError extends Error {
  override name = 'FileStoreFullError';
}

/** Thrown when Redis itself has no room for new files: the rest is reserved for messages. */
export class MemoryFullError extends Error {
  override name = 'MemoryFullError';
}

/**
 * Files for the person, stored in Redis so that the relay can hand them to Twilio while the worker
 * sleeps. A token is 192 random bits; it gives access to the file until it expires.
 */
export type FileStore = {
  /**
   * Stores a file of a conversation. If its share is used up, evicts files older than four hours:
   * fetched files, its own before others', then its own unfetched ones. Throws FileStoreFullError
   * when that is not enough, and MemoryFullError when Redis itself is 70 % full.
   */
  put(bytes: Uint8Array, about: { type: string; name: string }, owner: string): Promise<StoredFile>;
  /** A file's metadata; undefined if it never existed, has expired or was evicted. */
  find(token: string): Promise<StoredFile | undefined>;
  /** The file's bytes, piece by piece. Throws when a piece is missing. */
  read(file: StoredFile): AsyncIterable<Buffer>;
  /** Notes that a file was fetched completely: by Twilio, which keeps a copy, or through a link. */
  noteFetched(token: string): Promise<void>;
  /** The tokens of a conversation's files. */
  ownedBy(owner: string): Promise<string[]>;
  /** Deletes a conversation's files, also those that are being stored. Returns how many. */
  drop(owner: string): Promise<number>;
};

/**
 * The total size of stored files (bytes): room for hundreds of screenshots in a Redis of 256 MB.
 */
const fileCap = 64 * 1024 * 1024;

/** Upstash takes requests of up to 10 MB; small pieces keep both processes' memory flat. */
const pieceBytes = 512 * 1024;
/** Links in a chat work for a day unless the file is evicted. Seconds. */
const lifetime = 24 * 3600;
/**
 * WhatsApp's queue at Twilio holds a message up to 4 hours before it fetches the file: younger
 * files are never evicted. Seconds.
 */
const safeFor = 4 * 3600;

const reserveScript = loadScript(new URL('lua/reserve-file.lua', import.meta.url), {
  keys: ['files', 'fileSizes', 'fileOwners', 'fetched'],
  args: [
    'newToken',
    'newSize',
    'nowMs',
    'expiryMs',
    'capBytes',
    'owner',
    'droppableExpiryMs',
    'filePrefix',
    'pieceBytes',
  ],
});

const fetchedScript = loadScript(new URL('lua/file-fetched.lua', import.meta.url), {
  keys: ['files', 'fetched'],
  args: ['token', 'nowMs'],
});

/** `capBytes` bounds the total size of all files. */
export function createFileStore(
  redis: Redis,
  capBytes: number = fileCap,
  now: () => number = Date.now,
  memory: RedisMemory = createRedisMemory(redis),
): FileStore {
  const ownedBy = async (owner: string): Promise<string[]> =>
    Object.entries(await redis.hgetall(keys.fileOwners)).flatMap(([token, known]) =>
      known === owner ? [token] : [],
    );
  return {
    ownedBy,
    async drop(owner) {
      const tokens = await ownedBy(owner);
      for (const token of tokens) {
        const size = Number((await redis.hget(keys.fileSizes, token)) ?? 0);
        const pieces = Array.from({ length: Math.ceil(size / pieceBytes) }, (_, index) =>
          keys.filePiece(token, index),
        );
        await redis.del(keys.file(token), ...pieces);
        // Its owner last: until then a repetition finds it.
        await redis
          .multi()
          .zrem(keys.files, token)
          .hdel(keys.fileSizes, token)
          .hdel(keys.filesFetched, token)
          .hdel(keys.fileOwners, token)
          .exec();
      }
      return tokens.length;
    },
    async put(bytes, { type, name }, owner) {
      if (!(await memory.hasRoom()))
        throw new MemoryFullError('Redis is nearly full: it takes no new files');
      // Not a multiple of three: then the last sign is a letter or a digit, which phones keep in a
      // link.
      const token = randomBytes(25).toString('base64url');
      const file = { token, type, name, size: bytes.byteLength };
      const expiry = now() + lifetime * 1000;
      const reserved = await runScript(redis, reserveScript, {
        keys: {
          files: keys.files,
          fileSizes: keys.fileSizes,
          fileOwners: keys.fileOwners,
          fetched: keys.filesFetched,
        },
        args: {
          newToken: token,
          newSize: file.size,
          nowMs: now(),
          expiryMs: expiry,
          capBytes,
          owner,
          droppableExpiryMs: expiry - safeFor * 1000,
          filePrefix: keys.file(''),
          pieceBytes,
        },
      });
      if (reserved !== 1)
        throw new FileStoreFullError(
          `the conversation's share of ${Math.round(capBytes / 1e6)} MB is used up`,
        );
      for (let index = 0; index * pieceBytes < bytes.byteLength; index += 1) {
        const piece = bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes);
        await redis.set(
          keys.filePiece(token, index),
          Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength),
          'EX',
          lifetime,
        );
      }
      // The metadata is written last: a file exists only when it is complete.
      await redis
        .multi()
        .hset(keys.file(token), { type, name, size: file.size })
        .expire(keys.file(token), lifetime)
        .exec();
      return file;
    },
    async find(token) {
      const { type, name, size } = await redis.hgetall(keys.file(token));
      return type === undefined || name === undefined
        ? undefined
        : { token, type, name, size: Number(size) };
    },
    async *read(file) {
      for (let index = 0; index * pieceBytes < file.size; index += 1) {
        const piece = await redis.getBuffer(keys.filePiece(file.token, index));
        if (!piece)
          throw new Error(
            `${prefix} file ${index} of ${Math.ceil(file.size / pieceBytes)} is missing`,
          );
        yield piece;
      }
    },
    async noteFetched(token) {
      const where = { files: keys.files, fetched: keys.filesFetched };
      await runScript(redis, fetchedScript, { keys: where, args: { token, nowMs: now() } });
    },
  };
}
