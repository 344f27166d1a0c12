import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPageStore } from '../../shared/store/pages.ts';
import { findViolations } from '../support/axe.ts';
import { launchBrowser } from '../support/phone-page.ts';
import { findFaintTexts } from '../support/contrast.ts';
import { withRelay } from '../support/relay-bench.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const markdown = readFileSync(
  path.join(import.meta.dirname, '..', 'fixtures', 'long-answer.md'),
  'utf8',
);

/** Opens the page of an answer, and tells what the browser asked for and what went wrong in it. */
async function withAnswer(
  text: string,
  options: BrowserContextOptions,
  use: (page: Page, seen: { requests: string[]; troubles: string[] }) => Promise<void>,
  asked = '',
): Promise<void> {
  await withRelay({}, async ({ redis, relayUrl }) => {
    const token = await createPageStore(redis).put('answer', text, 'answer', asked);
    const url = `${relayUrl}/page/${token ?? ''}`;
    const context = await browser.newContext(options);
    try {
      const page = await context.newPage();
      const seen: { requests: string[]; troubles: string[] } = { requests: [], troubles: [] };
      page.on('request', (request) =>
        seen.requests.push(
          request.url().startsWith('data:') ? 'data:' : request.url().replace(url, 'the page'),
        ),
      );
      page.on('console', (message) => seen.troubles.push(message.text()));
      page.on('pageerror', (error) => seen.troubles.push(error.message));
      page.on(
        'dialog',
        (dialog) => void dialog.dismiss().then(() => seen.troubles.push('a dialog')),
      );
      await page.goto(url);
      await use(page, seen);
    } finally {
      await context.close();
    }
  });
}

/** Where pictures of the pages go; none are taken without it. */
const shots = process.env['SHOTS_DIR'];

const phone = { width: 390, height: 844 };
const desk = { width: 1280, height: 800 };

test(
  'on a phone and at a desk, by day and by night it reads well, and what is wide scrolls by itself',
  { tags: 'long' },
  async () => {
    await withAnswer(
      markdown,
      { viewport: phone },
      async (page, seen) => {
        expect(await page.title()).toBe('Why the login page broke on phones');
        const ways = [
          [phone, 'light'],
          [phone, 'dark'],
          [desk, 'light'],
          [desk, 'dark'],
        ] as const;
        for (const [viewport, colorScheme] of ways) {
          await page.setViewportSize(viewport);
          await page.emulateMedia({ colorScheme });
          const where = `at ${viewport.width} px, ${colorScheme}`;
          expect(await findViolations(page), `on ${where}`).toEqual([]);
          if (shots !== undefined)
            await page.screenshot({
              path: path.join(shots, `answer-${viewport.width}-${colorScheme}.png`),
              fullPage: true,
            });
          expect(
            await page.evaluate(() => document.documentElement.scrollWidth),
            `on ${where}`,
          ).toBe(viewport.width);
          const [size, width] = await page
            .locator('main > p:not(.asked)')
            .first()
            .evaluate(
              (element) =>
                [
                  Number.parseFloat(getComputedStyle(element).fontSize),
                  element.clientWidth,
                ] as const,
            );
          expect(size, `on ${where}`).toBeGreaterThanOrEqual(16);
          // So many characters in a line.
          expect(width / (size * 0.5), `on ${where}`).toBeLessThanOrEqual(95);
          const code = page.locator('pre').nth(1);
          expect(
            await code.evaluate((box) => box.scrollWidth > box.clientWidth),
            `on ${where}`,
          ).toBe(true);
          expect(await page.evaluate(findFaintTexts), `on ${where}`).toEqual([]);
          const light = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
          expect(light, `on ${where}`).toBe(
            colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(16, 23, 28)',
          );
        }
        expect(seen.troubles).toEqual([]);
      },
      'why is the login page broken on mobile?',
    );
  },
);

test(
  'code is copied as it is by its button, the contents lead to their headings, and without script the page has neither harm nor button',
  { tags: 'long' },
  async () => {
    const options = { viewport: phone, permissions: ['clipboard-read', 'clipboard-write'] };
    await withAnswer(markdown, options, async (page, seen) => {
      const button = page.getByRole('button', { name: 'Copy' }).nth(1);
      await button.click();
      await page.getByRole('button', { name: 'Copied' }).waitFor();
      const copied = await page.evaluate(() => navigator.clipboard.readText());
      expect(markdown).toContain(`\`\`\`ts\n${copied}\n\`\`\``);
      await page.getByRole('link', { name: 'What I measured' }).click();
      const heading = page.getByRole('heading', { name: 'What I measured' });
      expect(await heading.evaluate((element) => element.getBoundingClientRect().top)).toBeLessThan(
        100,
      );
      expect(seen.troubles).toEqual([]);
    });
    await withAnswer(markdown, { viewport: phone, javaScriptEnabled: false }, async (page) => {
      await page.getByRole('heading', { name: 'What I measured' }).waitFor();
      expect(await page.locator('button').count()).toBe(0);
    });
  },
);

test(
  'a diff’s colours reach from edge to edge of its box, also where a line is longer than the box',
  { tags: 'long' },
  async () => {
    const diff = `\`\`\`diff\n@@ -1 +1 @@ main\n-short\n+${'long '.repeat(60)}\n\`\`\``;
    await withAnswer(diff, { viewport: phone }, async (page) => {
      const box = await page.locator('pre').evaluate((element) => ({
        left: element.getBoundingClientRect().left,
        width: element.scrollWidth,
      }));
      for (const kind of ['.hljs-meta', '.hljs-deletion', '.hljs-addition']) {
        const line = await page.locator(kind).evaluate((element) => ({
          left: element.getBoundingClientRect().left,
          width: element.getBoundingClientRect().width,
        }));
        expect(Math.abs(line.left - box.left), `of ${kind}`).toBeLessThanOrEqual(1);
        expect(Math.abs(line.width - box.width), `of ${kind}`).toBeLessThanOrEqual(1);
      }
    });
  },
);

test(
  'an answer full of attacks runs nothing, loads nothing and leaves the page as it is',
  { tags: 'long' },
  async () => {
    const attacks = [
      '<script>document.title="hacked"</script>',
      '<img src="http://127.0.0.1:9/x.png" onerror="document.title=\'hacked\'">',
      '![x](http://127.0.0.1:9/y.png)',
      '<style>body{display:none}</style>',
      '<link rel=stylesheet href="http://127.0.0.1:9/z.css">',
      '<iframe src="http://127.0.0.1:9/"></iframe>',
      '<meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/">',
      '<svg><script>document.title="hacked"</script></svg>',
      '</main></body><form action="http://127.0.0.1:9/"><input></form>',
      '<base href="http://127.0.0.1:9/">',
      '[x](javascript:document.title="hacked")',
      '<details open ontoggle="document.title=\'hacked\'">x</details>',
      '<video autoplay src="http://127.0.0.1:9/v"></video>',
    ];
    await withAnswer(
      ['# Safe', ...attacks, 'the end'].join('\n\n'),
      { viewport: phone },
      async (page, seen) => {
        await page.getByText('the end').waitFor();
        expect(await page.title()).toBe('Safe');
        expect(
          await page
            .locator('main')
            .evaluate(
              (main) =>
                main.querySelectorAll(
                  'script, img, style, link, iframe, meta, svg, form, input, base, video, body',
                ).length,
            ),
        ).toBe(0);
        expect(
          await page
            .locator('main a[href]')
            .evaluateAll((links) =>
              links
                .map((link) => link.getAttribute('href'))
                .filter((href) => !/^https?:/.test(href ?? '')),
            ),
        ).toEqual([]);
        expect(await page.locator('main').innerText()).toContain(
          '<script>document.title="hacked"</script>',
        );
        expect(seen).toEqual({
          requests: expect.toSatisfy((requests: string[]) =>
            requests.every((request) => request === 'the page' || request === 'data:'),
          ),
          troubles: [],
        });
      },
      attacks.join('\n'),
    );
  },
);

test(
  'one endless line breaks on a phone instead of making the page wide',
  { tags: 'long' },
  async () => {
    await withAnswer(
      `${'x'.repeat(300_000)}\n\n[link](https://a.example/${'y'.repeat(2000)})\n\n\`${'z'.repeat(2000)}\`\n\n| ${'w'.repeat(500)} | b |\n|---|---|\n| c | d |`,
      { viewport: phone },
      async (page) => {
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(phone.width);
      },
    );
  },
);

test(
  'the page of an address that leads nowhere looks like the others',
  { tags: 'long' },
  async () => {
    await withRelay({}, async ({ relayUrl }) => {
      const context = await browser.newContext({ viewport: phone, colorScheme: 'dark' });
      const page = await context.newPage();
      await page.goto(`${relayUrl}/page/nothing`);
      await page.getByRole('heading', { name: 'There is no page here' }).waitFor();
      expect(await page.evaluate(findFaintTexts)).toEqual([]);
      await context.close();
    });
  },
);
