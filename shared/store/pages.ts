import { randomBytes } from 'node:crypto';
import { cut } from '../runtime/cut.ts';
import { keys } from './redis/keys.ts';
import { isPageToken, pageId, readPageAddress, signPageAddress } from './page-address.ts';
import type { PageAddress } from './page-address.ts';
import { createRedisMemory } from './redis/redis-memory.ts';
import type { RedisMemory } from './redis/redis-memory.ts';
import type { Redis } from './redis/redis.ts';
import { retentionSeconds, usualRetentionDays } from './redis/retention.ts';
import { runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/** What a page's text is: Markdown, or changed files as JSON (`ChangedFiles`). */
export type PageForm = 'answer' | 'changes';

/** An answer as a web page. `grows`: more may be added, so the page must not be cached. */
export type Page = {
  markdown: string;
  written: Date;
  expires: Date;
  /** Absent for an answer. */
  form?: PageForm;
  /** What the person asked, in their words. */
  asked?: string;
  grows?: true;
};

/**
 * Long answers, stored in Redis so that the relay can show them while the worker sleeps. A page is
 * read by a signed, unguessable token, which expires with the page.
 */
export type PageStore = {
  /**
   * Stores the page of an answer and returns its token; undefined if the page is too large, the
   * total size is used up, or Redis is 70 % full. Idempotent: the first page of an answer stays
   * unchanged, and so does its token. `asked` is the question that it answers; its beginning is
   * kept.
   */
  put(
    answer: string,
    markdown: string,
    form?: PageForm,
    asked?: string,
  ): Promise<string | undefined>;
  /**
   * Appends an entry to the page `id`, creating the page with the first entry, and returns the
   * page's token; undefined if the page, all pages together, or Redis as a whole has no room for
   * it. The same entry is added only once.
   */
  append(id: string, entry: string, markdown: string): Promise<string | undefined>;
  /** The page; undefined if the token is invalid or has expired. */
  find(token: string): Promise<Page | undefined>;
  /** Deletes the page; false without one. */
  drop(token: string): Promise<boolean>;
};

/**
 * Size limits in bytes of UTF-8: for one page, several times what a model writes at once; for all,
 * a small part of a Redis of 256 MB.
 */
export type PageCaps = { page: number; total: number };
const pageCaps: PageCaps = { page: 400 * 1024, total: 32 * 1024 * 1024 };

const putScript = loadScript(new URL('lua/put-page.lua', import.meta.url), {
  keys: ['page', 'pages', 'sizes'],
  args: ['pageId', 'markdown', 'sizeBytes', 'nowMs', 'expiryMs', 'capBytes', 'form', 'asked'],
});

const appendScript = loadScript(new URL('lua/append-to-page.lua', import.meta.url), {
  keys: ['page', 'pages', 'sizes', 'entries'],
  args: [
    'pageId',
    'entry',
    'markdown',
    'sizeBytes',
    'nowMs',
    'expiryMs',
    'pageCapBytes',
    'totalCapBytes',
  ],
});

/** The longest question on a page (characters). */
const mostAsked = 400;

/** Separates two entries of a growing page. */
const separator = '\n\n---\n\n';

/** Pages are kept for `retentionDays`. */
export function createPageStore(
  redis: Redis,
  retentionDays: number = usualRetentionDays,
  caps: PageCaps = pageCaps,
  now: () => number = Date.now,
  memory: RedisMemory = createRedisMemory(redis),
): PageStore {
  /** An already stored page is not refused. */
  const mayKeep = async (id: string): Promise<boolean> =>
    (await memory.hasRoom()) || (await redis.exists(keys.page(id))) === 1;
  const expiryFrom = (at: number): number =>
    (Math.floor(at / 1000) + retentionSeconds(retentionDays)) * 1000;
  const addressOf = async (token: string): Promise<PageAddress | undefined> => {
    if (!isPageToken(token)) return undefined;
    const secret = await redis.getBuffer(keys.pageSecret);
    return secret ? readPageAddress(secret, token, now()) : undefined;
  };
  return {
    // Not fenced: a page depends on its answer alone, and its token is unknown until a fenced step
    // puts it into the outbox.
    async put(answer, markdown, form = 'answer', words = '') {
      const asked = cut(words, mostAsked);
      const size = Buffer.byteLength(markdown) + Buffer.byteLength(asked);
      if (size > caps.page) return undefined;
      const secret = await makeSecret(redis);
      const id = pageId(secret, answer);
      if (!(await mayKeep(id))) return undefined;
      const kept = await runScript(redis, putScript, {
        keys: { page: keys.page(id), pages: keys.pages, sizes: keys.pageSizes },
        args: {
          pageId: id,
          markdown,
          sizeBytes: size,
          nowMs: now(),
          expiryMs: expiryFrom(now()),
          capBytes: caps.total,
          form,
          asked,
        },
      });
      return typeof kept === 'string'
        ? signPageAddress(secret, { id, expires: Number(kept) })
        : undefined;
    },
    async append(name, entry, markdown) {
      const text = `${markdown}${separator}`;
      const secret = await makeSecret(redis);
      const id = pageId(secret, name);
      if (!(await mayKeep(id))) return undefined;
      const kept = await runScript(redis, appendScript, {
        keys: {
          page: keys.page(id),
          pages: keys.pages,
          sizes: keys.pageSizes,
          entries: keys.pageEntries(id),
        },
        args: {
          pageId: id,
          entry,
          markdown: text,
          sizeBytes: Buffer.byteLength(text),
          nowMs: now(),
          expiryMs: expiryFrom(now()),
          pageCapBytes: caps.page,
          totalCapBytes: caps.total,
        },
      });
      return typeof kept === 'string'
        ? signPageAddress(secret, { id, expires: Number(kept) })
        : undefined;
    },
    async find(token) {
      const address = await addressOf(token);
      if (!address) return undefined;
      const { markdown, written, grows, form, asked } = await redis.hgetall(keys.page(address.id));
      return markdown === undefined
        ? undefined
        : {
            markdown,
            written: new Date(Number(written)),
            expires: new Date(address.expires),
            ...(form === 'changes' ? { form: 'changes' as const } : {}),
            ...(asked === undefined || asked === '' ? {} : { asked }),
            ...(grows === '1' ? { grows: true as const } : {}),
          };
    },
    async drop(token) {
      const address = await addressOf(token);
      if (!address) return false;
      const { id } = address;
      const gone = await redis.del(keys.page(id));
      await redis
        .multi()
        .del(keys.pageEntries(id))
        .zrem(keys.pages, id)
        .hdel(keys.pageSizes, id)
        .exec();
      return gone === 1;
    },
  };
}

/**
 * The secret is created once, on first use, by any process; it is stored with the pages, so it is
 * lost only with them.
 */
async function makeSecret(redis: Redis): Promise<Buffer> {
  await redis.set(keys.pageSecret, randomBytes(32), 'NX');
  const secret = await redis.getBuffer(keys.pageSecret);
  if (!secret) throw new Error('cannot read the signing key of the pages');
  return secret;
}
