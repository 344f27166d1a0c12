import { randomBytes } from 'node:crypto';
import { keys, prefix } from './redis/keys.ts';
import { createRedisMemory } from './redis/redis-memory.ts';
import type { RedisMemory } from './redis/redis-memory.ts';
import type { Redis } from './redis/redis.ts';
import { defineScript, runScript } from './redis/script.ts';

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
};

/**
 * The total size of stored files (bytes): room for hundreds of screenshots in a Redis of 256 MB.
 */
export const fileCap = 64 * 1024 * 1024;

/** Upstash takes requests of up to 10 MB; small pieces keep both processes' memory flat. */
const pieceBytes = 512 * 1024;
/** Links in a chat work for a day unless the file is evicted. Seconds. */
const lifetime = 24 * 3600;
/**
 * WhatsApp's queue at Twilio holds a message up to 4 hours before it fetches the file: younger
 * files are never evicted. Seconds.
 */
const safeFor = 4 * 3600;

const reserveScript = defineScript({
  name: 'sidepocketReserveFile',
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
  // The keys of a file and its pieces are derived from its token. Files that expire by
  // `droppableExpiryMs` may be evicted.
  lua: `
    -- derives file:*
    if redis.call('HEXISTS', fileSizes, newToken) == 1 then return 1 end
    local sizes, owners, total, own = {}, {}, 0, 0
    local function drop(token)
      local pieces = math.ceil((sizes[token] or 0) / tonumber(pieceBytes))
      for index = 0, pieces - 1 do redis.call('DEL', filePrefix .. token .. ':' .. index) end
      redis.call('DEL', filePrefix .. token)
      redis.call('ZREM', files, token)
      for _, hash in ipairs({ fileSizes, fileOwners, fetched }) do redis.call('HDEL', hash, token) end
    end
    local kept = redis.call('HGETALL', fileSizes)
    for index = 1, #kept, 2 do sizes[kept[index]] = tonumber(kept[index + 1]) end
    for _, token in ipairs(redis.call('ZRANGEBYSCORE', files, '-inf', nowMs)) do
      drop(token)
      sizes[token] = nil
    end
    local owned = redis.call('HGETALL', fileOwners)
    for index = 1, #owned, 2 do owners[owned[index]] = owned[index + 1] end
    for token, size in pairs(sizes) do
      total = total + size
      if owners[token] == owner then own = own + size end
    end
    -- A conversation may hold two thirds of what the others leave, so there is always room for one that has little.
    local function fits() return own + tonumber(newSize) <= (tonumber(capBytes) - (total - own)) * 2 / 3 end
    local classes, doomed = { {}, {}, {} }, {}
    if not fits() then
      for _, token in ipairs(redis.call('ZRANGEBYSCORE', files, '-inf', droppableExpiryMs)) do
        local isOwn, isFetched = owners[token] == owner, redis.call('HEXISTS', fetched, token) == 1
        local class = isFetched and (isOwn and 1 or 2) or (isOwn and 3)
        if class then table.insert(classes[class], token) end
      end
    end
    for class, tokens in ipairs(classes) do
      for _, token in ipairs(tokens) do
        if fits() then break end
        total = total - (sizes[token] or 0)
        if class ~= 2 then own = own - (sizes[token] or 0) end
        table.insert(doomed, token)
      end
    end
    if not fits() then return 0 end
    for _, token in ipairs(doomed) do drop(token) end
    redis.call('ZADD', files, expiryMs, newToken)
    redis.call('HSET', fileSizes, newToken, newSize)
    redis.call('HSET', fileOwners, newToken, owner)
    return 1`,
});

const fetchedScript = defineScript({
  name: 'sidepocketFileFetched',
  keys: ['files', 'fetched'],
  args: ['token', 'nowMs'],
  lua: `if redis.call('ZSCORE', files, token) then return redis.call('HSETNX', fetched, token, nowMs) end
    return 0`,
});

/** `capBytes` bounds the total size of all files. */
export function createFileStore(
  redis: Redis,
  capBytes: number = fileCap,
  now: () => number = Date.now,
  memory: RedisMemory = createRedisMemory(redis),
): FileStore {
  return {
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
