import { randomBytes } from 'node:crypto';
import { keys, prefix } from './keys.ts';
import type { Redis } from './redis.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';

/** A stored file. `size` is in bytes. */
export type StoredFile = { token: string; type: string; name: string; size: number };

/** Thrown when the files already kept leave no room for another. */
export class FileStoreFullError extends Error {
  override name = 'FileStoreFullError';
}

/**
 * Files on their way to the person, kept in Redis so that the relay can hand them to Twilio while the worker sleeps. A token is 192
 * random bits; whoever knows it may read the file until it expires.
 */
export type FileStore = {
  /** Stores a file. Throws FileStoreFullError when the cap on the total is reached: Redis itself must never fill up. */
  put(bytes: Uint8Array, about: { type: string; name: string }): Promise<StoredFile>;
  /** What is known of a file; undefined when it never was or has expired. */
  find(token: string): Promise<StoredFile | undefined>;
  /** The file's bytes, piece by piece. Throws when a piece is missing. */
  read(file: StoredFile): AsyncIterable<Buffer>;
};

/** How much may wait in Redis to be fetched (bytes): room for hundreds of screenshots in a Redis of 256 MB. */
export const fileCap = 64 * 1024 * 1024;

/** Upstash takes requests of up to 10 MB; small pieces keep both processes' memory flat. */
const pieceBytes = 512 * 1024;
/** WhatsApp's queue at Twilio holds a message up to 4 hours before it fetches the file; links in a chat want longer. Seconds. */
const lifetime = 24 * 3600;

const reserveScript: Script = {
  name: 'sidepocketReserveFile',
  keys: 2,
  // KEYS: files, sizes. ARGV: token, size, now (ms), expiry (ms), cap (bytes).
  lua: `
    local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
    for _, token in ipairs(gone) do
      redis.call('ZREM', KEYS[1], token)
      redis.call('HDEL', KEYS[2], token)
    end
    local total = tonumber(ARGV[2])
    for _, size in ipairs(redis.call('HVALS', KEYS[2])) do total = total + tonumber(size) end
    if total > tonumber(ARGV[5]) then return 0 end
    redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1])
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
    return 1`,
};

/** `capBytes` bounds the total of all files kept. */
export function createFileStore(redis: Redis, capBytes: number = fileCap, now: () => number = Date.now): FileStore {
  return {
    async put(bytes, { type, name }) {
      const token = randomBytes(24).toString('base64url');
      const file = { token, type, name, size: bytes.byteLength };
      const expiry = now() + lifetime * 1000;
      const reserved = await runScript(redis, reserveScript, [keys.files, keys.fileSizes, token, file.size, now(), expiry, capBytes]);
      if (reserved !== 1) throw new FileStoreFullError(`the files waiting to be fetched are over ${Math.round(capBytes / 1e6)} MB`);
      for (let index = 0; index * pieceBytes < bytes.byteLength; index += 1) {
        const piece = bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes);
        await redis.set(keys.filePiece(token, index), Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength), 'EX', lifetime);
      }
      // The description comes last: a file is there when it is there whole.
      await redis.multi().hset(keys.file(token), { type, name, size: file.size }).expire(keys.file(token), lifetime).exec();
      return file;
    },
    async find(token) {
      const { type, name, size } = await redis.hgetall(keys.file(token));
      return type === undefined || name === undefined ? undefined : { token, type, name, size: Number(size) };
    },
    async *read(file) {
      for (let index = 0; index * pieceBytes < file.size; index += 1) {
        const piece = await redis.getBuffer(keys.filePiece(file.token, index));
        if (!piece) throw new Error(`${prefix} file ${index} of ${Math.ceil(file.size / pieceBytes)} is missing`);
        yield piece;
      }
    },
  };
}
