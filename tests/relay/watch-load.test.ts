import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import type { ClientRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mostFollowed } from '../../relay/watch/watched-turns.ts';
import { createLinks } from '../../shared/store/links/links.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createTurnRecords } from '../../shared/store/turns/records.ts';
import { findViolations } from '../support/axe.ts';
import { findFaintTexts } from '../support/contrast.ts';
import { scaled } from '../support/machine-speed.ts';
import { launchBrowser } from '../support/phone-page.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { startRelayProcess } from '../support/processes.ts';
import { messageForm, newSid, signatureFor } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

const [turnCount, watcherCount, posts] = [20, 200, 300];

/** Where the figures are told; without it only what must hold is checked. */
const isMeasured = process.env['MEASURE'] !== undefined;

/** A turn at work as the relay finds it, without a worker. */
async function seedTurn({ redis }: Pipeline): Promise<string> {
  const id = newSid();
  const at = new Date().toISOString();
  const message = { id, conversation: phone, at, text: 'a long job', media: [], human: true };
  await redis.hset(keys.message(id), { conversation: phone, state: 'working', turn: id, at });
  await redis.rpush(keys.turnMessages(id), id);
  await redis.hset(keys.turn(id), { conversation: phone, begunAt: Date.now() });
  await redis.set(keys.said(id), JSON.stringify(message));
  await redis.set(keys.jobLock('turns', id), 'mine');
  return id;
}

/** A stream from an address of its own; `steps` counts the pieces that have come. */
type Watcher = { request: ClientRequest; steps: number; isOpen: boolean };

/** A link to the page of a turn, and the cookie of the browser that has opened it. */
async function openLink(
  { redis }: Pipeline,
  turn: string,
  number: number,
): Promise<{ token: string; cookie: string }> {
  const links = createLinks(redis);
  const { token } = await links.add({
    purpose: 'watch',
    // Each has 20 links at most.
    person: `p-${number}`,
    object: 'work',
    detail: JSON.stringify({ conversation: phone, turn }),
    uses: 1,
  });
  const cookie = String(number).padStart(22, 'c');
  expect(await links.use(token, cookie)).toBe('ok');
  return { token, cookie };
}

async function watch(bench: Pipeline, turn: string, number: number): Promise<Watcher> {
  const { token, cookie } = await openLink(bench, turn, number);
  const headers = {
    Cookie: `link=${cookie}`,
    'X-Forwarded-For': `10.1.${Math.floor(number / 200)}.${1 + (number % 200)}`,
  };
  const watcher: Watcher = {
    steps: 0,
    isOpen: false,
    request: http.get(`${bench.relayUrl}/link/${token}?live=0`, { headers, agent: false }),
  };
  watcher.request.on('error', () => undefined);
  watcher.request.on('response', (response) => {
    watcher.isOpen = true;
    response.setEncoding('utf8');
    response.on('error', () => undefined);
    response.on('data', (text: string) => {
      watcher.steps += text.split('the output of step').length - 1;
    });
  });
  return watcher;
}

/** How long the relay takes to acknowledge messages, one after the other (ms). */
async function acknowledge({ environment, relayUrl }: Pipeline): Promise<number[]> {
  const times: number[] = [];
  for (let count = 0; count < posts; count += 1) {
    const form = messageForm({ Body: `message ${count}` });
    const began = performance.now();
    const { status } = await fetch(`${relayUrl}/webhook`, {
      method: 'POST',
      body: new URLSearchParams(form).toString(),
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded',
        'X-Forwarded-For': '10.9.9.9',
        'X-Twilio-Signature': signatureFor(environment, '/webhook', form),
      },
    });
    times.push(performance.now() - began);
    expect(status).toBe(200);
  }
  return times.toSorted((a, b) => a - b);
}

/** How long a process has used a core so far (ms); the kernel counts in steps of 10 ms. */
async function coreMs(pid: number | undefined): Promise<number> {
  const [, fields = ''] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ');
  const [user, system] = fields.split(' ').slice(11, 13).map(Number);
  return ((user ?? 0) + (system ?? 0)) * 10;
}

async function residentMb(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

test(
  '200 watchers of 20 turns all see every step, and cost the relay less than 40 MB',
  { tags: 'long' },
  async () => {
    const environment = { TRUST_PROXY: '1', SENDER_LIMIT_PER_MINUTE: '100000' };
    await withPipeline({ relay: false, environment }, async (bench) => {
      // As in the image: with a small young space, with one arena, and with the code compiled by an
      // earlier start.
      const flags = {
        NODE_OPTIONS: '--max-semi-space-size=4',
        MALLOC_ARENA_MAX: '1',
        NODE_COMPILE_CACHE: path.join(bench.dataDir, 'compiled'),
      };
      const earlier = await startRelayProcess(bench, flags);
      await fetch(`${bench.relayUrl}/link/none`);
      earlier.process.kill('SIGTERM');
      await earlier.exited;
      const relay = await startRelayProcess(bench, flags);
      const records = createTurnRecords(bench.redis, 1, { hasRoom: async () => true });
      const turns: string[] = [];
      for (let count = 0; count < turnCount; count += 1) turns.push(await seedTurn(bench));
      const { pid } = relay.process;
      const times = [{ at: Date.now(), core: await coreMs(pid) }];
      const note = async (): Promise<void> =>
        void times.push({ at: Date.now(), core: await coreMs(pid) });
      const before = await acknowledge(bench);
      await note();
      const rest = await residentMb(relay.process.pid);
      // What serves pages is loaded with the first request for one.
      const first = await watch(bench, turns[0] ?? '', watcherCount);
      await until('the first page', () => first.isOpen);
      const loaded = await residentMb(relay.process.pid);
      const watchers: Watcher[] = [];
      for (let number = 0; number < watcherCount; number += 1)
        watchers.push(await watch(bench, turns[number % turnCount] ?? '', number));
      await until('all streams', async () => {
        const counts = await bench.redis.pubsub('NUMSUB', ...turns.map((turn) => keys.steps(turn)));
        return counts.filter((count) => Number(count) === 1).length === turnCount;
      });

      // Each turn makes a step with an output of 4 kB every half second.
      let steps = 0;
      const load = { goesOn: true };
      const work = async (): Promise<void> => {
        for (; load.goesOn || steps < 10; steps += 1) {
          for (const turn of turns)
            await records.append({ lock: keys.jobLock('turns', turn), token: 'mine' }, turn, [
              { kind: 'begin', at: Date.now(), id: `s${steps}`, words: 'Working', raw: '' },
              {
                kind: 'end',
                at: Date.now(),
                id: `s${steps}`,
                failed: false,
                output: `the output of step ${steps}${'x'.repeat(4000)}`,
              },
            ]);
          await sleep(500);
        }
      };
      const working = work();
      await note();
      const during = await acknowledge(bench);
      await note();
      const most = await residentMb(relay.process.pid);
      load.goesOn = false;
      await working;
      await until('every step at each watcher', () =>
        watchers.every((watcher) => watcher.steps >= steps),
      );
      for (const { request } of [first, ...watchers]) request.destroy();
      if (isMeasured)
        process.stdout.write(
          `${JSON.stringify({
            steps,
            rest,
            loaded,
            most,
            // How long each phase took, and what it cost the relay (ms): acknowledging, opening, both.
            phases: times.slice(1).map(({ at, core }, index) => ({
              took: at - (times[index]?.at ?? 0),
              core: core - (times[index]?.core ?? 0),
            })),
            p50: [before, during].map((times) => times[Math.floor(posts * 0.5)]),
            p99: [before, during].map((times) => times[Math.floor(posts * 0.99)]),
          })}\n`,
        );
      expect(most - loaded).toBeLessThan(40);
    });
  },
);

/** Where pictures of the pages go; none are taken without it. */
const shots = process.env['SHOTS_DIR'];

test(
  'the page after the most that are followed shows the turn and loads itself again until there is room',
  { tags: 'long' },
  async () => {
    const browser = await launchBrowser();
    const environment = { TRUST_PROXY: '1' };
    await withPipeline({ environment }, async (bench) => {
      bench.atEnd(() => browser.close());
      const turn = await seedTurn(bench);
      const records = createTurnRecords(bench.redis, 1, { hasRoom: async () => true });
      const step = async (words: string): Promise<void> =>
        await records.append({ lock: keys.jobLock('turns', turn), token: 'mine' }, turn, [
          { kind: 'begin', at: Date.now(), id: words, words, raw: '' },
        ]);
      await step('Reading the files');
      const watchers: Watcher[] = [];
      for (let number = 0; number < mostFollowed; number += 1)
        watchers.push(await watch(bench, turn, number));
      await until('all streams', () => watchers.every(({ isOpen }) => isOpen));

      for (const [index, colorScheme] of (['light', 'dark'] as const).entries()) {
        const { token, cookie } = await openLink(bench, turn, mostFollowed + index);
        const url = `${bench.relayUrl}/link/${token}`;
        const page = await browser.newPage({ viewport: { width: 390, height: 844 }, colorScheme });
        page.setDefaultTimeout(scaled(15_000));
        await page.context().addCookies([{ name: 'link', value: cookie, url }]);
        // The seconds until it loads itself again are not waited for.
        await page.clock.install();
        await page.goto(url);
        const state = page.locator('#w-live');
        await state.getByText('This page loads itself again').waitFor();
        await page.locator('.step', { hasText: 'Reading the files' }).waitFor();
        expect(await page.evaluate(findFaintTexts), `${colorScheme}`).toEqual([]);
        expect(await findViolations(page), `${colorScheme}`).toEqual([]);
        expect(await page.locator('html').evaluate((html) => html.scrollWidth)).toBe(390);
        if (shots !== undefined)
          await page.screenshot({
            path: path.join(shots, `watch-full-${colorScheme}.png`),
            fullPage: true,
          });
        // There is still no room: it shows what has happened meanwhile.
        await step(`Running the tests, ${colorScheme}`);
        await page.clock.fastForward(10_000);
        await page.locator('.step', { hasText: `Running the tests, ${colorScheme}` }).waitFor();
        await state.getByText('This page loads itself again').waitFor();
        // With room it follows.
        let isFollowing = false;
        page.on('response', (response) => {
          isFollowing ||= response.url().includes('?live=') && response.status() === 200;
        });
        watchers.pop()?.request.destroy();
        await until('room', async () => {
          await page.clock.fastForward(10_000);
          return isFollowing;
        });
        await step(`Writing it down, ${colorScheme}`);
        await page.locator('.step', { hasText: `Writing it down, ${colorScheme}` }).waitFor();
        await page.locator('#w-live:empty').waitFor({ state: 'attached' });
      }
      for (const { request } of watchers) request.destroy();
    });
  },
);
