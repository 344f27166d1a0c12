import type { Browser, BrowserContextOptions, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ANNA, BERT, PIXEL } from '../support/phone-bench.ts';
import type { PhoneBench } from '../support/phone-bench.ts';
import { SOON, bubbles, launchBrowser, messageText, withPage } from '../support/phone-page.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const onPage = (
  use: (page: Page, bench: PhoneBench) => Promise<void>,
  options?: BrowserContextOptions,
) => withPage(browser, use, options);

const picture = {
  url: `data:image/png;base64,${PIXEL.toString('base64')}`,
  type: 'image/png',
  name: 'pixel.png',
  size: PIXEL.length,
};

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
    phone.announce({
      ...system,
      vm: 'asleep',
      model: 'scripted',
      dashboardUrl: 'http://127.0.0.1:1/dashboard',
    });
    await page.getByText('asleep, wakes when you write').waitFor();
    await page.locator('#subtitle .icon-moon').waitFor();
    expect(await page.locator('#dashboard').getAttribute('href')).toBe(
      'http://127.0.0.1:1/dashboard',
    );
    await page.locator('#scripted-try').click();
    expect(await messageText(page).inputValue()).toBe(`take a screenshot of ${phone.url}`);
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
    chat.put(ANNA, {
      media: [
        { url: `${phone.url}/x.pdf`, type: 'application/pdf', name: 'report.pdf', size: 123_456 },
      ],
    });
    const card = page.getByRole('link', { name: 'report.pdf' });
    await card.waitFor();
    expect(await card.innerText()).toMatch(/123 kB · PDF/);
    chat.put(ANNA, {
      media: [{ url: `${phone.url}/x.ogg`, type: 'audio/ogg', name: 'a.ogg', size: 5 }],
    });
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
    expect(chat.received[0]?.input.location).toMatchObject({
      latitude: 52.5,
      label: 'Ferry Building',
    });
  }));

test('phones: unread counts, switching, drafts, and a number of one’s own', () =>
  onPage(async (page, { chat }) => {
    chat.put(BERT, { text: 'for bert' });
    chat.put(BERT, { text: 'again' });
    const row = page.getByRole('button', { name: /555 0101/ });
    await row.getByLabel('2 unread').waitFor();
    expect(await page.title()).toBe('(2) Sidepocket');
    await messageText(page).fill('a draft of Anna');
    await row.click();
    await bubbles(page).getByText('for bert').waitFor();
    expect(await messageText(page).inputValue()).toBe('');
    await expect
      .poll(() => chat.messages(BERT).map((message) => message.status), SOON)
      .toEqual(['read', 'read']);
    await page.getByRole('button', { name: /555 0100/ }).click();
    expect(await messageText(page).inputValue()).toBe('a draft of Anna');
    await page.getByRole('button', { name: 'Add a phone' }).first().click();
    await page.getByLabel('Number').fill('12345');
    await page.keyboard.press('Enter');
    await page.getByText('not a number in international form').waitFor();
    await page.getByLabel('Number').fill('+44 7700 900123');
    await page.keyboard.press('Enter');
    await messageText(page).fill('hi');
    await page.keyboard.press('Enter');
    await expect
      .poll(() => chat.received.map(({ phone }) => phone), SOON)
      .toEqual(['+447700900123']);
    await page.reload();
    await bubbles(page).getByText('hi').waitFor();
  }));

test('markup in texts, names and numbers shows as text', () =>
  onPage(async (page, { chat }) => {
    const evil =
      '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> *<b>bold</b>* [x](javascript:alert(1)) javascript:alert(1)';
    chat.put(ANNA, {
      text: evil,
      buttons: [{ id: 'a', title: '<i>tap</i>' }],
      media: [
        {
          url: 'javascript:window.hacked=1',
          type: 'application/pdf',
          name: '<u>a</u>.pdf',
          size: 1,
        },
      ],
    });
    await page.getByText('<img src=x onerror=').first().waitFor();
    await page.getByText('<u>a</u>.pdf').waitFor();
    expect(await page.locator('.message :is(script, b, i, u, .text img, .text a)').count()).toBe(0);
    expect(await page.locator('.message a[href^="javascript"]').count()).toBe(0);
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
  }));

test('the chat stays at the end, unless the reader scrolled up', () =>
  onPage(async (page, { chat }) => {
    const fromEnd = () =>
      page
        .locator('#scroller')
        .evaluate((view) => view.scrollHeight - view.scrollTop - view.clientHeight);
    for (let line = 0; line < 60; line++) chat.put(ANNA, { text: `line ${line}` });
    await bubbles(page).nth(59).waitFor();
    await expect.poll(fromEnd, SOON).toBeLessThan(2);
    await page.locator('#scroller').evaluate((view) => view.scrollTo(0, 0));
    await page.getByRole('button', { name: 'Go to the newest message' }).waitFor();
    chat.put(ANNA, { text: 'new below' });
    await page.getByRole('button', { name: 'Go to 1 new message' }).click();
    await expect.poll(fromEnd, SOON).toBeLessThan(2);
  }));

test('nothing is wider than the window, however narrow that is', () =>
  onPage(async (page, { chat, phone, system }) => {
    const widths = [1280, 768, 390, 320];
    phone.announce({ ...system, model: 'scripted', dashboardUrl: phone.url });
    for (const width of widths) {
      await page.setViewportSize({ width, height: 700 });
      const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
      expect(fits, `at ${width} px`).toBe(true);
    }
    chat.put(ANNA, {
      text: `${'w'.repeat(300)} https://a.example/${'x'.repeat(200)}\n\`\`\`\n${'code '.repeat(60)}\n\`\`\``,
    });
    chat.put(ANNA, {
      text: 'Choose',
      media: [picture],
      buttons: [{ id: 'a', title: 'A title of 20 signs' }],
    });
    chat.put(ANNA, {
      media: [
        { url: phone.url, type: 'application/pdf', name: `${'name'.repeat(30)}.pdf`, size: 1 },
      ],
    });
    chat.put(ANNA, { media: [{ url: phone.url, type: 'audio/ogg', name: 'a.ogg', size: 1 }] });
    await bubbles(page).nth(3).waitFor({ state: 'attached' });
    for (const width of widths) {
      await page.setViewportSize({ width, height: 700 });
      const tooWide = await page.evaluate(() =>
        [...document.querySelectorAll('.bubble, .choices, .bar, .composer, #scroller, html')]
          .filter(
            (part) =>
              part.getBoundingClientRect().right > innerWidth + 1 ||
              part.scrollWidth > part.clientWidth + 1,
          )
          .map((part) => part.className || part.tagName),
      );
      expect(tooWide, `at ${width} px`).toEqual([]);
    }
  }));
