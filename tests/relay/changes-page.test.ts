import path from 'node:path';
import type { Browser } from 'playwright';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderChanges } from '../../relay/pages/changes.ts';
import type { ChangedFile, ChangedFiles } from '../../shared/store/changed-files.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import { findViolations } from '../support/axe.ts';
import { findFaintTexts } from '../support/contrast.ts';
import { htmlAttacks } from '../support/html-attacks.ts';
import { launchBrowser } from '../support/phone-page.ts';
import { withRelay } from '../support/relay-bench.ts';

const file = (path: string, more: Partial<ChangedFile> = {}): ChangedFile => ({
  path,
  kind: 'changed',
  added: 1,
  removed: 1,
  ...more,
});
const page = (files: ChangedFile[], more: Partial<ChangedFiles> = {}): string =>
  JSON.stringify({
    title: 'fix the footer',
    files,
    more: 0,
    added: 3,
    removed: 1,
    left: [],
    unseen: ['node_modules'],
    beyond: [],
    ...more,
  } satisfies ChangedFiles);

test('lines have signs and numbers, and the words that differ are marked', () => {
  const patch = '@@ -8,3 +8,3 @@ main()\n same\n-const year = 2024;\n+const year = 2026;\n';
  const { title, body } = renderChanges(page([file('src/footer.ts', { patch })]));
  expect(title).toBe('1 file changed: fix the footer');
  expect(body).toContain('<details class="file" open>');
  expect(body).toContain('<div class="same"><b>8</b><i> </i><code>same</code></div>');
  expect(body).toContain(
    '<div class="gone"><b>9</b><i>−</i><code>const year = <del>2024</del>;</code></div>',
  );
  expect(body).toContain(
    '<div class="come"><b>9</b><i>+</i><code>const year = <ins>2026</ins>;</code></div>',
  );
});

test('nothing in names, lines or pictures becomes part of the page, and hidden signs are written out', () => {
  const evil = '<img src=x onerror=alert(1)>';
  const { body } = renderChanges(
    page(
      [
        file(evil, {
          from: evil,
          kind: 'renamed',
          patch: `@@ -1 +1 @@\n-a\u202e${evil}\n+${evil}</details>`,
          modes: [evil, evil],
          before: `data:image/svg+xml;base64,${Buffer.from(evil).toString('base64')}`,
          after: `data:image/png;base64,"><script>`,
        }),
      ],
      { title: evil, left: [evil], beyond: [evil] },
    ),
  );
  const all = htmlAttacks.join(' ');
  const attacked = renderChanges(
    page(
      [
        file(`a/${all}`, {
          from: `b/${all}`,
          kind: 'renamed',
          patch: `@@ -1 +1 @@\n-${all}\n+1${all}\n`,
        }),
        file(all, { modes: [all, all], why: 'binary' }),
      ],
      { title: all, left: [all], beyond: [all], unseen: [all] },
    ),
  ).body;
  const tags = [...attacked.matchAll(/<([a-z][\w-]*)((?:\s[^<>]*)?)>/gi)];
  const own = /^(?:h1|p|span|div|details|summary|wbr|b|i|code|del|ins|mark|ul|li|hr)$/;
  expect(tags.map(([, name = '']) => name).filter((name) => !own.test(name))).toEqual([]);
  expect(tags.filter(([, , given = '']) => /\bon\w+=|style|src/i.test(given))).toEqual([]);
  expect(body).not.toMatch(/<(?:img|script)/);
  expect(body.match(/<\/details>/g)).toHaveLength(1);
  expect(body).toContain('<mark>⟨U+202E⟩</mark>');
  expect(() => renderChanges('{}')).toThrow('title');
});

test('large numbers have their thousands separated', () => {
  const { title, body } = renderChanges(
    page([file('a', { added: 12_345, removed: 1 })], { added: 1_234_567, removed: 0, more: 1999 }),
  );
  expect(title).toBe('2,000 files changed: fix the footer');
  expect(body).toContain('<span class="plus">+12,345</span> <span class="minus">−1</span>');
  expect(body).toContain('<span class="plus">+1,234,567</span> <span class="minus">−0</span>');
  expect(body).toContain('And 1,999 more files.');
});

test('the ends of lines are shown where they differ', () => {
  const bodyOf = (patch: string): string => renderChanges(page([file('a', { patch })])).body;
  expect(bodyOf('@@ -1,2 +1,2 @@\n same\r\n-one\r\n+two\r\n')).not.toContain('U+000D');
  expect(bodyOf('@@ -1 +1 @@\n-one\n+one\r\n')).toContain(
    '<code>one<ins><mark>⟨U+000D⟩</mark></ins></code>',
  );
});

test('many files are folded, and endless ones do not take forever', () => {
  const patch = `@@ -1,9000 +1,9000 @@\n${'-old line\n'.repeat(9000)}${'+new line\n'.repeat(9000)}`;
  const began = performance.now();
  const { body } = renderChanges(page([file('a', { patch }), file('b', { patch })], { more: 4 }));
  expect(performance.now() - began).toBeLessThan(60_000);
  expect(body).toContain('<h1>6 files changed</h1>');
  expect(body).toContain('And 4 more files.');
  expect(body).not.toContain('open>');
  expect(body.match(/<code>/g)?.length).toBeLessThanOrEqual(12_000);
});

/** Where pictures of the pages go; none are taken without it. */
const shots = process.env['SHOTS_DIR'];

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

test(
  'the page of changes is stored for its form, reads well at 390 and 1280 px by day and night, and needs no script',
  { tags: 'long' },
  async () => {
    const patch = [
      '@@ -1,4 +1,5 @@',
      ' import { year } from "./clock";',
      `-export const footer = () => \`<footer>© 2024 Example, all rights reserved. ${'A long line. '.repeat(12)}</footer>\`;`,
      `+export const footer = () => \`<footer>© \${year()} Example, all rights reserved. ${'A long line. '.repeat(12)}</footer>\`;`,
      '+// added',
      ' ',
      '',
    ].join('\n');
    const dot =
      'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPj/HwADAgH/p2D2XAAAAABJRU5ErkJggg==';
    const tall = await sharp({
      create: { width: 300, height: 3000, channels: 3, background: '#08c' },
    })
      .png()
      .toBuffer();
    const files = [
      file('src/components/layout/footer.ts', { patch, added: 2 }),
      file('public/logo.png', { added: 0, removed: 0, before: dot, after: dot }),
      file('public/page.png', {
        added: 0,
        removed: 0,
        after: `data:image/png;base64,${tall.toString('base64')}`,
      }),
      file('dist/bundle.js', { added: 0, removed: 0, why: 'ignored' }),
      file('old.ts', { kind: 'removed', added: 0, removed: 1, patch: '@@ -1 +0,0 @@\n-gone\n' }),
      file('bin/run', { added: 0, removed: 0, modes: ['644', '755'] }),
      file(`src/${'deep/'.repeat(20)}index.ts`, {
        kind: 'added',
        added: 1,
        removed: 0,
        patch: '@@ -0,0 +1 @@\n+new\n',
      }),
    ];
    await withRelay({}, async ({ redis, relayUrl }) => {
      const text = page(files, {
        left: ['video.mp4'],
        beyond: ['a push to a repository elsewhere'],
      });
      const token = await createPageStore(redis).put('changes', text, 'changes');
      const context = await browser.newContext({ javaScriptEnabled: false });
      const opened = await context.newPage();
      const scripted = await browser.newPage();
      for (const width of [390, 1280])
        for (const colorScheme of ['light', 'dark'] as const) {
          await opened.setViewportSize({ width, height: 844 });
          await opened.emulateMedia({ colorScheme });
          await opened.goto(`${relayUrl}/page/${token}`);
          const where = `at ${width} px, ${colorScheme}`;
          await opened.getByRole('heading', { name: '7 files changed' }).waitFor();
          expect(
            await opened.locator('html').evaluate((html) => html.scrollWidth),
            `${where}`,
          ).toBe(width);
          expect(await opened.evaluate(findFaintTexts), `${where}`).toEqual([]);
          await opened.locator('summary').last().click();
          // A tall picture fits the screen, and a tap shows it in its own size.
          const picture = opened.getByAltText('After: public/page.png');
          const high = (): Promise<number> => picture.evaluate(({ clientHeight }) => clientHeight);
          expect(await high(), `${where}`).toBe(589);
          await picture.click();
          expect(await high(), `${where}`).toBe(3000);
          await picture.click();
          await scripted.setViewportSize({ width, height: 844 });
          await scripted.emulateMedia({ colorScheme });
          await scripted.goto(`${relayUrl}/page/${token}`);
          expect(await findViolations(scripted), `${where}`).toEqual([]);
          if (shots !== undefined)
            await opened.screenshot({
              path: path.join(shots, `changes-${width}-${colorScheme}.png`),
              fullPage: true,
            });
        }
      await scripted.close();
      await context.close();
    });
  },
);

test('a file without lines says what has become of it', () => {
  const bodyOf = (part: Parameters<typeof file>[1]): string =>
    renderChanges(page([file('a', { patch: '', added: 0, removed: 0, ...part })], {})).body;
  expect(bodyOf({ kind: 'renamed', from: 'b' })).toContain('Only its name has changed.');
  expect(bodyOf({ kind: 'added' })).toContain('It is empty.');
  expect(bodyOf({ kind: 'removed' })).toContain('It was empty.');
  expect(bodyOf({ kind: 'renamed', from: 'b', why: 'binary' })).not.toContain('Only its name');
});
