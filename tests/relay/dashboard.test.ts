import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prefix } from '../../shared/store/redis/keys.ts';
import { earlyInTheMinute } from '../support/minute.ts';
import { launchBrowser } from '../support/phone-page.ts';
import { password } from '../support/pipeline.ts';
import { withRelay } from '../support/relay-bench.ts';
import type { RelayBench } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const basic = (word: string): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`anyone:${word}`).toString('base64')}`,
});

/** Opens a page of the relay's in a browser without a session. Throws what the page threw. */
async function withAdminPage(bench: RelayBench, use: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(8000);
    const thrown: Error[] = [];
    page.on('pageerror', (error) => thrown.push(error));
    await page.goto(`${bench.relayUrl}/admin/queues`);
    await use(page);
    if (thrown.length > 0) throw new AggregateError(thrown, 'The page threw.');
  } finally {
    await context.close();
  }
}

async function signIn(page: Page, word: string): Promise<void> {
  await page.getByLabel('Password').fill(word);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test('a person signs in with the password and finds the finished turn, with nothing to press that would change it', async () => {
  await withRelay({}, async (bench) => {
    await bench.startWorker();
    await bench.say('what a lovely day');
    await until(
      'the end of the turn',
      async () => (await bench.redis.zcard(`${prefix}:turns:completed`)) === 1,
    );
    await withAdminPage(bench, async (page) => {
      expect(new URL(page.url()).pathname).toBe('/admin/sign-in');
      await signIn(page, 'guess');
      await page.getByRole('alert').waitFor();
      expect(await page.getByRole('alert').textContent()).toBe('That is not the password.');
      await signIn(page, password);
      await page.waitForURL('**/admin/queues');
      expect(await page.title()).toContain('Sidepocket');
      await page
        .getByRole('link', { name: /deliveries/ })
        .first()
        .waitFor();
      await page.goto(`${bench.relayUrl}/admin/queues/queue/turns?status=completed`);
      await page.getByText('Completed').first().waitFor();
      await page.getByRole('button', { name: 'expand JSON' }).first().click();
      await page.getByText('what a lovely day').first().waitFor();
      await page.getByText('costUsd').first().waitFor();
      for (const name of [
        /retry/i,
        /clean/i,
        /promote/i,
        /^add/i,
        /delete|remove|trash/i,
        /pause/i,
        /obliterate/i,
        /duplicate/i,
      ]) {
        expect(await page.getByRole('button', { name }).count(), `buttons ${name}`).toBe(0);
      }
    });
  });
});

test(
  'the overview and a turn fit a phone and a desk, in light and dark, and a person finds the way in, through and out',
  { tags: 'long' },
  async () => {
    await withRelay({ ADMIN_WRITE: '1' }, async (bench) => {
      await bench.startWorker();
      const words = `a${'very'.repeat(60)}long word, and <b>more</b> of it`;
      const sid = await bench.say(words);
      await until(
        'the end of the turn',
        async () => (await bench.redis.zcard(`${prefix}:turns:completed`)) === 1,
      );
      for (const [width, height, colorScheme] of [
        [390, 844, 'dark'],
        [1280, 800, 'light'],
      ] as const) {
        const context = await browser.newContext({
          viewport: { width, height },
          colorScheme,
          javaScriptEnabled: false,
        });
        try {
          const page = await context.newPage();
          page.setDefaultTimeout(8000);
          const fits = async (): Promise<void> => {
            const { scrollWidth } = await page
              .locator('html')
              .evaluate((element) => ({ scrollWidth: element.scrollWidth }));
            expect(scrollWidth, `${new URL(page.url()).pathname} at ${width}`).toBeLessThanOrEqual(
              width,
            );
          };
          await page.goto(`${bench.relayUrl}/admin`);
          await signIn(page, password);
          await page.waitForURL('**/admin');
          await fits();
          await page
            .getByRole('link', { name: words.slice(0, 40) })
            .first()
            .click();
          await page.waitForURL(`**/admin/turns/${sid}`);
          await fits();
          await page.getByText('answer to', { exact: false }).first().waitFor();
          await page.getByRole('button', { name: 'Sign out' }).click();
          await page.waitForURL('**/admin/sign-in');
          await page.goto(`${bench.relayUrl}/admin`);
          expect(new URL(page.url()).pathname).toBe('/admin/sign-in');
        } finally {
          await context.close();
        }
      }
    });
  },
);

test('a link in a chat, which is another site, leads a person who is signed in to its page', async () => {
  await withRelay({}, async ({ relayUrl }) => {
    const chat = createServer((_request, response) =>
      response.setHeader('Content-Type', 'text/html').end(`<a href="${relayUrl}/admin/look">a</a>`),
    );
    await once(chat.listen(0), 'listening');
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(8000);
      const { port } = chat.address() as AddressInfo;
      const tap = async (): Promise<void> => {
        await page.goto(`http://localhost:${port}/`);
        await page.getByRole('link').click();
      };
      await tap();
      await signIn(page, password);
      await page.getByRole('heading', { name: 'Needs a look' }).waitFor();
      await tap();
      await page.getByRole('heading', { name: 'Needs a look' }).waitFor();
      expect(page.url()).toBe(`${relayUrl}/admin/look`);
    } finally {
      await context.close();
      chat.close();
    }
  });
});

test('what would change a queue is refused, whatever the page shows', async () => {
  await withRelay({}, async ({ relayUrl, redis, post }) => {
    const jobs = async (): Promise<string[]> => (await redis.keys(`${prefix}:turns:*`)).sort();
    const before = await jobs();
    const api = `${relayUrl}/admin/queues/api/queues`;
    const attempt = async (method: string, path: string, body?: unknown): Promise<number> =>
      (
        await fetch(api + path, {
          method,
          headers: { ...basic(password), 'Content-Type': 'application/json' },
          ...(body ? { body: JSON.stringify(body) } : {}),
        })
      ).status;
    for (const [method, path] of [
      ['POST', '/turns/add'],
      ['PUT', '/turns/pause'],
      ['PUT', '/turns/empty'],
      ['PUT', '/turns/obliterate'],
      ['PUT', '/turns/clean/completed'],
      ['PUT', '/turns/retry/failed'],
      ['PUT', '/turns/promote'],
      ['PUT', '/turns/1/retry'],
      ['PUT', '/turns/1/clean'],
    ] as const) {
      expect(
        await attempt(
          method,
          path,
          method === 'POST' ? { name: 'turns', data: { conversation: '+15551230001' } } : undefined,
        ),
        `${method} ${path}`,
      ).toBeGreaterThanOrEqual(400);
    }
    expect(await jobs()).toEqual(before);
    expect((await post('/webhook', {})).status).toBe(400);
  });
});

test('a script signs in with Basic auth and any user', async () => {
  await withRelay({}, async ({ relayUrl }) => {
    const response = await fetch(`${relayUrl}/admin/queues/api/queues?activeQueue=turns&page=1`, {
      headers: { ...basic(password), Accept: 'application/json' },
    });
    expect(response.status).toBe(200);
    expect(JSON.stringify(await response.json())).toMatch(/"turns".*"deliveries"/);
    // In our dress: no foreign font, and a way back.
    const page = await (
      await fetch(`${relayUrl}/admin/queues`, { headers: basic(password) })
    ).text();
    expect(page).not.toContain('fonts.googleapis');
    expect(page).toContain('href="/admin">Back to the dashboard</a>');
    const wrong = await fetch(`${relayUrl}/admin/queues`, {
      headers: basic('guess'),
      redirect: 'manual',
    });
    expect([wrong.status, wrong.headers.get('www-authenticate')]).toEqual([
      401,
      'Basic realm="Sidepocket"',
    ]);
    const none = await fetch(`${relayUrl}/admin/queues/api/queues`, {
      headers: { Accept: 'application/json' },
      redirect: 'manual',
    });
    expect(none.status).toBe(401);
  });
});

test('without a password there is no dashboard', async () => {
  await withRelay({ ADMIN_PASSWORD: '' }, async ({ relayUrl }) => {
    for (const path of ['/admin', '/admin/queues', '/admin/sign-in', '/admin/queues/api/queues']) {
      expect(
        (await fetch(relayUrl + path, { redirect: 'manual', headers: basic('') })).status,
        `GET ${path}`,
      ).toBe(404);
    }
  });
});

/** Posts the form of the sign-in page. */
async function postPassword(
  relayUrl: string,
  word: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(`${relayUrl}/admin/sign-in`, {
    method: 'POST',
    body: new URLSearchParams({ password: word }),
    redirect: 'manual',
    headers,
  });
}

test('a sign-in from a page of another origin is refused', async () => {
  await withRelay({}, async ({ relayUrl }) => {
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1', 'nonsense']) {
      const response = await postPassword(relayUrl, password, { Origin: origin });
      expect([response.status, response.headers.get('set-cookie')], `from ${origin}`).toEqual([
        403,
        null,
      ]);
    }
    expect((await postPassword(relayUrl, password, { Origin: relayUrl })).status).toBe(303);
  });
});

test("the session's cookie is for this path, this site and no script, and over https only where there is https", async () => {
  await withRelay({}, async ({ relayUrl }) => {
    const cookies = (await postPassword(relayUrl, password)).headers.getSetCookie();
    expect(cookies.length).toBeGreaterThan(0);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/; path=\/admin(;|$)/i);
      expect(cookie).toMatch(/; httponly/i);
      expect(cookie).toMatch(/; samesite=strict/i);
      expect(cookie).not.toMatch(/; secure/i);
      expect(cookie).not.toContain(password);
    }
    const session = cookies.map((cookie) => cookie.split(';', 1)[0]).join('; ');
    expect(
      (
        await fetch(`${relayUrl}/admin/queues`, {
          headers: { Cookie: session },
          redirect: 'manual',
        })
      ).status,
    ).toBe(200);
    const forged = session.replace(
      /sidepocket=[^;]*/,
      `sidepocket=${Buffer.from('{"signedIn":true,"x":1}').toString('base64')}`,
    );
    expect(
      (
        await fetch(`${relayUrl}/admin/queues`, {
          headers: { Cookie: forged, Accept: 'text/html' },
          redirect: 'manual',
        })
      ).status,
    ).toBe(303);
  });
  await withRelay({ PUBLIC_URL: 'https://relay.example.com' }, async ({ relayUrl }) => {
    const cookies = (
      await postPassword(relayUrl, password, { 'X-Forwarded-Proto': 'https' })
    ).headers.getSetCookie();
    expect(cookies.length).toBeGreaterThan(0);
    for (const cookie of cookies) expect(cookie).toMatch(/; secure/i);
  });
});

test(
  'after ten wrong passwords an address has to wait, with the form and with Basic auth, and another has not',
  { tags: 'long' },
  async () => {
    await withRelay({ TRUST_PROXY: '1' }, async ({ relayUrl }) => {
      const from = (address: string): Record<string, string> => ({ 'X-Forwarded-For': address });
      await earlyInTheMinute();
      for (let attempt = 0; attempt < 5; attempt += 1) {
        expect((await postPassword(relayUrl, 'guess', from('203.0.113.1'))).status).toBe(401);
        expect(
          (
            await fetch(`${relayUrl}/admin/queues`, {
              headers: { ...basic('guess'), ...from('203.0.113.1') },
            })
          ).status,
        ).toBe(401);
      }
      expect((await postPassword(relayUrl, password, from('203.0.113.1'))).status).toBe(429);
      expect(
        (
          await fetch(`${relayUrl}/admin/queues`, {
            headers: { ...basic(password), ...from('203.0.113.1') },
          })
        ).status,
      ).toBe(429);
      expect((await postPassword(relayUrl, password, from('203.0.113.2'))).status).toBe(303);
    });
  },
);

test('right passwords are not counted', async () => {
  await withRelay({}, async ({ relayUrl }) => {
    for (let attempt = 0; attempt < 15; attempt += 1)
      expect((await fetch(`${relayUrl}/admin/queues`, { headers: basic(password) })).status).toBe(
        200,
      );
  });
});

test('a sign-in that is too large or not a form is refused and not a failure', async () => {
  await withRelay({}, async ({ relayUrl, logged }) => {
    expect((await postPassword(relayUrl, 'x'.repeat(10_000))).status).toBe(413);
    expect(
      (
        await fetch(`${relayUrl}/admin/sign-in`, {
          method: 'POST',
          body: '{"password":1}',
          headers: { 'Content-Type': 'application/json' },
        })
      ).status,
    ).toBe(401);
    expect(
      (
        await fetch(`${relayUrl}/admin/sign-in`, {
          method: 'POST',
          body: 'password=a&password=b',
          headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        })
      ).status,
    ).toBe(401);
    expect(logged().filter((line) => line['level'] === 'error')).toEqual([]);
  });
});
