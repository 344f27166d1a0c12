import { expect, test } from 'vitest';
import { PIXEL } from '../support/phone-bench.ts';
import { SOON, bubbles, lastDigits, messageText, sharePage } from '../support/phone-page.ts';

const { onPage } = sharePage();

const picture = {
  url: `data:image/png;base64,${PIXEL.toString('base64')}`,
  type: 'image/png',
  name: 'pixel.png',
  size: PIXEL.length,
};

test(
  'typing shows in the header and the chat until the reply comes or time is up',
  { tags: 'long' },
  () =>
    onPage(async (page, { chat, anna }) => {
      chat.setTyping(anna, 25_000);
      await page.locator('.typing').waitFor();
      await expect.poll(() => page.locator('#subtitle').textContent(), SOON).toBe('typing…');
      chat.put(anna, { text: 'here' });
      await page.locator('.typing').waitFor({ state: 'detached' });
      chat.setTyping(anna, 300);
      await page.locator('.typing').waitFor();
      await page.locator('.typing').waitFor({ state: 'detached' });
      await expect.poll(() => page.locator('#subtitle').textContent(), SOON).toBe('online');
    }),
);

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

test('a picture opens in full size with its caption, and Escape closes it', { tags: 'long' }, () =>
  onPage(async (page, { chat, anna }) => {
    chat.put(anna, { media: [picture], text: 'The *start* page' });
    await page.getByRole('button', { name: 'Open picture pixel.png' }).click();
    await page.getByRole('dialog').getByRole('img', { name: 'The start page' }).waitFor();
    await page.getByRole('dialog').locator('strong', { hasText: 'start' }).waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('dialog').count(), SOON).toBe(0);
  }),
);

test('a picture that comes late stands where it was sent, before the text that came meanwhile', () =>
  onPage(async (page, { chat, anna }) => {
    chat.put(anna, { text: 'Here it is.', at: '2026-01-31T12:00:02.000Z' });
    await bubbles(page).getByText('Here it is.').waitFor();
    chat.put(anna, { media: [picture], at: '2026-01-31T12:00:01.000Z' });
    await page.getByRole('button', { name: 'Open picture pixel.png' }).waitFor();
    await bubbles(page).first().locator('.picture').waitFor();
    expect(await bubbles(page).last().innerText()).toContain('Here it is.');
  }));

test('documents, voice notes and places have their own look', { tags: 'long' }, () =>
  onPage(async (page, { chat, phone, anna }) => {
    chat.put(anna, {
      media: [
        { url: `${phone.url}/x.pdf`, type: 'application/pdf', name: 'report.pdf', size: 123_456 },
      ],
    });
    const card = page.getByRole('link', { name: 'report.pdf' });
    await card.waitFor();
    expect(await card.innerText()).toMatch(/123 kB · PDF/);
    chat.put(anna, {
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
  }),
);

test('phones: unread counts, switching, drafts, and a number of one’s own', { tags: 'long' }, () =>
  onPage(async (page, { chat, anna, bert }) => {
    chat.put(bert, { text: 'for bert' });
    chat.put(bert, { text: 'again' });
    const row = page.getByRole('button', { name: new RegExp(lastDigits(bert)) });
    await row.getByLabel('2 unread').waitFor();
    expect(await page.title()).toBe('(2) Sidepocket');
    await messageText(page).fill('a draft of Anna');
    await row.click();
    await bubbles(page).getByText('for bert').waitFor();
    expect(await messageText(page).inputValue()).toBe('');
    await expect
      .poll(() => chat.messages(bert).map((message) => message.status), SOON)
      .toEqual(['read', 'read']);
    await page.getByRole('button', { name: new RegExp(lastDigits(anna)) }).click();
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
  }),
);

test('markup in texts, names and numbers shows as text', () =>
  onPage(async (page, { chat, anna }) => {
    const evil =
      '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> *<b>bold</b>* [x](javascript:alert(1)) javascript:alert(1)';
    chat.put(anna, {
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
  onPage(async (page, { chat, anna }) => {
    const fromEnd = () =>
      page
        .locator('#scroller')
        .evaluate((view) => view.scrollHeight - view.scrollTop - view.clientHeight);
    for (let line = 0; line < 60; line++) chat.put(anna, { text: `line ${line}` });
    await bubbles(page).nth(59).waitFor();
    await expect.poll(fromEnd, SOON).toBeLessThan(2);
    // A picture that has loaded when the scroll before it is told of.
    await page.locator('#scroller').evaluate((view) => {
      view.querySelector<HTMLElement>('#rows')?.style.setProperty('padding-bottom', '900px');
      view.dispatchEvent(new Event('scroll'));
    });
    await expect.poll(fromEnd, SOON).toBeLessThan(2);
    await page.locator('#rows').evaluate((rows) => rows.style.removeProperty('padding-bottom'));
    await page.locator('#scroller').evaluate((view) => view.scrollTo(0, 0));
    await page.getByRole('button', { name: 'Go to the newest message' }).waitFor();
    chat.put(anna, { text: 'new below' });
    await page.getByRole('button', { name: 'Go to 1 new message' }).click();
    await expect.poll(fromEnd, SOON).toBeLessThan(2);
  }));

test('nothing is wider than the window, however narrow that is', { tags: 'long' }, () =>
  onPage(async (page, { chat, phone, system, anna }) => {
    const widths = [1280, 768, 390, 320];
    phone.announce({ ...system, model: 'scripted', dashboardUrl: phone.url });
    for (const width of widths) {
      await page.setViewportSize({ width, height: 700 });
      const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
      expect(fits, `at ${width} px`).toBe(true);
    }
    chat.put(anna, {
      text: `${'w'.repeat(300)} https://a.example/${'x'.repeat(200)}\n\`\`\`\n${'code '.repeat(60)}\n\`\`\``,
    });
    chat.put(anna, {
      text: 'Choose',
      media: [picture],
      buttons: [{ id: 'a', title: 'A title of 20 signs' }],
    });
    chat.put(anna, {
      media: [
        { url: phone.url, type: 'application/pdf', name: `${'name'.repeat(30)}.pdf`, size: 1 },
      ],
    });
    chat.put(anna, { media: [{ url: phone.url, type: 'audio/ogg', name: 'a.ogg', size: 1 }] });
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
  }),
);

test('the note about the scripted model can be closed, and stays closed', () =>
  onPage(async (page, { phone, system }) => {
    const bench = { ...system, model: 'scripted' as const };
    phone.announce(bench);
    await page.getByText('Scripted model').waitFor();
    await page.getByRole('button', { name: 'Close this note' }).click();
    expect(await page.locator('#scripted').isVisible()).toBe(false);
    phone.announce({ ...bench, vm: 'asleep' });
    await page.getByText('asleep, wakes when you write').waitFor();
    expect(await page.locator('#scripted').isVisible()).toBe(false);
    expect(await page.evaluate(() => localStorage.getItem('scripted-strip-closed'))).toBe('yes');
    await page.evaluate(() => localStorage.removeItem('scripted-strip-closed'));
  }));

test('a number that is not allowed is told so, as anyone unknown, and can be allowed', () =>
  onPage(async (page, { phone, system, anna, bert }) => {
    phone.announce({ ...system, allowed: [anna, bert] });
    await page.getByText('asleep').or(page.getByText('online')).first().waitFor();
    expect(await page.locator('#stranger').isVisible()).toBe(false);
    phone.announce({ ...system, allowed: [bert] });
    const note = page.locator('#stranger');
    await note.waitFor();
    expect(await note.innerText()).toMatch(/1\s555\s555\s\d{4} is not in ALLOWED_SENDERS/);
    await page.getByRole('button', { name: 'Allow this number' }).click();
    await note.waitFor({ state: 'hidden' });
  }));

test('on a narrow page the header says whose phone it is, and the unread count stands beside the arrow', () =>
  onPage(
    async (page, { chat, anna, bert }) => {
      for (let count = 0; count < 44; count++) chat.put(bert, { text: `for bert ${count}` });
      const badge = page.locator('#other-unread', { hasText: '44' });
      await badge.waitFor();
      expect(await page.locator('#whose').innerText()).toContain(lastDigits(anna));
      const [arrow, count, button, names] = await page
        .locator('#show-phones > svg, #other-unread, #show-phones, .chat-names')
        .evaluateAll((parts) =>
          ['svg', 'SPAN', 'BUTTON', 'DIV'].map((tag) =>
            parts
              .find(({ tagName }) => tagName === tag)
              ?.getBoundingClientRect()
              .toJSON(),
          ),
        );
      expect(count.left).toBeGreaterThanOrEqual(arrow.right);
      expect(count.right).toBeLessThanOrEqual(button.right);
      expect(button.right).toBeLessThanOrEqual(names.left);
    },
    { viewport: { width: 390, height: 844 } },
  ));

test('the preview of a sent text stands on one line with its ticks', () =>
  onPage(async (page, { chat, anna }) => {
    chat.put(anna, { direction: 'inbound', status: 'read', text: 'how are you' });
    const line = page.locator('.phone[aria-current="true"] .phone-last');
    await line.getByText('how are you').waitFor();
    const heights = await line.evaluate((node) => [
      node.getBoundingClientRect().height,
      Number.parseFloat(getComputedStyle(node).fontSize),
    ]);
    expect(heights[0]).toBeLessThan(2 * (heights[1] ?? 0));
  }));

test('a day that has passed is said, until this phone writes again', () =>
  onPage(async (page, { chat, anna }) => {
    const passed = page.getByText('24 hours have passed.');
    chat.put(anna, { direction: 'inbound', text: 'hi' });
    await bubbles(page).last().waitFor();
    expect(await passed.isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('button', { name: 'Let 24 hours pass' }).click();
    await passed.waitFor();
    chat.put(anna, { text: 'an answer opens no window' });
    await bubbles(page).getByText('an answer').waitFor();
    expect(await passed.isVisible()).toBe(true);
    chat.put(anna, { direction: 'inbound', text: 'me again' });
    await passed.waitFor({ state: 'hidden' });
  }));

test('each line has its own direction: right-to-left ones stand on the right', () =>
  onPage(async (page, { chat, anna }) => {
    const lines = ['This is a line of Latin letters that makes the bubble wide', 'مرحبا', 'short'];
    chat.put(anna, { text: `${lines.join('\n')}\n- مرحبا\n- b\n\nlast\nمرحبا` });
    const text = bubbles(page).last().locator('.text');
    await text.waitFor();
    const sides = await text.evaluate((node) => {
      const bubble = (node.closest('.bubble') as HTMLElement).getBoundingClientRect();
      const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
      const seen: string[] = [];
      for (let part = walker.nextNode(); part; part = walker.nextNode()) {
        let start = 0;
        for (const line of (part.textContent ?? '').split('\n')) {
          const range = document.createRange();
          range.setStart(part, start);
          range.setEnd(part, start + line.length);
          start += line.length + 1;
          const { left, right } = range.getBoundingClientRect();
          seen.push(left - bubble.left > bubble.right - right ? 'right' : 'left');
        }
      }
      return seen;
    });
    expect(sides).toEqual(['left', 'right', 'left', 'right', 'left', 'left', 'right']);
    // The points of the list stand on the side of its first line, within the bubble.
    expect(await text.locator('ul').evaluate((node) => getComputedStyle(node).direction)).toBe(
      'rtl',
    );
  }));
