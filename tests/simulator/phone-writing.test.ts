import { expect, test } from 'vitest';
import { ANNA, PIXEL, withPhone } from '../support/phone-bench.ts';
import { SOON, bubbles, messageText, openPage, sharePage } from '../support/phone-page.ts';
import { scaled } from '../support/machine-speed.ts';

const { onPage, browser } = sharePage();

test('type and send; ticks follow the states', () =>
  onPage(async (page, { chat, anna }) => {
    await messageText(page).fill('hello *there*');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('second line');
    await page.keyboard.press('Enter');
    await expect
      .poll(() => chat.received.map(({ input }) => input.text), SOON)
      .toEqual(['hello *there*\nsecond line']);
    const mine = bubbles(page).last();
    await mine.locator('strong').waitFor();
    const [message] = chat.messages(anna);
    if (!message) throw new Error('no message');
    for (const [status, label] of [
      ['received', 'Delivered'],
      ['sent', 'Sent'],
      ['delivered', 'Delivered'],
      ['read', 'Read'],
      ['failed', 'Failed'],
    ] as const) {
      chat.setStatus(message, status, status === 'failed' ? 63016 : undefined);
      await mine.getByRole('img', { name: label }).waitFor();
    }
    await mine.getByText('24-hour window is closed').waitFor();
    expect(await bubbles(page).count()).toBe(1);
    expect(await messageText(page).inputValue()).toBe('');
  }));

test('a tap on a button answers once; a list opens a sheet', () =>
  onPage(async (page, { chat, anna }) => {
    const asked = chat.put(anna, {
      text: 'Go?',
      buttons: [
        { id: 'yes', title: 'Yes' },
        { id: 'no', title: 'No' },
      ],
    });
    await page.getByRole('button', { name: 'Yes' }).click();
    await expect
      .poll(() => chat.received[0]?.input, SOON)
      .toEqual({ quoted: asked.sid, choice: { id: 'yes', title: 'Yes', kind: 'button' } });
    await expect
      .poll(() => page.locator('.choice', { hasText: 'No' }).isDisabled(), SOON)
      .toBe(true);
    const list = chat.put(anna, {
      text: 'When?',
      list: {
        button: 'Choose',
        items: [
          { id: '1', title: 'Today', description: 'at noon' },
          { id: '2', title: 'Later' },
        ],
      },
    });
    await page.getByRole('button', { name: 'Choose' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Later' }).click();
    await expect
      .poll(() => chat.received[1]?.input, SOON)
      .toEqual({ quoted: list.sid, choice: { id: '2', title: 'Later', kind: 'list' } });
    await expect
      .poll(() => page.getByRole('button', { name: 'Choose' }).isDisabled(), SOON)
      .toBe(true);
  }));

test(
  'choices are part of their bubble, and an answer quotes the question in words',
  { tags: 'long' },
  () =>
    onPage(
      async (page, { chat, anna }) => {
        const asked = chat.put(anna, {
          text: 'May I run\n```npm test```\n\n1. soon\n2. later',
          buttons: [
            { id: 'a', title: 'Allow' },
            { id: 'd', title: 'Deny' },
          ],
        });
        await page.getByRole('button', { name: 'Deny' }).click();
        await page.locator('.quote-text', { hasText: 'May I run npm test soon later' }).waitFor();
        const [bubble, ...choices] = await page
          .locator(`#m-${asked.sid}`)
          .locator('.bubble, .choice')
          .evaluateAll((parts) =>
            parts.map((part) => part.getBoundingClientRect().toJSON() as DOMRect),
          );
        expect(choices.map(({ left, right }) => [left, right])).toEqual(
          [1, 2].map(() => [bubble?.left, bubble?.right]),
        );
        expect(choices.at(-1)?.bottom).toBe(bubble?.bottom);
      },
      { viewport: { width: 390, height: 844 } },
    ),
);

test('a reply quotes; a click on the quote goes to the original', () =>
  onPage(async (page, { chat, anna }) => {
    const original = chat.put(anna, { text: 'the original' });
    for (let line = 0; line < 40; line++) chat.put(anna, { text: `line ${line}` });
    await bubbles(page).nth(40).waitFor();
    await bubbles(page).first().hover();
    await bubbles(page)
      .first()
      .getByRole('button', { name: /^Reply/ })
      .click();
    await page.locator('#composer-quote').getByText('the original').waitFor();
    await page.keyboard.type('about that');
    await page.keyboard.press('Enter');
    await expect
      .poll(() => chat.received[0]?.input, SOON)
      .toEqual({ text: 'about that', quoted: original.sid });
    expect(await page.locator('#composer-quote').isVisible()).toBe(false);
    expect(await bubbles(page).first().isVisible()).toBe(true);
    await bubbles(page).last().locator('button.quote').click();
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.id), SOON)
      .toBe(`m-${original.sid}`);
  }));

test('a swipe to the right quotes as well', { tags: 'long' }, () =>
  onPage(
    async (page, { chat, anna }) => {
      chat.put(anna, { text: 'swipe me' });
      await bubbles(page).first().waitFor();
      await bubbles(page)
        .first()
        .evaluate((row) => {
          const touch = (clientX: number) => [
            new Touch({ identifier: 1, target: row, clientX, clientY: 100 }),
          ];
          row.dispatchEvent(new TouchEvent('touchstart', { touches: touch(50), bubbles: true }));
          row.dispatchEvent(new TouchEvent('touchmove', { touches: touch(130), bubbles: true }));
          row.dispatchEvent(new TouchEvent('touchend', { touches: [], bubbles: true }));
        });
      await page.locator('#composer-quote').getByText('swipe me').waitFor();
      expect(
        await bubbles(page)
          .first()
          .locator('.bubble')
          .evaluate((bubble) => bubble.style.translate),
      ).toBe('');
    },
    { viewport: { width: 390, height: 844 } },
  ),
);

test('by keyboard only: suggestion, send, answer, reply', { tags: 'long' }, () =>
  onPage(async (page, { chat, anna }) => {
    const tabTo = async (name: RegExp) => {
      for (let presses = 0; presses < 40; presses++) {
        const label = await page.evaluate(() =>
          document.activeElement === document.body
            ? ''
            : (document.activeElement?.getAttribute('aria-label') ??
              document.activeElement?.textContent ??
              ''),
        );
        if (name.test(label)) return;
        await page.keyboard.press('Tab');
      }
      throw new Error(`Tab does not lead to ${name}`);
    };
    await tabTo(/Run a command/);
    await page.keyboard.press('Enter');
    expect(await messageText(page).inputValue()).toMatch(/^run a command:/);
    await page.keyboard.press('Enter');
    await expect.poll(() => chat.received.length, SOON).toBe(1);
    chat.put(anna, { text: 'Sure?', buttons: [{ id: 'y', title: 'Certainly' }] });
    await page.getByRole('button', { name: 'Certainly' }).waitFor();
    await page.locator('#scroller').focus();
    await tabTo(/Certainly/);
    await page.keyboard.press('Enter');
    await expect.poll(() => chat.received[1]?.input.choice?.id, SOON).toBe('y');
  }),
);

test(
  'a lost connection is told, also in the header, nothing is lost, and the page comes back by itself',
  { tags: 'long' },
  () =>
    withPhone(async (bench) => {
      const port = Number(new URL(bench.phone.url).port);
      bench.chat.put(ANNA, { text: 'before' });
      const page = await openPage(browser(), bench.phone.url);
      await bubbles(page).first().waitFor();
      await bench.phone.stop();
      await page.getByText('No connection to the simulator').waitFor();
      expect(await page.locator('#subtitle').innerText()).toBe('not connected');
      await messageText(page).fill('into the void');
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Retry' }).waitFor();
      await withPhone(async ({ chat }) => {
        chat.put(ANNA, { text: 'after' });
        await page
          .getByText('No connection to the simulator')
          .waitFor({ state: 'hidden', timeout: scaled(10_000) });
        expect(await page.locator('#subtitle').innerText()).toBe('online');
        await bubbles(page).getByText('after').waitFor();
        await page.getByRole('button', { name: 'Retry' }).click();
        await expect.poll(() => chat.received[0]?.input.text, SOON).toBe('into the void');
        await expect.poll(() => bubbles(page).count(), SOON).toBe(2);
        expect(await page.locator('.failure:visible').count()).toBe(0);
      }, port);
      await page.context().close();
    }),
);

test('a webhook that failed is told under its message', { tags: 'long' }, () =>
  onPage(async (page, { chat }) => {
    chat.answer = 500;
    await messageText(page).fill('hello');
    await page.keyboard.press('Enter');
    await page.getByText('Not received: Sidepocket answered 500').waitFor();
    expect(await page.getByRole('button', { name: 'Retry' }).isVisible()).toBe(false);
  }),
);

test(
  'a file is attached, captioned, sent; pasted; removed; refused when too large',
  { tags: 'long' },
  () =>
    onPage(async (page, { chat }) => {
      await page
        .locator('#pick-picture')
        .setInputFiles({ name: 'pixel.png', mimeType: 'image/png', buffer: PIXEL });
      await page.getByPlaceholder('Add a caption').fill('look');
      await page.getByRole('button', { name: 'Send' }).click();
      await expect
        .poll(() => chat.received[0]?.input, SOON)
        .toEqual({
          text: 'look',
          media: { name: 'pixel.png', type: 'image/png', base64: PIXEL.toString('base64') },
        });
      await page.evaluate(() => {
        const data = new DataTransfer();
        data.items.add(new File(['x'], 'pasted.txt', { type: 'text/plain' }));
        document
          .querySelector('#text')
          ?.dispatchEvent(
            new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
          );
      });
      await page.getByText('pasted.txt').waitFor();
      await page.getByRole('button', { name: 'Remove pasted.txt' }).click();
      await page.getByText('pasted.txt').waitFor({ state: 'detached' });
      await page.evaluate(() => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(16 * 1024 * 1024 + 1)], 'huge.pdf'));
        document
          .querySelector('main')
          ?.dispatchEvent(
            new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }),
          );
      });
      await page.getByText('huge.pdf is larger than 16 MB').waitFor();
    }),
);

test('a voice note is recorded and sent', { tags: 'long' }, () =>
  onPage(async (page, { chat }) => {
    await page.getByRole('button', { name: 'Record a voice note' }).click();
    await expect.poll(() => page.locator('#recording-time').textContent(), SOON).toBe('0:01');
    await page.getByRole('button', { name: 'Send' }).click();
    await expect.poll(() => chat.received[0]?.input.media?.type, SOON).toMatch(/^audio\//);
    await page.getByRole('button', { name: 'Play voice note' }).waitFor();
  }),
);
