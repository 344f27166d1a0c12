import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright';
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

/**
 * Opens the phone's page on a chat in memory for as long as `use` takes. Throws what the page
 * threw.
 */
export function withPage(
  browser: Browser,
  use: (page: Page, bench: PhoneBench) => Promise<void>,
  options: BrowserContextOptions = {},
): Promise<void> {
  return withPhone(async (bench) => {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      reducedMotion: 'reduce',
      locale: 'en-US',
      ...options,
    });
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(scaled(10_000));
      const thrown: Error[] = [];
      page.on('pageerror', (error) => thrown.push(error));
      await page.goto(bench.phone.url);
      await page.locator('.phone').first().waitFor({ state: 'attached' });
      await use(page, bench);
      if (thrown.length > 0) throw new AggregateError(thrown, 'The page threw.');
    } finally {
      await context.close();
    }
  });
}

/** A condition is looked at again for this long: a busy machine may take a while. */
export const SOON = { timeout: scaled(10_000) };

export const messageText = (page: Page) => page.getByRole('textbox', { name: 'Message' });
export const bubbles = (page: Page) => page.locator('.message:not(.typing)');
