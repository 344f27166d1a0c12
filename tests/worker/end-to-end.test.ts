import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Job } from 'bullmq';
import { expect, test } from 'vitest';
import { createTurns } from '../../shared/queues.ts';
import type { TurnData, TurnResult } from '../../shared/queues.ts';
import { callTool, text } from '../../simulator/model/answer.ts';
import { runScriptedModel } from '../../simulator/model/scripted-model.ts';
import type { ScriptedModel } from '../../simulator/model/scripted-model.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { findChromium } from '../../worker/agent/browser.ts';
import { createClaudeAgent } from '../../worker/agent/claude.ts';
import { claudeDirectory } from '../../worker/agent/environment.ts';
import { findMarked } from '../../worker/agent/processes.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const key = 'sk-ant-key-of-this-test';

/** A picture of one pixel. */
const pixel = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

/** `send it twice`: sends the same picture two times, and says what it was told. */
const sendTwice: Story = {
  matches: (asked) => asked === 'send it twice',
  next: ({ results }) => (results.length < 2 ? callTool('mcp__whatsapp__send_file', { path: 'picture.png' }) : text(results.map((result) => result.text).join(' '))),
};

type Whole = Pipeline & { model: ScriptedModel; jobs(state: 'completed' | 'failed'): Promise<Job<TurnData, TurnResult>[]>; logs(job: Job): Promise<string[]> };

/** The pipeline with the real Claude Code, the real browser and a scripted model. */
async function withWholePath(use: (whole: Whole) => Promise<void>): Promise<void> {
  const model = await runScriptedModel({ quiet: true, stories: [sendTwice] });
  const owners: string[] = [];
  try {
    await withPipeline({ environment: { ANTHROPIC_API_KEY: key } }, async (pipeline) => {
      process.env['CLAUDE_CONFIG_DIR'] = claudeDirectory(pipeline.dataDir);
      const chromium = await findChromium(process.env['PATH'] ?? '');
      await pipeline.startWorker({
        createAgent: async (owner) => {
          owners.push(owner);
          return createClaudeAgent({
            dataDir: pipeline.dataDir, imagesDir: path.join(pipeline.dataDir, 'images'), chromium, owner, log: pipeline.log,
            secrets: { ANTHROPIC_API_KEY: key, ANTHROPIC_BASE_URL: model.url }, host: process.env, modelPatienceMs: 30_000, maxLive: 3, idleMs: 60_000,
          });
        },
      });
      const turns = createTurns(pipeline.redis);
      try {
        await use({ ...pipeline, model, jobs: (state) => turns.queue.getJobs([state]), logs: async (job) => (await turns.queue.getJobLogs(job.id ?? '')).logs });
      } finally {
        await turns.close();
      }
    });
  } finally {
    await model.stop();
  }
  expect((await findMarked()).filter(({ mark }) => owners.some((owner) => mark.startsWith(`${owner}/`)))).toEqual([]);
}

/** A web page on this machine for as long as `use` takes. */
async function withPage(html: string, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer((_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(html));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test('a page is opened and photographed, a file written and sent, and a picture never sent twice', async () => {
  await withPage('<title>The test page</title><h1>Hello from a page</h1>', (page) =>
    withWholePath(async ({ say, replies, twin, jobs, logs, dataDir }) => {
      const sid = await say(`take a screenshot of ${page}`);
      await until('the picture and the answer', () => replies().length >= 2, 25_000);
      const [picture, answer] = replies();
      expect(picture).toMatchObject({ text: 'The test page', media: [{ type: 'image/png' }] });
      expect(answer?.text).toBe(`Here is ${page}. The page's title is “The test page”.`);
      expect(twin.memory.mediaFetches.filter(({ by }) => by === 'twin').map(({ method, status }) => `${method} ${status}`)).toEqual(['HEAD 200', 'GET 200']);
      const shown = Buffer.from(await (await fetch(picture?.media[0]?.url ?? '')).arrayBuffer());
      expect(shown.subarray(1, 4).toString('latin1')).toBe('PNG');
      expect(shown.length).toBeGreaterThan(1000);

      const [job] = await until('the finished job', async () => (await jobs('completed')).length > 0 && jobs('completed'));
      if (!job) throw new Error('there is no job');
      expect(job.data).toMatchObject({ conversation: phone, messages: [{ id: sid, at: expect.any(String), text: `take a screenshot of ${page}`, media: 0 }] });
      expect(job.returnvalue).toEqual({ messages: 1, replies: 2, durationMs: expect.any(Number), inputTokens: expect.any(Number), outputTokens: expect.any(Number), costUsd: expect.any(Number) });
      expect(Math.min(job.returnvalue.durationMs, job.returnvalue.inputTokens, job.returnvalue.outputTokens, job.returnvalue.costUsd)).toBeGreaterThan(0);
      const lines = (await logs(job)).map((line) => line.replace(/^\S+ /, ''));
      expect(lines).toEqual([
        `mcp__playwright__browser_navigate ${page}`,
        'mcp__playwright__browser_take_screenshot',
        expect.stringMatching(/^mcp__whatsapp__send_file \/.*\.png$/),
      ]);

      await say('write notes.txt with Buy milk');
      await until('the file and the answer', () => replies().length >= 4);
      const link = replies().map((reply) => /https?:\/\/\S+\/media\/\S+/.exec(reply.text)?.[0]).find((found) => found !== undefined) ?? '';
      const file = await fetch(link);
      expect(file.headers.get('content-type')).toContain('text/plain');
      expect((await file.text()).trim()).toBe('Buy milk');

      const workspace = path.join(dataDir, 'workspaces', phone.slice(1));
      await mkdir(workspace, { recursive: true });
      await writeFile(path.join(workspace, 'picture.png'), pixel);
      const before = replies().length;
      await say('send it twice');
      await until('the answer', () => replies().some((reply) => reply.text === 'Sent. That file was sent already.'));
      expect(replies().slice(before).map((reply) => reply.media.length)).toEqual([1, 0]);
    }),
  );
});

test('a model that fails gives the person one plain sentence, and the job the details without a secret', async () => {
  await withWholePath(async ({ say, replies, model, jobs, logs, environment }) => {
    model.faults.creditTooLow = Infinity;
    await say('say something');
    const [failed] = await until('the failed job', async () => (await jobs('failed')).length > 0 && jobs('failed'));
    if (!failed) throw new Error('there is no job');
    await until('the sentence', () => replies().length > 0);
    expect(failed.failedReason).toBe('no-credit: Credit balance is too low');
    expect((await logs(failed)).at(-1)).toContain('failed: no-credit: Credit balance is too low');
    const stored = JSON.stringify([failed.toJSON(), await logs(failed)]);
    for (const secret of [key, environment['TWILIO_AUTH_TOKEN'] ?? '?', environment['ADMIN_PASSWORD'] ?? '?']) expect(stored).not.toContain(secret);

    // A second message is answered once the model is mended, so nothing of the first came in between.
    model.faults.creditTooLow = 0;
    await say('say all is well');
    await until('the next answer', () => replies().some((reply) => reply.text.includes('all is well')));
    expect(replies()).toHaveLength(2);
    expect(replies()[0]?.text).toBe('I cannot work right now: the credit for Claude is used up. Please top it up, then text “retry”.');
  });
});
