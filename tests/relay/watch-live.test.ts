import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLinks } from '../../shared/store/links/links.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createTurnRecords } from '../../shared/store/turns/records.ts';
import type { RecordEntry } from '../../shared/store/turns/records.ts';
import { scaled } from '../support/machine-speed.ts';
import { launchBrowser } from '../support/phone-page.ts';
import { password, phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { crash, startRelayProcess, startWorkerProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const name = (number: number): string => `Step number ${number} of them`;
const begin = (number: number): RecordEntry => ({
  kind: 'begin',
  at: Date.now(),
  id: `s${number}`,
  words: name(number),
  raw: '',
});
const end = (number: number): RecordEntry => ({
  kind: 'end',
  at: Date.now(),
  id: `s${number}`,
  failed: false,
  output: `output of ${number}`,
});

/** Adds entries to the record of a turn that a worker has. */
async function append({ redis }: Pipeline, turn: string, ...entries: RecordEntry[]): Promise<void> {
  const lock = keys.jobLock('turns', turn);
  const fence = { lock, token: (await redis.get(lock)) ?? '' };
  await createTurnRecords(redis, 1, { hasRoom: async () => true }).append(fence, turn, entries);
}

/** Opens the live page of a turn in a browser. */
async function openPage({ redis, relayUrl }: Pipeline, turn: string): Promise<Page> {
  const { token } = await createLinks(redis).add({
    purpose: 'watch',
    person: phone,
    object: 'work',
    detail: JSON.stringify({ conversation: phone, turn }),
    uses: 1,
  });
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  page.setDefaultTimeout(scaled(15_000));
  await page.goto(`${relayUrl}/link/${token}`);
  await page.getByRole('button', { name: 'Open the page' }).click();
  await page.locator('#w-now').waitFor();
  return page;
}

test('a step is on the page within a second of its record', async () => {
  await withPipeline({}, async (bench) => {
    const gate = Promise.withResolvers<void>();
    await bench.startWorker({ answer: async () => await gate.promise.then(() => 'done') });
    const turn = await bench.say('a long job');
    await until('the run', async () => (await bench.redis.llen(keys.steps(turn))) > 0);
    const page = await openPage(bench, turn);
    // When each step came into the page, by the same clock as below (ms since 1970).
    await page.evaluate(() => {
      const seen = ((globalThis as unknown as { seen: number[] }).seen = [] as number[]);
      new MutationObserver(() => {
        const rows = document.querySelectorAll('.step').length;
        while (seen.length < rows) seen.push(Date.now());
      }).observe(document.body, { childList: true, subtree: true });
    });
    await until(
      'the stream',
      async () => (await bench.redis.pubsub('NUMSUB', keys.steps(turn)))[1],
    );
    const written: number[] = [];
    for (let number = 0; number < 5; number += 1) {
      written.push(Date.now());
      await append(bench, turn, begin(number));
      await page.locator('.step', { hasText: name(number) }).waitFor();
    }
    const seen = await page.evaluate(() => (globalThis as unknown as { seen: number[] }).seen);
    const took = seen.map((at, index) => at - (written[index] ?? 0)).toSorted((a, b) => a - b);
    if (process.env['MEASURE']) process.stdout.write(`${JSON.stringify(took)}\n`);
    expect(took).toHaveLength(5);
    // The middle one: a machine that is busy for a moment holds up one of them.
    expect(took[2]).toBeLessThan(scaled(1000));
    await page.close();

    // The times of an open page go on by themselves, on the owner's pages as well.
    const desk = await browser.newPage();
    desk.setDefaultTimeout(scaled(15_000));
    await desk.clock.install();
    let connections = 0;
    await desk.route('**/admin/live?*', async (route) => {
      connections += 1;
      await (connections === 1 ? route.fulfill({ status: 503 }) : route.continue());
    });
    await desk.goto(`${bench.relayUrl}/admin`);
    await desk.getByLabel('Password').fill(password);
    await desk.getByRole('button', { name: 'Sign in' }).click();
    await desk.locator('time[data-at]').first().waitFor();
    await desk.clock.fastForward(3600_000);
    await desk.locator('time', { hasText: '1\u00A0h ago' }).first().waitFor();
    await until('a refused connection is tried again', () => connections > 1);
    await desk.goto(`${bench.relayUrl}/admin/turns/${turn}`);
    await desk.locator('#w-now time').waitFor();
    await desk.clock.fastForward(3600_000);
    await desk.locator('#w-now time', { hasText: '1\u00A0h' }).waitFor();
    gate.resolve();
    await desk.close();
  });
});

test(
  'kills of relay and worker: an open page misses no step, doubles none, and ends as the record',
  { tags: 'long' },
  async () => {
    await withPipeline({ relay: false }, async (bench) => {
      let relay = await startRelayProcess(bench);
      const worker = await startWorkerProcess(bench);
      const turn = await bench.say('hang on');
      await until('the run', async () => (await bench.redis.llen(keys.steps(turn))) > 0);
      const page = await openPage(bench, turn);
      const troubles: string[] = [];
      page.on('pageerror', ({ message }) => troubles.push(message));
      const names = (): Promise<string[]> => page.locator(`#w-steps .step .words`).allInnerTexts();
      let steps = 0;
      const state = { isOver: false };
      const works = (async () => {
        for (; !state.isOver; steps += 1) {
          await append(bench, turn, begin(steps));
          await sleep(60);
          await append(bench, turn, end(steps));
        }
      })();
      for (const pauseMs of [1, 400, 130]) {
        await until('more steps', async () => (await names()).length > steps - 20 && steps > 5);
        await sleep(pauseMs);
        await crash(relay);
        await page.locator('#w-live', { hasText: 'Not connected' }).waitFor();
        const before = steps;
        await until('steps that no page sees', () => steps > before + 5);
        relay = await startRelayProcess(bench);
        await until('what was missed', async () => (await names()).length > before + 5);
      }
      state.isOver = true;
      await works;
      await append(bench, turn, begin(steps));
      await page.locator('.step.running', { hasText: name(steps) }).waitFor();
      await crash(worker);
      await startWorkerProcess(bench);
      await page.locator('.step.interrupted', { hasText: name(steps) }).waitFor();
      await page.locator('#w-now', { hasText: 'Answered' }).waitFor();
      await page.locator('#w-replies', { hasText: 'answer to hang on' }).waitFor();
      // The run that answers has a step of its own.
      const written = Array.from({ length: steps + 1 }, (_, number) => name(number));
      const expected = [...written, 'Running a command'];
      expect((await names()).map((words) => words.replace(/ interrupted$/, ''))).toEqual(expected);
      const followed = await page.locator('main').innerText();
      await page.reload();
      expect(await page.locator('main').innerText()).toBe(followed);
      await page.locator('details').nth(3).locator('summary').click();
      expect(await page.locator('.output').nth(3).innerText()).toContain('output of 3');
      expect(troubles).toEqual([]);
      await page.close();
    });
  },
);
