import { readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { ChangedFiles } from '../../shared/store/changed-files.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import { scaled } from '../support/machine-speed.ts';
import { launchBrowser } from '../support/phone-page.ts';
import { withRelay } from '../support/relay-bench.ts';

/** Where the pictures go, such as `docs`; none are taken without it. */
const shots = process.env['SHOTS_DIR'];

const answer = `The login button was below the fold on phones: \`100vh\` counts the browser's bar. I have changed one line and added a test.

- iOS Safari: the button is **in sight**
- Android: it always was, since the bar **hides**

| Browser | Height | Button at |
|---|--:|--:|
| Safari | 664 px | 612 px |
| Chrome | 734 px | 612 px |

\`\`\`css
.card { min-height: 100dvh; }
\`\`\`

${readFileSync(path.join(import.meta.dirname, '..', 'fixtures', 'long-answer.md'), 'utf8')}`;

/** A button on a ground, as a picture in the page of changes. */
async function picture(fill: string, corner: number): Promise<string> {
  const drawn = `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="150"><rect width="300" height="150" fill="#f3ede5"/><rect x="50" y="45" width="200" height="60" rx="${corner}" fill="${fill}"/><text x="150" y="84" font-family="sans-serif" font-size="26" fill="#fff" text-anchor="middle">Sign in</text></svg>`;
  const bytes = await sharp(Buffer.from(drawn)).png().toBuffer();
  return `data:image/png;base64,${bytes.toString('base64')}`;
}

async function changes(): Promise<string> {
  const style = `@@ -12,5 +12,6 @@
 .card {
   display: grid;
-  min-height: 100vh;
+  min-height: 100dvh;
+  overflow-y: auto;
   padding: 2rem;
 }
`;
  const code = `@@ -0,0 +1,3 @@
+test('the button is in sight', async () => {
+  await expect(button).toBeInViewport();
+});
`;
  const [before, after] = await Promise.all([picture('#8a97a1', 0), picture('#008069', 30)]);
  return JSON.stringify({
    title: 'the login page is broken on mobile, look at it',
    files: [
      { path: 'shop/src/login.css', kind: 'changed', added: 2, removed: 1, patch: style },
      { path: 'shop/tests/fold.test.ts', kind: 'added', added: 3, removed: 0, patch: code },
      { path: 'shop/docs/login.png', kind: 'changed', added: 0, removed: 0, before, after },
    ],
    more: 0,
    added: 5,
    removed: 1,
    left: [],
    unseen: [],
    beyond: [],
  } satisfies ChangedFiles);
}

test(
  'the pages that the README shows wear the logo, and begin with what its pictures are about',
  { tags: 'long' },
  async () => {
    await withRelay({}, async ({ redis, relayUrl }) => {
      const pages = createPageStore(redis);
      const browser = await launchBrowser();
      try {
        const asked = 'why is the login page broken on mobile?';
        const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
        page.setDefaultTimeout(scaled(15_000));
        for (const [name, token, seen] of [
          ['long-answer', await pages.put('a', answer, 'answer', asked), 'Safari'],
          ['changes', await pages.put('c', await changes(), 'changes'), 'After'],
        ] as const) {
          await page.goto(`${relayUrl}/page/${token ?? ''}`);
          const logo = await page.locator('.brand svg').boundingBox();
          expect(logo?.width ?? 0).toBeGreaterThan(10);
          const about = await page.getByText(seen, { exact: true }).first().boundingBox();
          expect(about?.y ?? 844).toBeLessThan(844);
          if (shots !== undefined) await page.screenshot({ path: path.join(shots, `${name}.png`) });
        }
      } finally {
        await browser.close();
      }
    });
  },
);
