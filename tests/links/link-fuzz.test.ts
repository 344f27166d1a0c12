import {
  assert,
  asyncProperty,
  constantFrom,
  oneof,
  string,
  stringMatching,
  uint8Array,
} from 'fast-check';
import { expect, test } from 'vitest';
import { createLinks, linkMs } from '../../shared/store/links/links.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLinkBrowser } from '../support/link-browser.ts';
import { phone } from '../support/pipeline.ts';
import { withRelay } from '../support/relay-bench.ts';
import { anyCharacter } from '../support/any-character.ts';

test(
  'whatever is posted to a link, by whomever, is answered without a fault, and only a whole form uses it',
  { tags: 'long' },
  async () => {
    // The door turns away who is wrong sixty times in a minute: each request is another client's.
    await withRelay({ TRUST_PROXY: '1' }, async ({ redis, relayUrl }) => {
      const links = createLinks(redis);
      const detail = JSON.stringify({ conversation: phone, key: 'k'.repeat(43) });
      const link = {
        purpose: 'secret',
        person: phone,
        object: 'T',
        detail,
        uses: 1,
      } as const;
      let client = 0;
      const forwarded = (): Record<string, string> => ({
        'X-Forwarded-For': `10.${(client += 1) >> 16}.${(client >> 8) & 255}.${client & 255}`,
      });
      await assert(
        asyncProperty(
          oneof(
            constantFrom(
              '',
              'sealed',
              'sealed=',
              `sealed=${'x'.repeat(20_000)}`,
              'a=1&'.repeat(30),
            ),
            string({ unit: anyCharacter, maxLength: 200 }),
            uint8Array({ maxLength: 300 }),
          ),
          constantFrom(
            'application/x-www-form-urlencoded',
            'application/x-www-form-urlencoded; charset=utf-16',
            'multipart/form-data; boundary=x',
            'application/json',
            'text/plain',
            '',
          ),
          oneof(
            constantFrom('mine', 'none'),
            stringMatching(/^[\w-]{22}$/),
            string({ maxLength: 30 }),
          ),
          stringMatching(/^[\w-]{21}[AQgw]$/),
          async (body, type, cookie, other) => {
            const { token } = await links.add(link);
            const url = `${relayUrl}/link/${token}`;
            const own = /link=[\w-]{22}/.exec(
              (await fetch(url, { headers: forwarded() })).headers.get('set-cookie') ?? '',
            )?.[0];
            const send = (where: string): Promise<Response> =>
              fetch(where, {
                method: 'POST',
                redirect: 'manual',
                body: typeof body === 'string' ? body : Buffer.from(body),
                headers: {
                  ...forwarded(),
                  'Content-Type': type,
                  Cookie: cookie === 'mine' ? (own ?? '') : `link=${encodeURIComponent(cookie)}`,
                },
              });
            for (const where of [url, `${relayUrl}/link/${other}`]) {
              const { status } = await send(where);
              expect(status).toBeGreaterThanOrEqual(400);
              expect(status).toBeLessThan(500);
            }
            expect(await redis.llen(keys.inbox(phone))).toBe(0);
            expect((await links.find(token))?.isOpen).toBe(true);
          },
        ),
        { numRuns: 300 },
      );
      const { token } = await links.add(link);
      const browser = createLinkBrowser();
      await browser.get(`${relayUrl}/link/${token}`);
      const whole = await browser.post(`${relayUrl}/link/${token}`, { sealed: 'x'.repeat(100) });
      expect(whole.status).toBe(303);
      expect(await redis.llen(keys.inbox(phone))).toBe(1);
      // Another person's who has used it, one that is over, and one that was closed: no form opens
      // it, from whichever browser and of whatever size.
      const closed = (await links.add(link)).token;
      await links.revoke(phone);
      const late = createLinks(redis, () => Date.now() - linkMs - 1);
      const ended = [token, closed, (await late.add({ ...link, person: 'p-other' })).token];
      const open = (await links.add(link)).token;
      await assert(
        asyncProperty(
          constantFrom(...ended),
          oneof(
            stringMatching(/^[\w-]{60,200}$/),
            string({ unit: anyCharacter, maxLength: 14_000 }),
          ),
          async (one, sealed) => {
            const stranger = createLinkBrowser();
            // With a cookie that an open link has given.
            await stranger.get(`${relayUrl}/link/${open}`);
            const { status } = await stranger.post(
              `${relayUrl}/link/${one}`,
              { sealed },
              forwarded(),
            );
            expect([400, 404, 410, 413]).toContain(status);
            expect(await redis.llen(keys.inbox(phone))).toBe(1);
          },
        ),
        { numRuns: 60 },
      );
    });
  },
);
