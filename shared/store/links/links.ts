import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { isSameSecret } from '../../runtime/constant-time.ts';
import { callKey } from '../redis/idempotent.ts';
import { keys, prefix } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';
import { runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/** What a link is for; each purpose has a page of its own. */
const purposes = ['secret', 'watch', 'export'] as const;
export type LinkPurpose = (typeof purposes)[number];

/**
 * A link in a chat. `object` is what it is about, such as the name of a secret; `detail` is what
 * its pages need besides: a page before the use shows nothing of it that not everybody may know.
 * `uses`: how many browsers may use it.
 */
export type NewLink = {
  purpose: LinkPurpose;
  person: string;
  object: string;
  detail: string;
  uses: number;
};

/**
 * A stored link. `id` names it without opening it. `isOpen`: it has not expired, and not every use
 * is taken. `isFollowed`: a browser has used it, and may still look at what it leads to.
 */
export type Link = NewLink & {
  id: string;
  expires: Date;
  isOpen: boolean;
  isFollowed: boolean;
  /** Whether the browser with this cookie has used it. */
  isUsedBy(cookie: string): boolean;
};

/** `used`: by other browsers, as often as it may be. `over`: unknown, expired or revoked. */
export type LinkUse = 'ok' | 'used' | 'over';

/**
 * Links in chats that let their reader do something. A token is 128 random bits and the only
 * credential; Redis holds its digest. Looking at a link changes nothing, since a crawler fetches
 * each address before the person taps it. A browser uses a link once and may repeat that.
 */
export type Links = {
  /** Creates a link and returns its token. */
  add(link: NewLink): Promise<{ token: string; expires: Date }>;
  /** The link of a token, open or not; undefined when it does not exist (any more). */
  find(token: string): Promise<Link | undefined>;
  /** Uses a link for the browser with this cookie. */
  use(token: string, cookie: string): Promise<LinkUse>;
  /** A person's links that are open or followed, the oldest first. */
  list(person: string): Promise<Link[]>;
  /** The ids of a person's links, open or not. */
  ids(person: string): Promise<string[]>;
  /** Deletes a person's links, all of them without `ids`. Returns how many were deleted. */
  revoke(person: string, ids?: readonly string[]): Promise<number>;
};

/** How long a link for a secret works (ms), and how long its browser may repeat its use after that. */
export const linkMs = 15 * 60_000;
const repeatMs = 15 * 60_000;

/**
 * How long a link may be used for the first time (ms): a live page only shows, and the message
 * with its link may be read much later.
 */
const openMs: Record<LinkPurpose, number> = {
  secret: linkMs,
  export: linkMs,
  watch: 24 * 3600_000,
};

/** How many links of each purpose a person may have; beyond it the oldest one is deleted. */
const most = 20;

const tokenBytes = 16;

const addScript = loadScript(new URL('lua/add-link.lua', import.meta.url), {
  keys: ['link', 'links'],
  args: [
    'id',
    'digest',
    'purpose',
    'person',
    'object',
    'detail',
    'uses',
    'expiryMs',
    'forgetMs',
    'nowMs',
    'most',
    'linkPrefix',
  ],
});

const useScript = loadScript(new URL('lua/use-link.lua', import.meta.url), {
  keys: ['link'],
  args: ['browser', 'nowMs'],
});

const revokeScript = loadScript(new URL('lua/revoke-links.lua', import.meta.url), {
  keys: ['links', 'call'],
  args: ['prefix', 'person', 'idsJson'],
});

const Stored = z.looseObject({
  digest: z.string(),
  purpose: z.enum(purposes),
  person: z.string(),
  object: z.string(),
  detail: z.string(),
  uses: z.coerce.number(),
  used: z.coerce.number(),
  expires: z.coerce.number(),
});

/** `now` is in ms since 1970. The browser of a live page may look at it for `retentionDays`. */
export function createLinks(
  redis: Redis,
  now: () => number = Date.now,
  retentionDays: number = usualRetentionDays,
): Links {
  const read = async (id: string): Promise<(Link & { digest: string }) | undefined> => {
    // A link of a later version's purpose is not a link here.
    const stored = Stored.safeParse(await redis.hgetall(keys.link(id))).data;
    if (!stored) return undefined;
    const { used, expires, ...link } = stored;
    return {
      ...link,
      id,
      expires: new Date(expires),
      isOpen: used < link.uses && expires > now(),
      isFollowed: link.purpose === 'watch' && used > 0,
      isUsedBy: (cookie) => `by:${browserOf(cookie)}` in stored,
    };
  };
  const find = async (token: string): Promise<Link | undefined> => {
    if (!isLinkToken(token)) return undefined;
    const digest = digestOf(token);
    const link = await read(idOf(digest));
    return link && isSameSecret(Buffer.from(digest), Buffer.from(link.digest)) ? link : undefined;
  };
  const ids = (person: string): Promise<string[]> => redis.zrange(keys.links(person), 0, '-1');
  return {
    ids,
    async add({ purpose, person, object, detail, uses }) {
      const token = randomBytes(tokenBytes).toString('base64url');
      const [digest, expires] = [digestOf(token), now() + openMs[purpose]];
      const seenMs = purpose === 'watch' ? retentionSeconds(retentionDays) * 1000 : repeatMs;
      const id = idOf(digest);
      await runScript(redis, addScript, {
        keys: { link: keys.link(id), links: keys.links(person) },
        args: {
          id,
          digest,
          purpose,
          person,
          object,
          detail,
          uses,
          expiryMs: expires,
          forgetMs: expires + seenMs,
          nowMs: now(),
          most,
          linkPrefix: keys.link(''),
        },
      });
      return { token, expires: new Date(expires) };
    },
    find,
    async use(token, cookie) {
      const link = await find(token);
      if (!link) return 'over';
      const use = await runScript(redis, useScript, {
        keys: { link: keys.link(link.id) },
        args: { browser: browserOf(cookie), nowMs: now() },
      });
      return use === 'ok' || use === 'used' ? use : 'over';
    },
    async list(person) {
      const links = await Promise.all((await ids(person)).map(read));
      return links
        .filter((link) => link !== undefined)
        .filter(({ isOpen, isFollowed }) => isOpen || isFollowed);
    },
    async revoke(person, ids) {
      const gone = await runScript(redis, revokeScript, {
        keys: { links: keys.links(person), call: callKey() },
        args: { prefix, person, idsJson: ids ? JSON.stringify(ids) : '' },
      });
      return Number(gone);
    },
  };
}

/** Whether a text has the form of a token; other texts need no query to Redis. */
export function isLinkToken(text: string): boolean {
  return /^[\w-]{21}[AQgw]$/.test(text);
}

/** The name of a browser: a digest, because a reader of Redis must not learn the cookie. */
function browserOf(cookie: string): string {
  return digestOf(cookie).slice(0, 32);
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The name of a link: a part of its digest, which says nothing about the token. */
function idOf(digest: string): string {
  return digest.slice(0, 16);
}
