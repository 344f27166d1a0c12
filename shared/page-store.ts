import { randomBytes } from 'node:crypto';
import { keys } from './keys.ts';
import { isPageToken, pageId, readPageAddress, signPageAddress } from './page-address.ts';
import type { Redis } from './redis.ts';
import { retentionSeconds, usualRetentionDays } from './retention.ts';
import { runScript } from './script.ts';
import type { Script } from './script.ts';

/** An answer that is read as a web page. */
export type Page = { markdown: string; written: Date; expires: Date };

/**
 * Long answers, kept in Redis so that the relay can show them while the worker sleeps. A page is read by a signed token, which nobody can guess and which expires
 * with the page.
 */
export type PageStore = {
  /**
   * Keeps the page of an answer and returns its token; undefined when the page is too large, or when the pages kept leave no room for another. It may be said again: the
   * first page of an answer stays as it is, and so does its token.
   */
  put(answer: string, markdown: string): Promise<string | undefined>;
  /** The page; undefined when the token is not one of ours or has expired. */
  find(token: string): Promise<Page | undefined>;
};

/** Bounds in bytes of UTF-8: for one page, several times what a model writes at once; for all, a small part of a Redis of 256 MB. */
export type PageCaps = { page: number; total: number };
export const pageCaps: PageCaps = { page: 400 * 1024, total: 32 * 1024 * 1024 };

const putScript: Script = {
  name: 'sidepocketPutPage',
  keys: 3,
  // KEYS: page, pages, sizes. ARGV: id, markdown, size, now (ms), expiry (ms), cap of the total (bytes). Returns the expiry of what is kept, or false.
  lua: `
    local kept = redis.call('HGET', KEYS[1], 'expires')
    if kept then return kept end
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[4])) do
      redis.call('ZREM', KEYS[2], id)
      redis.call('HDEL', KEYS[3], id)
    end
    local total = tonumber(ARGV[3])
    for _, size in ipairs(redis.call('HVALS', KEYS[3])) do total = total + tonumber(size) end
    if total > tonumber(ARGV[6]) then return false end
    redis.call('HSET', KEYS[1], 'markdown', ARGV[2], 'written', ARGV[4], 'expires', ARGV[5])
    redis.call('PEXPIREAT', KEYS[1], ARGV[5])
    redis.call('ZADD', KEYS[2], ARGV[5], ARGV[1])
    redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
    return ARGV[5]`,
};

/** Pages are kept for `retentionDays`. */
export function createPageStore(redis: Redis, retentionDays: number = usualRetentionDays, caps: PageCaps = pageCaps, now: () => number = Date.now): PageStore {
  return {
    // Not fenced: a page is made of its answer alone, and nobody has its token until a fenced step puts it into the outbox.
    async put(answer, markdown) {
      const size = Buffer.byteLength(markdown);
      if (size > caps.page) return undefined;
      const secret = await makeSecret(redis);
      const id = pageId(secret, answer);
      const expiry = (Math.floor(now() / 1000) + retentionSeconds(retentionDays)) * 1000;
      const kept = await runScript(redis, putScript, [keys.page(id), keys.pages, keys.pageSizes, id, markdown, size, now(), expiry, caps.total]);
      return typeof kept === 'string' ? signPageAddress(secret, { id, expires: Number(kept) }) : undefined;
    },
    async find(token) {
      if (!isPageToken(token)) return undefined;
      const secret = await redis.getBuffer(keys.pageSecret);
      const address = secret ? readPageAddress(secret, token, now()) : undefined;
      if (!address) return undefined;
      const { markdown, written } = await redis.hgetall(keys.page(address.id));
      return markdown === undefined ? undefined : { markdown, written: new Date(Number(written)), expires: new Date(address.expires) };
    },
  };
}

/** The secret is made once, by whoever needs it first; it lives where the pages live, so that it is lost only with them. */
async function makeSecret(redis: Redis): Promise<Buffer> {
  await redis.set(keys.pageSecret, randomBytes(32), 'NX');
  const secret = await redis.getBuffer(keys.pageSecret);
  if (!secret) throw new Error('the secret of the pages cannot be read');
  return secret;
}
