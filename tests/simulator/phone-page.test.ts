import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ANNA, BERT, PIXEL, withPhone } from '../support/phone-bench.ts';
import type { PhoneBench } from '../support/phone-bench.ts';

let browser: Browser;

beforeAll(async () => {
  const executablePath = execFileSync('sh', ['-c', 'command -v chromium || command -v chromium-browser || command -v google-chrome'], { encoding: 'utf8' }).trim();
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'] });
});
afterAll(() => browser.close());

/** Opens the page on a phone bench, and fails when the page throws. */
const onPage = (use: (page: Page, bench: PhoneBench) => Promise<void>, options: BrowserContextOptions = {}) =>
  withPhone(async (bench) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', locale: 'en-US', ...options });
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(5000);
      const thrown: Error[] = [];
      page.on('pageerror', (error) => thrown.push(error));
      await page.goto(bench.phone.url);
      await page.locator('.phone').first().waitFor({ state: 'attached' });
      await use(page, bench);
      expect(thrown).toEqual([]);
    } finally {
      await context.close();
    }
  });

/** A busy machine may take a while. */
const SOON = { timeout: 5000 };

const picture = { url: `data:image/png;base64,${PIXEL.toString('base64')}`, type: 'image/png', name: 'pixel.png', size: PIXEL.length };
const text = (page: Page) => page.getByRole('textbox', { name: 'Message' });
const bubbles = (page: Page) => page.locator('.message:not(.typing)');

test('type and send; ticks follow the states', () =>
  onPage(async (page, { chat }) => {
    await text(page).fill('hello *there*');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('second line');
    await page.keyboard.press('Enter');
    await expect.poll(() => chat.received.map(({ input }) => input.text), SOON).toEqual(['hello *there*\nsecond line']);
    const mine = bubbles(page).last();
    await mine.locator('strong').waitFor();
    const [message] = chat.messages(ANNA);
    if (!message) throw new Error('no message');
    for (const [status, label] of [['received', 'Delivered'], ['sent', 'Sent'], ['delivered', 'Delivered'], ['read', 'Read'], ['failed', 'Failed']] as const) {
      chat.setStatus(message, status, status === 'failed' ? 63016 : null);
      await mine.getByRole('img', { name: label }).waitFor();
    }
    await mine.getByText('24-hour window is closed').waitFor();
    expect(await bubbles(page).count()).toBe(1);
    expect(await text(page).inputValue()).toBe('');
  }));

test('typing shows in the header and the chat until the reply comes or time is up', () =>
  onPage(async (page, { chat }) => {
    chat.setTyping(ANNA, 25_000);
    await page.locator('.typing').waitFor();
    await expect.poll(() => page.locator('#subtitle').textContent(), SOON).toBe('typing…');
    chat.put(ANNA, { text: 'here' });
    await page.locator('.typing').waitFor({ state: 'detached' });
    chat.setTyping(ANNA, 300);
    await page.locator('.typing').waitFor();
    await page.locator('.typing').waitFor({ state: 'detached' });
    await expect.poll(() => page.locator('#subtitle').textContent(), SOON).toBe('online');
  }));

test('the header tells the state of the machine, the dashboard and the scripted model', () =>
  onPage(async (page, { phone, system }) => {
    expect(await page.locator('#scripted').isVisible()).toBe(false);
    expect(await page.locator('#dashboard').isVisible()).toBe(false);
    phone.announce({ ...system, vm: 'asleep', model: 'scripted', dashboardUrl: 'http://127.0.0.1:1/dashboard' });
    await page.getByText('asleep, wakes when you write').waitFor();
    await page.locator('#subtitle .icon-moon').waitFor();
    expect(await page.locator('#dashboard').getAttribute('href')).toBe('http://127.0.0.1:1/dashboard');
    await page.locator('#scripted-try').click();
    expect(await text(page).inputValue()).toBe(`take a screenshot of ${phone.url}`);
    phone.announce({ ...system, vm: 'waking', dashboardUrl: 'javascript:alert(1)' });
    await page.getByText('waking up…').waitFor();
    expect(await page.locator('#dashboard').isVisible()).toBe(false);
  }));

test('a picture opens in full size, and Escape closes it', () =>
  onPage(async (page, { chat }) => {
    chat.put(ANNA, { media: [picture] });
    await page.getByRole('button', { name: 'Open picture pixel.png' }).click();
    await page.getByRole('dialog').getByRole('img', { name: 'pixel.png' }).waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('dialog').count(), SOON).toBe(0);
  }));

test('documents, voice notes and places have their own look', () =>
  onPage(async (page, { chat, phone }) => {
    chat.put(ANNA, { media: [{ url: `${phone.url}/x.pdf`, type: 'application/pdf', name: 'report.pdf', size: 123_456 }] });
    const card = page.getByRole('link', { name: 'report.pdf' });
    await card.waitFor();
    expect(await card.innerText()).toMatch(/123 kB · PDF/);
    chat.put(ANNA, { media: [{ url: `${phone.url}/x.ogg`, type: 'audio/ogg', name: 'a.ogg', size: 5 }] });
    await page.getByRole('button', { name: 'Play voice note' }).click();
    await page.getByText('Cannot be played here').waitFor();
    await page.getByRole('button', { name: 'Attach' }).click();
    await page.getByRole('button', { name: 'Location' }).click();
    await page.getByLabel('Latitude').fill('95');
    await page.getByRole('button', { name: 'Send location' }).click();
    await page.getByText('The latitude is a number').waitFor();
    await page.getByLabel('Latitude').fill('52.5');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Ferry Building' }).waitFor();
    expect(chat.received[0]?.input.location).toMatchObject({ latitude: 52.5, label: 'Ferry Building' });
  }));

test('a tap on a button answers once; a list opens a sheet', () =>
  onPage(async (page, { chat }) => {
    const asked = chat.put(ANNA, { text: 'Go?', buttons: [{ id: 'yes', title: 'Yes' }, { id: 'no', title: 'No' }] });
    await page.getByRole('button', { name: 'Yes' }).click();
    await expect.poll(() => chat.received[0]?.input, SOON).toEqual({ quoted: asked.sid, choice: { id: 'yes', title: 'Yes', kind: 'button' } });
    await expect.poll(() => page.locator('.choice', { hasText: 'No' }).isDisabled(), SOON).toBe(true);
    const list = chat.put(ANNA, { text: 'When?', list: { button: 'Choose', items: [{ id: '1', title: 'Today', description: 'at noon' }, { id: '2', title: 'Later' }] } });
    await page.getByRole('button', { name: 'Choose' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Later' }).click();
    await expect.poll(() => chat.received[1]?.input, SOON).toEqual({ quoted: list.sid, choice: { id: '2', title: 'Later', kind: 'list' } });
  }));

test('a reply quotes; a click on the quote goes to the original', () =>
  onPage(async (page, { chat }) => {
    const original = chat.put(ANNA, { text: 'the original' });
    for (let line = 0; line < 40; line++) chat.put(ANNA, { text: `line ${line}` });
    await bubbles(page).nth(40).waitFor();
    await bubbles(page).first().hover();
    await bubbles(page).first().getByRole('button', { name: /^Reply/ }).click();
    await page.locator('#composer-quote').getByText('the original').waitFor();
    await page.keyboard.type('about that');
    await page.keyboard.press('Enter');
    await expect.poll(() => chat.received[0]?.input, SOON).toEqual({ text: 'about that', quoted: original.sid });
    expect(await page.locator('#composer-quote').isVisible()).toBe(false);
    expect(await bubbles(page).first().isVisible()).toBe(true);
    await bubbles(page).last().locator('button.quote').click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id), SOON).toBe(`m-${original.sid}`);
  }));

test('a swipe to the right quotes as well', () =>
  onPage(
    async (page, { chat }) => {
      chat.put(ANNA, { text: 'swipe me' });
      await bubbles(page).first().waitFor();
      await bubbles(page).first().evaluate((row) => {
        const touch = (clientX: number) => [new Touch({ identifier: 1, target: row, clientX, clientY: 100 })];
        row.dispatchEvent(new TouchEvent('touchstart', { touches: touch(50), bubbles: true }));
        row.dispatchEvent(new TouchEvent('touchmove', { touches: touch(130), bubbles: true }));
        row.dispatchEvent(new TouchEvent('touchend', { touches: [], bubbles: true }));
      });
      await page.locator('#composer-quote').getByText('swipe me').waitFor();
      expect(await bubbles(page).first().locator('.bubble').evaluate((bubble) => bubble.style.translate)).toBe('');
    },
    { viewport: { width: 390, height: 844 }, hasTouch: true },
  ));

test('phones: unread counts, switching, drafts, and a number of one’s own', () =>
  onPage(async (page, { chat }) => {
    chat.put(BERT, { text: 'for bert' });
    chat.put(BERT, { text: 'again' });
    const row = page.getByRole('button', { name: /555 0101/ });
    await row.getByLabel('2 unread').waitFor();
    expect(await page.title()).toBe('(2) Sidepocket');
    await text(page).fill('a draft of Anna');
    await row.click();
    await bubbles(page).getByText('for bert').waitFor();
    expect(await text(page).inputValue()).toBe('');
    await expect.poll(() => chat.messages(BERT).map((message) => message.status), SOON).toEqual(['read', 'read']);
    await page.getByRole('button', { name: /555 0100/ }).click();
    expect(await text(page).inputValue()).toBe('a draft of Anna');
    await page.getByRole('button', { name: 'Add a phone' }).first().click();
    await page.getByLabel('Number').fill('12345');
    await page.keyboard.press('Enter');
    await page.getByText('not a number in international form').waitFor();
    await page.getByLabel('Number').fill('+44 7700 900123');
    await page.keyboard.press('Enter');
    await text(page).fill('hi');
    await page.keyboard.press('Enter');
    await expect.poll(() => chat.received.map(({ phone }) => phone), SOON).toEqual(['+447700900123']);
    await page.reload();
    await bubbles(page).getByText('hi').waitFor();
  }));

test('by keyboard only: suggestion, send, answer, reply', () =>
  onPage(async (page, { chat }) => {
    const tabTo = async (name: RegExp) => {
      for (let presses = 0; presses < 40; presses++) {
        const label = await page.evaluate(() => (document.activeElement === document.body ? '' : (document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '')));
        if (name.test(label)) return;
        await page.keyboard.press('Tab');
      }
      throw new Error(`Tab does not lead to ${name}`);
    };
    await tabTo(/Run a command/);
    await page.keyboard.press('Enter');
    expect(await text(page).inputValue()).toMatch(/^run a command:/);
    await page.keyboard.press('Enter');
    await expect.poll(() => chat.received.length, SOON).toBe(1);
    chat.put(ANNA, { text: 'Sure?', buttons: [{ id: 'y', title: 'Certainly' }] });
    await page.getByRole('button', { name: 'Certainly' }).waitFor();
    await page.locator('#scroller').focus();
    await tabTo(/Certainly/);
    await page.keyboard.press('Enter');
    await expect.poll(() => chat.received[1]?.input.choice?.id, SOON).toBe('y');
  }));

test('markup in texts, names and numbers shows as text', () =>
  onPage(async (page, { chat }) => {
    const evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> *<b>bold</b>* [x](javascript:alert(1)) javascript:alert(1)';
    chat.put(ANNA, { text: evil, buttons: [{ id: 'a', title: '<i>tap</i>' }], media: [{ url: 'javascript:window.hacked=1', type: 'application/pdf', name: '<u>a</u>.pdf', size: 1 }] });
    await page.getByText('<img src=x onerror=').first().waitFor();
    await page.getByText('<u>a</u>.pdf').waitFor();
    expect(await page.locator('.message :is(script, b, i, u, .text img, .text a)').count()).toBe(0);
    expect(await page.locator('.message a[href^="javascript"]').count()).toBe(0);
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
  }));

test('a lost connection is told, nothing is lost, and the page comes back by itself', () =>
  onPage(async (page, bench) => {
    const port = Number(new URL(bench.phone.url).port);
    bench.chat.put(ANNA, { text: 'before' });
    await bubbles(page).first().waitFor();
    await bench.phone.stop();
    await page.getByText('No connection to the simulator').waitFor();
    await text(page).fill('into the void');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Retry' }).waitFor();
    await withPhone(async ({ chat }) => {
      chat.put(ANNA, { text: 'after' });
      await page.getByText('No connection to the simulator').waitFor({ state: 'hidden', timeout: 10_000 });
      await bubbles(page).getByText('after').waitFor();
      await page.getByRole('button', { name: 'Retry' }).click();
      await expect.poll(() => chat.received[0]?.input.text, SOON).toBe('into the void');
      await expect.poll(() => bubbles(page).count(), SOON).toBe(2);
      expect(await page.locator('.failure:visible').count()).toBe(0);
    }, port);
  }));

test('a webhook that failed is told under its message', () =>
  onPage(async (page, { chat }) => {
    chat.answer = 500;
    await text(page).fill('hello');
    await page.keyboard.press('Enter');
    await page.getByText('Not received: Sidepocket answered 500').waitFor();
    expect(await page.getByRole('button', { name: 'Retry' }).isVisible()).toBe(false);
  }));

test('a file is attached, captioned, sent; pasted; removed; refused when too large', () =>
  onPage(async (page, { chat }) => {
    await page.locator('#pick-picture').setInputFiles({ name: 'pixel.png', mimeType: 'image/png', buffer: PIXEL });
    await page.getByPlaceholder('Add a caption').fill('look');
    await page.getByRole('button', { name: 'Send' }).click();
    await expect.poll(() => chat.received[0]?.input, SOON).toEqual({ text: 'look', media: { name: 'pixel.png', type: 'image/png', base64: PIXEL.toString('base64') } });
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.items.add(new File(['x'], 'pasted.txt', { type: 'text/plain' }));
      document.querySelector('#text')?.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    });
    await page.getByText('pasted.txt').waitFor();
    await page.getByRole('button', { name: 'Remove pasted.txt' }).click();
    await page.getByText('pasted.txt').waitFor({ state: 'detached' });
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(16 * 1024 * 1024 + 1)], 'huge.pdf'));
      document.querySelector('main')?.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    await page.getByText('huge.pdf is larger than 16 MB').waitFor();
  }));

test('a voice note is recorded and sent', () =>
  onPage(async (page, { chat }) => {
    await page.getByRole('button', { name: 'Record a voice note' }).click();
    await expect.poll(() => page.locator('#recording-time').textContent(), SOON).toBe('0:01');
    await page.getByRole('button', { name: 'Send' }).click();
    await expect.poll(() => chat.received[0]?.input.media?.type, SOON).toMatch(/^audio\//);
    await page.getByRole('button', { name: 'Play voice note' }).waitFor();
  }, { permissions: ['microphone'] }));

test('the chat stays at the end, unless the reader scrolled up', () =>
  onPage(async (page, { chat }) => {
    const fromEnd = () => page.locator('#scroller').evaluate((view) => view.scrollHeight - view.scrollTop - view.clientHeight);
    for (let line = 0; line < 60; line++) chat.put(ANNA, { text: `line ${line}` });
    await bubbles(page).nth(59).waitFor();
    await expect.poll(fromEnd, SOON).toBeLessThan(2);
    await page.locator('#scroller').evaluate((view) => view.scrollTo(0, 0));
    await page.getByRole('button', { name: 'Go to the newest message' }).waitFor();
    chat.put(ANNA, { text: 'new below' });
    await page.getByRole('button', { name: 'Go to 1 new message' }).click();
    await expect.poll(fromEnd, SOON).toBeLessThan(2);
  }));

test.each([320, 390, 768, 1280])('nothing is wider than the window at %i px', (width) =>
  onPage(
    async (page, { chat, phone, system }) => {
      phone.announce({ ...system, model: 'scripted', dashboardUrl: phone.url });
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      chat.put(ANNA, { text: `${'w'.repeat(300)} https://a.example/${'x'.repeat(200)}\n\`\`\`\n${'code '.repeat(60)}\n\`\`\`` });
      chat.put(ANNA, { text: 'Choose', media: [picture], buttons: [{ id: 'a', title: 'A title of 20 signs' }] });
      chat.put(ANNA, { media: [{ url: phone.url, type: 'application/pdf', name: `${'name'.repeat(30)}.pdf`, size: 1 }] });
      chat.put(ANNA, { media: [{ url: phone.url, type: 'audio/ogg', name: 'a.ogg', size: 1 }] });
      await bubbles(page).nth(3).waitFor();
      const tooWide = await page.evaluate(() => [...document.querySelectorAll('.bubble, .choices, .bar, .composer, #scroller, html')].filter((part) => part.getBoundingClientRect().right > innerWidth + 1 || part.scrollWidth > part.clientWidth + 1).map((part) => part.className || part.tagName));
      expect(tooWide).toEqual([]);
    },
    { viewport: { width, height: 700 } },
  ));
