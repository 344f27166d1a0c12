import { mkdirSync } from 'node:fs';
import path from 'node:path';
import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { gate, openGate, waitAtGate } from '../support/gate-story.ts';
import { scaled } from '../support/machine-speed.ts';
import { launchBrowser } from '../support/phone-page.ts';
import { password } from '../support/pipeline.ts';
import { said, tap, withStory, workspaceOf } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** Where pictures of the page go; none are taken without it. */
const shots = process.env['SHOTS_DIR'];

/** What runs in any page where a text is taken for HTML. */
const hostile = `<img src=x onerror=alert(1)></li></ol><script>alert(2)</script> \u202Egnp.evil "' onmouseover=alert(3) ${'long'.repeat(60)}`;

/** `mend it`: a command, one that fails, a picture, a helper, a question, and a gate. */
const mend: Story = {
  matches: (asked) => asked.startsWith('mend it') || asked.includes('You were interrupted'),
  next({ results }) {
    const has = (name: string, part: string): boolean =>
      results.some((result) => result.name === name && result.text.includes(part));
    const saw = (name: string): boolean => results.some((result) => result.name === name);
    if (!has('Bash', 'tests pass'))
      return callTool('Bash', {
        command: `printf '\\033[31m12 tests pass\\033[0m\\n'; printf '%s\\n' '${hostile.replaceAll("'", "'\\''")}'`,
        description: `Run the tests ${hostile.slice(0, 60)}`,
      });
    if (!has('Bash', 'No such file'))
      return callTool('Bash', { command: 'cat missing.conf', description: 'Read the settings' });
    if (!saw('mcp__playwright__browser_navigate'))
      return callTool('mcp__playwright__browser_navigate', {
        url: `data:text/html,<title>Shop</title><body style="background:teal;color:white;font:80px sans-serif">Checkout`,
      });
    if (!saw('mcp__playwright__browser_take_screenshot'))
      return callTool('mcp__playwright__browser_take_screenshot', {});
    if (!saw('Agent'))
      return callTool('Agent', {
        description: 'Look through the logs',
        prompt: 'read all the logs now',
        subagent_type: 'general-purpose',
      });
    if (!saw('AskUserQuestion'))
      return callTool('AskUserQuestion', {
        questions: [
          {
            question: 'Shall I change the cookie, too?',
            header: 'Cookie',
            multiSelect: false,
            options: [
              { label: 'Yes', description: 'I change it.' },
              { label: 'No', description: 'I leave it.' },
            ],
          },
        ],
      });
    if (!has('Bash', 'opened'))
      return callTool('Bash', {
        command: `${waitAtGate}; echo opened`,
        description: 'Wait for the build',
      });
    return text('Mended: the cookie was not *secure*.');
  },
};

const helper: Story = {
  matches: (asked) => asked.includes('read all the logs now'),
  next: ({ results }) =>
    results.length > 0
      ? text('The logs are fine.')
      : callTool('Bash', { command: 'echo 3 warnings', description: 'Count the warnings' }),
};

/** The address of the newest link in a chat. */
async function linkIn(bench: StoryBench): Promise<string> {
  const message = await said(bench, '/link/');
  return /http\S+\/link\/[\w-]{22}/.exec(message.text)?.[0] ?? '';
}

/** Opens a page that was not opened yet, as a person does. */
async function openLink(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(scaled(15_000));
  await page.goto(url);
  await page.getByRole('button', { name: 'Open the page' }).click();
  await page.locator('#w-now').waitFor();
  return page;
}

/** What axe finds in a page that is serious, and how far the page goes beyond the right edge (px). */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations.map(({ id, impact, nodes }) => `${String(impact)} ${id}: ${nodes[0]?.html}`);
  });
  const overhang = await page.evaluate(
    () => document.documentElement.scrollWidth - window.innerWidth,
  );
  return [
    ...found.filter((fault) => /^(?:serious|critical)/.test(fault)),
    ...(overhang > 0 ? [`${overhang} px too wide`] : []),
  ];
}

/** Looks at a page in both widths and themes. */
async function lookAt(page: Page, name: string): Promise<void> {
  for (const [width, height] of [
    [390, 844],
    [1280, 800],
  ] as const)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      if (shots) {
        mkdirSync(shots, { recursive: true });
        const file = path.join(shots, `${name}-${width}-${colorScheme}.png`);
        await page.screenshot({ path: file, fullPage: true });
      }
      expect(await faults(page), `${name} at ${width} px, ${colorScheme}`).toEqual([]);
    }
}

test(
  'work is watched from its first second to its record, through a restart of the worker, in every width and theme',
  { tags: 'long' },
  async () => {
    await withStory(
      { stories: [mend, helper, gate], environment: { ADMIN_WRITE: '1' } },
      async (bench) => {
        const sid = await bench.say('mend it, please');
        await said(bench, 'Shall I change the cookie');
        await bench.say('/watch');
        const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
        const troubles: string[] = [];
        context.on('weberror', (error) => troubles.push(error.error().message));
        context.on(
          'dialog',
          (dialog) => void dialog.dismiss().then(() => troubles.push('a dialog')),
        );
        context.on('console', (line) => troubles.push(line.text()));
        const page = await openLink(context, await linkIn(bench));
        await page.locator('.asks', { hasText: 'Shall I change the cookie' }).waitFor();
        await lookAt(page, 'watch-asks');

        await tap(bench, await said(bench, 'Shall I change the cookie'), 'Yes');
        const build = page.locator('.step', { hasText: 'Waiting for the build' });
        await build.locator('xpath=self::*[contains(@class, "running")]').waitFor();
        const tests = page.locator('.step', { hasText: 'Running the tests' }).first();
        await tests.locator('summary').click();
        const output = await tests.locator('.output').innerText();
        // As the program printed it, without its colours, and as text.
        expect(output).toMatch(/^12 tests pass\n<img src=x onerror=alert\(1\)>/);
        await page.locator('.lane .step', { hasText: 'Counting the warnings' }).waitFor();
        await page.locator('#w-tasks .step', { hasText: 'Look through the logs' }).waitFor();
        const picture = page.locator('.shots img').first();
        await until('the picture', () =>
          picture.evaluate(
            (image) => image instanceof HTMLImageElement && image.naturalWidth > 100,
          ),
        );
        await lookAt(page, 'watch-works');

        await bench.restartWorker();
        await page.locator('.step.interrupted', { hasText: 'Waiting for the build' }).waitFor();
        await openGate(await workspaceOf(bench));
        await page.locator('#w-now', { hasText: 'Answered' }).waitFor();
        await page
          .locator('#w-replies', { hasText: 'Mended: the cookie was not secure.' })
          .waitFor();
        // What was unfolded stays so.
        expect(await tests.locator('details').getAttribute('open')).toBe('');
        // Nothing was said of it that another load does not say.
        const followed = await page.locator('main').innerText();
        await page.reload();
        await tests.locator('summary').click();
        expect(await page.locator('main').innerText()).toBe(followed);
        await lookAt(page, 'watch-record');

        const desk = await context.newPage();
        await desk.goto(`${bench.relayUrl}/admin/turns/${sid}`);
        await desk.getByLabel('Password').fill(password);
        await desk.getByRole('button', { name: 'Sign in' }).click();
        await desk.locator('#w-now').waitFor();
        await desk.locator('.raw', { hasText: 'Bash cat missing.conf' }).first().waitFor();
        await lookAt(desk, 'watch-owner');
        expect(troubles).toEqual([]);
        await context.close();
      },
    );
  },
);
