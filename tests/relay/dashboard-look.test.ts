import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { dayOf, monthOf } from '../../shared/store/money/spend.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { findViolations } from '../support/axe.ts';
import { scaled } from '../support/machine-speed.ts';
import { launchBrowser } from '../support/phone-page.ts';
import { otherPhone, password, phone } from '../support/pipeline.ts';
import { withRelay } from '../support/relay-bench.ts';
import type { RelayBench } from '../support/relay-bench.ts';
import { settled } from '../support/settled.ts';
import { until } from '../support/until.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** Where pictures of the pages go; none are taken without it. */
const shots = process.env['SHOTS_DIR'];

const hostile = `<img src=x onerror=alert(1)> \u202Egnp.evil ${'verylongword'.repeat(20)}`;

/** Says and answers what every page has to show, hostile words among it. */
async function fill(bench: RelayBench): Promise<{ failed: string; answered: string }> {
  const { say, startWorker, replies, redis } = bench;
  const worker = await startWorker({
    answer: async (text, _turn, tool) => {
      if (text.includes('deploy'))
        throw new AgentFailure('no-credit', 'Your credit balance is too low');
      tool('mcp__browser__browser_navigate https://example.com/login');
      return `The login page works again: the cookie was not *secure*. I looked at “${text.slice(0, 40)}” and changed one line.`;
    },
  });
  const failed = await say('deploy the new version to production');
  await until('the sentence', () => replies().length === 1);
  await say('why does the login page break on phones?');
  await until('an answer', () => replies().length === 2);
  await say(hostile);
  await until('an answer', () => replies().length === 3);
  const answered = await say('look at the failing test in checkout and mend it');
  await until('an answer', () => replies().length === 4);
  await say('what is the weather like in Berlin today?', otherPhone);
  await until('an answer', () => replies(otherPhone).length === 1);
  await settled(bench);
  await worker.stop();
  await say('and one more thing, when you are awake again');
  const names = [
    [phone, 'Anna'],
    [otherPhone, `Bert <b> \u202E ${'B'.repeat(10_000)}`],
  ] as const;
  for (const [number, name] of names) {
    const id = (await redis.hget(keys.people, number)) ?? '';
    await redis.hset(keys.person(id), 'name', name);
  }
  await redis.hset(keys.conversation(phone), 'timezone', 'Europe/Berlin');
  const now = Date.now();
  for (let back = 0; back < 30; back += 1) {
    const day = dayOf(now - back * 86_400_000);
    for (const key of [keys.spend(day), keys.spend(monthOf(day))]) {
      await redis.hincrby(key, `usd:${phone}`, 100_000 * ((back * 7) % 11));
      await redis.hincrby(key, `requests:${phone}`, 3);
      await redis.hincrby(key, `answers:${phone}`, 1);
    }
  }
  await redis.hset(
    keys.spend(monthOf(dayOf(now))),
    `usd:${otherPhone}`,
    420_000,
    `requests:${otherPhone}`,
    12,
  );
  await redis.hset(
    keys.spendModels(monthOf(dayOf(now))),
    'usd:claude-opus-4-6',
    9_100_000,
    'requests:claude-opus-4-6',
    80,
    'usd:claude-haiku-4-5',
    310_000,
    'requests:claude-haiku-4-5',
    44,
  );
  await redis.hset(keys.spendHomes(monthOf(dayOf(now))), 'usd:vm', 9_410_000, 'requests:vm', 124);
  await redis.hset(
    keys.ownerWords,
    'wake',
    JSON.stringify({
      at: new Date(now - 300_000).toISOString(),
      text: 'The computer does not wake up: the machine did not start within 3 min.',
    }),
  );
  await redis.rpush(keys.wakes, 6612, 7100, 5900);
  return { failed, answered };
}

/** What axe finds in Bull Board's own parts, which its bundle draws, so no style can mend it. */
const ofBullBoard: Record<string, string> = {
  'button-name': 'the menu of the states that have no room, and that of a job, are three dots',
  'svg-img-alt': 'the logo of Redis, whose button has a name',
};

/** How far the page goes beyond the right edge (px). */
const overhang = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

test(
  'every page fits a phone and a desk, by day and by night, without a finding of axe, and hostile words stay words',
  { tags: 'long' },
  async () => {
    await withRelay({ ADMIN_WRITE: '1' }, async (bench) => {
      const { failed, answered } = await fill(bench);
      const pages: [name: string, path: string][] = [
        ['overview', '/admin'],
        ['turns', '/admin/turns'],
        ['none', '/admin/turns?q=nothing-like-this'],
        ['turn', `/admin/turns/${answered}`],
        ['failed', `/admin/turns/${failed}`],
        ['people', '/admin/people'],
        ['thread', `/admin/people/${encodeURIComponent(phone)}`],
        ['money', '/admin/money'],
        ['look', '/admin/look'],
        ['missing', '/admin/nothing'],
        ['unknown', '/nothing-here'],
        ['no-file', `/media/${'a'.repeat(34)}`],
        ['no-page', `/page/${'a'.repeat(48)}`],
        ['no-link', `/link/${'a'.repeat(48)}`],
      ];
      for (const [width, height] of [
        [390, 844],
        [1280, 800],
      ] as const)
        for (const colorScheme of ['light', 'dark'] as const) {
          const context = await browser.newContext({ viewport: { width, height }, colorScheme });
          try {
            const page = await context.newPage();
            page.setDefaultTimeout(scaled(15_000));
            const troubles: string[] = [];
            page.on('console', (message) => troubles.push(message.text()));
            page.on('response', (response) => {
              if (response.status() >= 500) troubles.push(`${response.status()} ${response.url()}`);
            });
            page.on('pageerror', (error) => troubles.push(error.message));
            page.on(
              'dialog',
              (dialog) => void dialog.dismiss().then(() => troubles.push('a dialog')),
            );
            const look = async (name: string): Promise<void> => {
              const where = `${name} at ${width} px, ${colorScheme}`;
              if (shots !== undefined) {
                mkdirSync(shots, { recursive: true });
                const file = path.join(shots, `${name}-${width}-${colorScheme}.png`);
                await page.screenshot({ path: file, fullPage: name !== 'overview' || width > 500 });
              }
              expect(await overhang(page), `of ${where}`).toBeLessThanOrEqual(0);
              const violations = await findViolations(page);
              const serious = violations.filter(
                ({ impact }) => impact === 'serious' || impact === 'critical',
              );
              expect(
                serious.map(({ id, at }) => `${id}: ${at}`),
                `of ${where}`,
              ).toEqual([]);
            };
            await page.goto(`${bench.relayUrl}/`);
            await look('sign-in');
            await page.getByLabel('Password').fill(password);
            await page.getByRole('button', { name: 'Sign in' }).click();
            await page.waitForURL('**/admin');
            for (const [name, address] of pages) {
              await page.goto(bench.relayUrl + address);
              await look(name);
            }
            await page.goto(`${bench.relayUrl}/admin`);
            const fourth = page.locator('.rows > li').nth(3);
            const bottom = await fourth.evaluate((row) => row.getBoundingClientRect().bottom);
            expect(bottom, 'four turns without scrolling').toBeLessThanOrEqual(height);
            // The missing page itself is one.
            expect(troubles.filter((text) => !/ 4(?:04|10) /.test(text))).toEqual([]);
            await page.goto(`${bench.relayUrl}/admin/queues`);
            // Asleep is no alarm: the words are as soft as any that explain.
            const [red = 0, green = 0] = await page
              .getByText('No workers')
              .first()
              .evaluate((words) => getComputedStyle(words).color.match(/\d+/g)?.map(Number) ?? []);
            expect(red, `of “No workers” at ${width} px, ${colorScheme}`).toBeLessThanOrEqual(
              green,
            );
            await page.getByRole('link', { name: 'Back to the dashboard' }).waitFor();
            for (const [name, address] of [
              ['queues', '/admin/queues'],
              ['queue', '/admin/queues/queue/turns?status=completed'],
            ] as const) {
              await page.goto(bench.relayUrl + address);
              await page
                .getByText(name === 'queue' ? 'Options' : /\d Jobs/)
                .first()
                .waitFor();
              if (shots !== undefined)
                await page.screenshot({
                  path: path.join(shots, `${name}-${width}-${colorScheme}.png`),
                });
              const found = (await findViolations(page)).filter(
                ({ id, impact, at }) =>
                  at.includes('back-home') ||
                  (/serious|critical/.test(impact) && ofBullBoard[id] === undefined),
              );
              expect(
                found.map(({ id, at }) => `${id}: ${at}`),
                `of ${name} at ${width} px, ${colorScheme}`,
              ).toEqual([]);
            }
            expect(troubles.filter((text) => !/ 4(?:04|10) /.test(text))).toEqual([]);
            // An open page shows by itself what has come in.
            await page.goto(`${bench.relayUrl}/admin`);
            const words = `said at ${width} px, ${colorScheme}`;
            await bench.say(words);
            await page.getByText(words).first().waitFor();
          } finally {
            await context.close();
          }
        }
    });
  },
);

test(
  'every page says what will stand there while nothing does, without a finding of axe',
  { tags: 'long' },
  async () => {
    await withRelay({ ADMIN_WRITE: '1' }, async (bench) => {
      const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
      page.setDefaultTimeout(scaled(15_000));
      await page.goto(`${bench.relayUrl}/`);
      await page.getByLabel('Password').fill('not this one');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('That is not the password.').waitFor();
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.waitForURL('**/admin');
      for (const [name, address] of [
        ['overview', '/admin'],
        ['turns', '/admin/turns'],
        ['people', '/admin/people'],
        ['money', '/admin/money'],
        ['look', '/admin/look'],
      ] as const)
        for (const [width, height] of [
          [390, 844],
          [1280, 800],
        ] as const) {
          await page.setViewportSize({ width, height });
          await page.goto(bench.relayUrl + address);
          for (const colorScheme of ['light', 'dark'] as const) {
            await page.emulateMedia({ colorScheme });
            const where = `${name} at ${width} px, ${colorScheme}`;
            if (shots !== undefined) {
              mkdirSync(shots, { recursive: true });
              const file = path.join(shots, `empty-${name}-${width}-${colorScheme}.png`);
              await page.screenshot({ path: file, fullPage: true });
            }
            expect(await overhang(page), `of ${where}`).toBeLessThanOrEqual(0);
            const found = (await findViolations(page)).map(({ id, at }) => `${id}: ${at}`);
            expect(found, `of ${where}`).toEqual([]);
          }
        }
      await page.close();
    });
  },
);
