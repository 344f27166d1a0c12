import nacl from 'tweetnacl';
import type { Browser, BrowserContextOptions, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLinks } from '../../shared/store/links/links.ts';
import { createSealedSecrets } from '../../shared/store/links/sealed.ts';
import { openBox } from '../../worker/secrets/sealed-box.ts';
import { findFaintTexts } from '../support/contrast.ts';
import { launchBrowser } from '../support/phone-page.ts';
import { phone } from '../support/pipeline.ts';
import { withRelay } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const home = nacl.box.keyPair();
const [small, desk] = [
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
];

type PageBench = {
  page: Page;
  url: string;
  /** What the browser sent, and what went wrong in it. */
  sent: string[];
  troubles: string[];
  /** What was entered, as the person's computer opens it. */
  entered(): Promise<string | undefined>;
};

/** Opens the page of a link for a secret. */
async function withPage(
  options: BrowserContextOptions,
  use: (bench: PageBench) => Promise<void>,
): Promise<void> {
  await withRelay({}, async ({ redis, relayUrl }) => {
    const key = Buffer.from(home.publicKey).toString('base64url');
    const links = createLinks(redis);
    const { token } = await links.add({
      purpose: 'secret',
      person: phone,
      object: 'GITHUB_TOKEN',
      detail: JSON.stringify({ conversation: phone, key }),
      uses: 1,
    });
    const id = (await links.list(phone))[0]?.id ?? '';
    const context = await browser.newContext(options);
    try {
      const page = await context.newPage();
      const [sent, troubles]: [string[], string[]] = [[], []];
      page.on('request', (request) => sent.push(`${request.url()} ${request.postData() ?? ''}`));
      page.on('console', (message) => troubles.push(message.text()));
      page.on('pageerror', (error) => troubles.push(error.message));
      const url = `${relayUrl}/link/${token}`;
      await page.goto(url);
      await use({
        page,
        url,
        sent,
        troubles,
        async entered() {
          const box = (await createSealedSecrets(redis).find(id))?.box;
          const bytes =
            box === undefined ? undefined : openBox(Buffer.from(box, 'base64url'), home);
          return bytes && Buffer.from(bytes).toString('utf8');
        },
      });
    } finally {
      await context.close();
    }
  });
}

test('on a phone a value is encrypted in the browser, sent as such, and the page says what comes next', async () => {
  await withPage({ viewport: small }, async ({ page, url, sent, troubles, entered }) => {
    expect(await page.getByText('needs JavaScript').count()).toBe(0);
    const save = page.getByRole('button', { name: 'Save GITHUB_TOKEN' });
    await save.click();
    await page.getByText('Nothing is entered yet.').waitFor();
    await page.getByLabel('Value').fill('12345');
    await save.click();
    await page.getByText('That is too short').waitFor();
    await page.getByLabel('Value').fill('é'.repeat(4097));
    await save.click();
    await page.getByText('That is too long: at most 8 kB.').waitFor();
    const value = ` ghp_ünïcode 👩‍🚀 ${'x'.repeat(8000)}\n`;
    await page.getByLabel('Value').fill(value);
    await save.click();
    await page.getByRole('heading', { name: 'GITHUB_TOKEN is on its way' }).waitFor();
    expect(await entered()).toBe(value.trim());
    expect(sent.join('\n')).not.toContain('xxxx');
    expect(sent.map((request) => request.split(' ')[0])).toEqual(
      expect.toSatisfy((urls: string[]) =>
        urls.every((one) => one === url || one.startsWith('data:')),
      ),
    );
    await page.reload();
    await page.getByRole('heading', { name: 'GITHUB_TOKEN is on its way' }).waitFor();
    expect(troubles).toEqual([]);
  });
});

test('what was entered does not stay in the page, even if it is not answered', async () => {
  await withPage({ viewport: small }, async ({ page, entered }) => {
    // The browser stays on the page.
    await page.route('**/*', (route) => route.fulfill({ status: 204 }));
    await page.getByLabel('Value').fill('a good value');
    await page.getByRole('button').click();
    await until(
      'the field is empty',
      async () => (await page.getByLabel('Value').inputValue()) === '',
      10_000,
    );
    expect(await entered()).toBeUndefined();
  });
});

test('the page reads well on a phone and at a desk, by day and by night', async () => {
  await withPage({ viewport: small }, async ({ page, url }) => {
    for (const where of [url, url.replace(/[^/]+$/, 'nothing')]) {
      await page.goto(where);
      for (const viewport of [small, desk])
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.setViewportSize(viewport);
          await page.emulateMedia({ colorScheme });
          expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(
            viewport.width,
          );
          expect(await page.evaluate(findFaintTexts)).toEqual([]);
        }
    }
    await page.setViewportSize(small);
    await page.goto(url);
    // Phones zoom into a field with smaller letters, and a finger needs some room.
    const field = await page
      .getByLabel('Value')
      .evaluate((box) => Number.parseFloat(getComputedStyle(box).fontSize));
    expect(field).toBeGreaterThanOrEqual(16);
    const box = await page.getByRole('button').boundingBox();
    expect(box?.height).toBeGreaterThanOrEqual(44);
  });
});

test(
  'without JavaScript nothing can be sent, and the page says what to do',
  { tags: 'long' },
  async () => {
    await withPage({ viewport: small, javaScriptEnabled: false }, async ({ page }) => {
      await page.getByText('This page needs JavaScript to encrypt the value.').waitFor();
      expect(await page.getByRole('button').isDisabled()).toBe(true);
      expect(await page.locator('textarea').getAttribute('name')).toBeNull();
    });
  },
);
