import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { expect, test } from 'vitest';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { phone } from '../support/pipeline.ts';
import { modelKey, withStory } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/** A picture of one pixel. */
const pixel = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

/** `send it twice`: sends the same picture two times, and says what it was told. */
const sendTwice: Story = {
  matches: (asked) => asked === 'send it twice',
  next: ({ results }) => (results.length < 2 ? callTool('mcp__whatsapp__send_file', { path: 'picture.png' }) : text(results.map((result) => result.text).join(' '))),
};

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
    withStory({ stories: [sendTwice] }, async ({ say, replies, twin, jobs, logs, dataDir }) => {
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
  await withStory({ stories: [sendTwice] }, async ({ say, replies, model, jobs, logs, environment }) => {
    model.faults.creditTooLow = Infinity;
    await say('say something');
    const [failed] = await until('the failed job', async () => (await jobs('failed')).length > 0 && jobs('failed'));
    if (!failed) throw new Error('there is no job');
    await until('the sentence', () => replies().length > 0);
    expect(failed.failedReason).toBe('no-credit: Credit balance is too low');
    expect((await logs(failed)).at(-1)).toContain('failed: no-credit: Credit balance is too low');
    const stored = JSON.stringify([failed.toJSON(), await logs(failed)]);
    for (const secret of [modelKey, environment['TWILIO_AUTH_TOKEN'] ?? '?', environment['ADMIN_PASSWORD'] ?? '?']) expect(stored).not.toContain(secret);

    // A second message is answered once the model is mended, so nothing of the first came in between.
    model.faults.creditTooLow = 0;
    await say('say all is well');
    await until('the next answer', () => replies().some((reply) => reply.text.includes('all is well')));
    expect(replies()).toHaveLength(2);
    expect(replies()[0]?.text).toBe('I cannot work right now: the credit for Claude is used up. Please top it up, then text “retry”.');
  });
});
