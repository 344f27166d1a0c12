import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { runSimulator } from '../../simulator/simulator.ts';
import type { Simulator } from '../../simulator/simulator.ts';
import { bubbles, launchBrowser, messageText } from '../support/phone-page.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

/**
 * What `npm start` runs, with a worker that sleeps after three seconds, and its phone page in a
 * browser.
 */
async function withPhonePage(
  use: (page: Page, simulator: Simulator) => Promise<void>,
): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-sleep-'));
  const simulator = await runSimulator({
    dir,
    model: {},
    searchPath: process.env['PATH'] ?? '',
    idleMinutes: 0.05,
    ports: { phone: 0, relay: 0, worker: 0 },
    log: createLog('test', 'silent'),
  });
  try {
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage({ reducedMotion: 'reduce', locale: 'en-US' });
      page.setDefaultTimeout(30_000);
      await page.goto(simulator.phoneUrl);
      await use(page, simulator);
    } finally {
      await browser.close();
    }
  } finally {
    await simulator.stop();
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Notes every text that the header of the chat shows, in order. */
async function watchHeader(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const subtitle = document.querySelector('#subtitle');
    if (!subtitle) throw new Error('no header');
    const seen: string[] = [];
    const note = (): void => void seen.push(subtitle.textContent.trim());
    note();
    new MutationObserver(note).observe(subtitle, {
      childList: true,
      characterData: true,
      subtree: true,
    });
    Object.assign(window, { seen });
  });
  return async () => await page.evaluate(() => (window as unknown as { seen: string[] }).seen);
}

async function say(page: Page, text: string): Promise<void> {
  await messageText(page).fill(text);
  await page.keyboard.press('Enter');
}

test(
  'the phone page shows the machine asleep, a message wakes it, and it falls asleep again; what is planned wakes it too',
  { tags: 'long' },
  async () => {
    await withPhonePage(async (page, { system, chat }) => {
      await page.getByText('asleep, wakes when you write').waitFor();
      const header = await watchHeader(page);
      // Time enough for it to fall asleep before.
      await say(
        page,
        `remind me in ${Math.ceil(scaled(15_000) / 1000)} seconds to water the plants`,
      );
      await page.getByText('waking up…').or(page.getByText('typing…')).first().waitFor();
      await bubbles(page).filter({ hasText: 'Scheduled as number 1' }).waitFor();
      expect(system().vm).toBe('awake');
      await page.getByText('asleep, wakes when you write').waitFor();
      expect(system().vm).toBe('asleep');
      const shown = await header();
      expect([shown.at(0), shown.at(-1)]).toEqual([
        'asleep, wakes when you write',
        'asleep, wakes when you write',
      ]);
      expect(shown.some((text) => text === 'typing…' || text === 'waking up…')).toBe(true);

      expect(
        chat.messages(system().phones[0] ?? '').some(({ text }) => text.startsWith('Reminder')),
      ).toBe(false);
      await until('it is awake again', () => system().vm === 'awake', 60_000);
      await bubbles(page).filter({ hasText: 'Reminder: water the plants' }).waitFor();
      await page.getByText('asleep, wakes when you write').waitFor();

      await tryStranger(page, chat);
    });
  },
);

/** A phone added on the page is unknown to the system until it is allowed there. */
async function tryStranger(page: Page, chat: Simulator['chat']): Promise<void> {
  const stranger = '+447700900123';
  await page.getByRole('button', { name: 'Add a phone' }).first().click();
  await page.getByLabel('Number').fill(stranger);
  await page.keyboard.press('Enter');
  await page.getByText('is not in ALLOWED_SENDERS').waitFor();
  await say(page, 'hello from a stranger');
  await page.getByRole('button', { name: 'Allow this number' }).click();
  await page.getByText('is not in ALLOWED_SENDERS').waitFor({ state: 'hidden' });
  await say(page, '/cost');
  // The money of a scripted model is none.
  await bubbles(page).filter({ hasText: 'Today: pretend $' }).waitFor();
  const heard = chat.messages(stranger).filter(({ direction }) => direction === 'outbound');
  expect(heard.map(({ text }) => text.split(':')[0])).toEqual(['Today']);
}
