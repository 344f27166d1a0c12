import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll } from 'vitest';
import { withPhone } from './phone-bench.ts';
import type { PhoneBench } from './phone-bench.ts';
import { scaled } from './machine-speed.ts';

/** Starts the machine's Chromium with a microphone that is not real and always allowed. */
export function launchBrowser(): Promise<Browser> {
  const find = 'command -v chromium || command -v chromium-browser || command -v google-chrome';
  const executablePath = execFileSync('sh', ['-c', find], { encoding: 'utf8' }).trim();
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
  ];
  return chromium.launch({ executablePath, args });
}

/** Two phones that no other test has, on the page that the file's tests share. */
export type PageBench = PhoneBench & { anna: string; bert: string };

type OnPage = (
  use: (page: Page, bench: PageBench) => Promise<void>,
  options?: { viewport?: { width: number; height: number } },
) => Promise<void>;

const usualViewport = { width: 1280, height: 800 };

/**
 * One browser with one page of the phone on a chat in memory, for all tests of a file: a page takes
 * longer to load than most of them. Each gets two phones of its own and fails by what the page
 * throws meanwhile.
 */
export function sharePage(): { onPage: OnPage; browser: () => Browser } {
  let browser: Browser;
  let page: Page;
  let shared: PhoneBench;
  let thrown: Error[] = [];
  let count = 0;
  const finished = Promise.withResolvers<void>();
  let closed: Promise<void>;
  beforeAll(async () => {
    browser = await launchBrowser();
    const ready = Promise.withResolvers<void>();
    closed = withPhone(async (bench) => {
      shared = bench;
      page = await openPage(browser, bench.phone.url);
      page.on('pageerror', (error) => thrown.push(error));
      ready.resolve();
      await finished.promise;
    });
    await Promise.race([ready.promise, closed]);
  });
  afterAll(async () => {
    finished.resolve();
    await browser.close();
    await closed;
  });
  const onPage: OnPage = async (use, { viewport = usualViewport } = {}) => {
    const { chat, phone } = shared;
    const number = 1000 + 10 * (count += 1);
    const [anna, bert] = [`+1555555${number}`, `+1555555${number + 1}`];
    thrown = [];
    chat.received.length = 0;
    Object.assign(chat, { answer: 200, onReceive: () => undefined });
    const { allowed: _, ...system } = shared.system;
    shared.system = { ...system, ...usualState, phones: [anna, bert] };
    await page.setViewportSize(usualViewport);
    phone.announce(shared.system);
    await page.getByRole('button', { name: new RegExp(lastDigits(anna)) }).click();
    await page.mouse.move(0, 0);
    await page.setViewportSize(viewport);
    await use(page, { ...shared, anna, bert });
    if (thrown.length > 0) throw new AggregateError(thrown, 'The page threw.');
  };
  return { onPage, browser: () => browser };
}

const usualState = { vm: 'awake', model: 'real', dashboardUrl: undefined } as const;

/** The end of a number as the page writes it. */
export function lastDigits(phone: string): string {
  return phone.slice(-4);
}

/** Opens the phone's page at this address, in a context of its own. */
export async function openPage(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext({
    viewport: usualViewport,
    reducedMotion: 'reduce',
    locale: 'en-US',
    permissions: ['microphone'],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(scaled(10_000));
  await page.goto(url);
  await page.locator('.phone').first().waitFor({ state: 'attached' });
  return page;
}

/** A condition is looked at again for this long: a busy machine may take a while. */
export const SOON = { timeout: scaled(10_000) };

export const messageText = (page: Page) => page.getByRole('textbox', { name: 'Message' });
export const bubbles = (page: Page) => page.locator('.message:not(.typing)');
