import { expect, test } from 'vitest';
import { createLinks } from '../../shared/store/links/links.ts';
import { createSealedSecrets } from '../../shared/store/links/sealed.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { readMessage } from '../../shared/store/message.ts';
import { createLinkBrowser } from '../support/link-browser.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { dumpRedis } from '../support/redis-dump.ts';
import { withRelay } from '../support/relay-bench.ts';
import type { RelayBench } from '../support/relay-bench.ts';

const box = 'x'.repeat(100);
const publicKey = 'k'.repeat(43);

async function linkFor(
  { redis, relayUrl }: Pick<RelayBench, 'redis' | 'relayUrl'>,
  conversation = phone,
): Promise<string> {
  const detail = JSON.stringify({ conversation, key: publicKey });
  const links = createLinks(redis);
  const link = { object: 'A_TOKEN', detail, uses: 1 };
  return `${relayUrl}/link/${(await links.add({ ...link, purpose: 'secret', person: conversation })).token}`;
}

/** What is in a conversation's inbox. */
async function waiting({ redis }: RelayBench, conversation = phone): Promise<unknown[]> {
  return (await redis.lrange(keys.inbox(conversation), 0, -1)).map((entry) => readMessage(entry));
}

test('a crawler looks five times and changes nothing; then the link works, once, for one browser', async () => {
  await withRelay({}, async (bench) => {
    const { redis, relayUrl, logged } = bench;
    const url = await linkFor(bench);
    const before = await dumpRedis(redis);
    for (let look = 0; look < 5; look += 1) {
      const crawler = createLinkBrowser();
      const [page, head] = [await crawler.get(url), await createLinkBrowser().get(url, 'HEAD')];
      expect([page.status, head.status]).toEqual([200, 200]);
      // The connection of a page with a body is kept open.
      const names = (response: Response): string[] =>
        [...response.headers.keys()].filter((name) => name !== 'keep-alive');
      expect(names(head)).toEqual(names(page));
      expect(await head.text()).toBe('');
      const text = await page.text();
      expect(text).toContain('<title>Sidepocket</title>');
      expect(text).not.toMatch(/<meta[^>]*(?:og:|twitter:|description)/i);
      expect(text).not.toMatch(/(?:src|href|action)="?(?:https?:)?\/\//i);
    }
    expect(await dumpRedis(redis)).toEqual(before);

    const [mine, yours] = [createLinkBrowser(), createLinkBrowser()];
    await Promise.all([mine.get(url), yours.get(url)]);
    const sent = await mine.post(url, { sealed: box });
    expect([sent.status, sent.headers.get('location')]).toEqual([303, url.replace(relayUrl, '')]);
    const [message] = await waiting(bench);
    expect(message).toMatchObject({ conversation: phone, human: false });
    const again = await mine.post(url, { sealed: 'y'.repeat(100) });
    expect(again.status).toBe(303);
    expect((await yours.post(url, { sealed: box })).status).toBe(410);
    expect((await yours.get(url)).status).toBe(410);
    expect(await (await mine.get(url)).text()).toContain('A_TOKEN is on its way');
    expect(await waiting(bench)).toHaveLength(1);
    const { sealed = '' } = readMessage(JSON.stringify(message)) ?? {};
    expect(await createSealedSecrets(redis).find(sealed)).toEqual({
      person: phone,
      name: 'A_TOKEN',
      box,
    });
    expect(JSON.stringify(logged())).not.toContain(url.split('/').at(-1));
  });
});

test('a page of a link is kept, framed, indexed and referred from nowhere, and runs its own script only', async () => {
  await withRelay({}, async (bench) => {
    const url = await linkFor(bench);
    const pages = [
      await fetch(url),
      await fetch(url.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'))),
    ];
    expect(pages.map(({ status }) => status)).toEqual([200, 404]);
    for (const { headers } of pages) {
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('x-robots-tag')).toBe('noindex, nofollow');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toMatch(
        /^default-src 'none';.*frame-ancestors 'none'/,
      );
    }
    const [policy, none] = pages.map(({ headers }) => headers.get('content-security-policy') ?? '');
    expect(policy).toMatch(/form-action 'self'; .*; script-src 'sha256-[\w+/]{43}='$/);
    expect(none).toMatch(/form-action 'none'; frame-ancestors 'none'$/);
    expect(pages[0]?.headers.get('set-cookie')).toMatch(
      /^link=[\w-]{22}; Max-Age=3600; Path=\/link\/[\w-]{22}; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    );
  });
});

test('a form of another site, without the cookie, or without a sealed secret uses nothing up', async () => {
  await withRelay({}, async (bench) => {
    const url = await linkFor(bench);
    const browser = createLinkBrowser();
    await browser.get(url);
    const refused = [
      await createLinkBrowser().post(url, { sealed: box }),
      await browser.post(url, { sealed: box }, { 'Sec-Fetch-Site': 'cross-site' }),
      await browser.post(url, {}),
      await browser.post(url, { sealed: 'too short' }),
      await browser.post(url, { sealed: `${box}+/=` }),
      await browser.post(url, { sealed: 'x'.repeat(12_000) }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400]);
    expect((await browser.post(url, { sealed: 'x'.repeat(20_000) })).status).toBe(413);
    expect(await waiting(bench)).toEqual([]);
    const same = { 'Sec-Fetch-Site': 'same-origin' };
    expect((await browser.post(url, { sealed: box }, same)).status).toBe(303);
    expect(await waiting(bench)).toHaveLength(1);
  });
});

test('of many browsers at once one uses a link; other methods use none, nor does a form that comes after its time', async () => {
  await withRelay({}, async (bench) => {
    const url = await linkFor(bench);
    for (const method of ['OPTIONS', 'PUT', 'PATCH', 'DELETE']) {
      const { status } = await fetch(url, { method });
      expect([method, status >= 200 && status < 500]).toEqual([method, true]);
    }
    const browsers = Array.from({ length: 8 }, () => createLinkBrowser());
    await Promise.all(browsers.map((browser) => browser.get(url)));
    const answers = await Promise.all(
      browsers.map((browser) => browser.post(url, { sealed: box })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([303, ...Array(7).fill(410)]);
    expect(await waiting(bench)).toHaveLength(1);

    // The page is open when its time ends.
    const late = await linkFor(bench);
    const [browser, id] = [
      createLinkBrowser(),
      (await createLinks(bench.redis).list(phone))[0]?.id,
    ];
    expect((await browser.get(late)).status).toBe(200);
    await bench.redis.hset(keys.link(id ?? ''), 'expires', Date.now() - 1);
    expect((await browser.post(late, { sealed: box })).status).toBe(410);
    expect((await browser.post(late, { sealed: 'x'.repeat(100_000) })).status).toBe(413);
    expect(await waiting(bench)).toHaveLength(1);
  });
});

test('a link that is unknown, revoked, or of a removed person leads nowhere, for good', async () => {
  await withRelay({}, async (bench) => {
    const { redis, relayUrl } = bench;
    const [revoked, removed] = [await linkFor(bench), await linkFor(bench, otherPhone)];
    const browser = createLinkBrowser();
    await browser.get(removed);
    await createLinks(redis).revoke(phone);
    await redis.hset(keys.allowed, otherPhone, 'removed 2026-01-01T00:00:00.000Z, by test');
    const statuses = [
      await browser.get(revoked),
      await browser.post(revoked, { sealed: box }),
      await browser.post(removed, { sealed: box }),
      await browser.get(`${relayUrl}/link/${'A'.repeat(22)}`),
      await browser.get(`${relayUrl}/link/nothing`),
      await browser.post(`${relayUrl}/link/${'A'.repeat(22)}`, { sealed: box }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([404, 404, 404, 404, 404, 404]);
    expect(await waiting(bench, otherPhone)).toEqual([]);
    const dump = JSON.stringify(await dumpRedis(redis));
    expect(dump).not.toContain(box);
  });
});
