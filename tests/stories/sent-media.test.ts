import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { expect, test } from 'vitest';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { atGate, openGate, waitAtGate } from '../support/gate-story.ts';
import { noisePicture } from '../support/made-pictures.ts';
import { phone } from '../support/pipeline.ts';
import { said, withStory, workspaceOf } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/** `send it twice`: sends the same picture two times, and says what it was told. */
const sendTwice: Story = {
  matches: (asked) => asked === 'send it twice',
  next: ({ results }) =>
    results.length < 2
      ? callTool('mcp__whatsapp__send_file', { path: 'picture.png' })
      : text(results.map((result) => result.text).join(' ')),
};

/** `tell me more`: says something, waits at the gate, and answers. */
const teller: Story = {
  matches: (asked) => asked === 'tell me more',
  next({ results }) {
    const steps = [
      callTool('mcp__whatsapp__send_message', { text: 'The **first half** is done.' }),
      callTool('Bash', {
        command: waitAtGate,
        description: 'Wait at the gate',
      }),
    ];
    return steps[results.length] ?? text('Now all of it.');
  },
};

/** A web page on this machine for as long as `use` takes. */
async function withPage(html: string, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end(html),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test(
  'a page is photographed, a file comes as a link that opens, a picture is made to fit and never sent twice, and something can be said in between',
  { tags: 'long' },
  async () => {
    await withPage('<title>The test page</title><h1>Hello from a page</h1>', (page) =>
      withStory({ stories: [sendTwice, teller] }, async (bench) => {
        const { say, replies, twin, jobs, logs } = bench;
        const sid = await say(`take a screenshot of ${page}`);
        await until('the picture and the answer', () => replies().length >= 2);
        const [picture, answer] = replies();
        expect(picture).toMatchObject({ text: 'The test page', media: [{ type: 'image/png' }] });
        expect(answer?.text).toBe(`Here is ${page}. The page's title is “The test page”.`);
        expect(
          twin.memory.mediaFetches
            .filter(({ by }) => by === 'twin')
            .map(({ method, status }) => `${method} ${status}`),
        ).toEqual(['HEAD 200', 'GET 200']);
        const shown = Buffer.from(await (await fetch(picture?.media[0]?.url ?? '')).arrayBuffer());
        expect(shown.subarray(1, 4).toString('latin1')).toBe('PNG');
        expect(shown.length).toBeGreaterThan(1000);

        const [job] = await until(
          'the finished job',
          async () => (await jobs('completed')).length > 0 && jobs('completed'),
        );
        if (!job) throw new Error('there is no job');
        expect(job.data).toMatchObject({
          conversation: phone,
          messages: [
            { id: sid, at: expect.any(String), text: `take a screenshot of ${page}`, media: 0 },
          ],
        });
        expect(job.returnvalue).toEqual({
          messages: 1,
          replies: 2,
          durationMs: expect.any(Number),
          inputTokens: expect.any(Number),
          outputTokens: expect.any(Number),
          costUsd: expect.any(Number),
        });
        expect(
          Math.min(
            job.returnvalue.durationMs,
            job.returnvalue.inputTokens,
            job.returnvalue.outputTokens,
            job.returnvalue.costUsd,
          ),
        ).toBeGreaterThan(0);
        const lines = (await logs(job)).map((line) => line.replace(/^\S+ /, ''));
        expect(lines).toEqual([
          `mcp__playwright__browser_navigate ${page}`,
          'mcp__playwright__browser_take_screenshot',
          expect.stringMatching(/^mcp__whatsapp__send_file \/.*\.png$/),
        ]);

        await say('write notes.txt with Buy milk');
        await until('the file and the answer', () => replies().length >= 4);
        const link =
          replies()
            .map((reply) => /https?:\/\/\S+\/media\/\S+/.exec(reply.text)?.[0])
            .find((found) => found !== undefined) ?? '';
        const file = await fetch(link);
        expect(file.headers.get('content-type')).toContain('text/plain');
        expect((await file.text()).trim()).toBe('Buy milk');

        // Nearly 8 MB; Twilio takes 5.
        await writeFile(
          path.join(await workspaceOf(bench), 'picture.png'),
          await noisePicture(1900, 1400).png().toBuffer(),
        );
        const before = replies().length;
        await say('send it twice');
        await said(bench, 'Sent. That file was sent already.');
        const [fitting, ...rest] = replies().slice(before);
        expect(fitting?.media.map(({ name, type }) => `${name} ${type}`)).toEqual([
          'picture.jpg image/jpeg',
        ]);
        expect(fitting?.media[0]?.size).toBeLessThan(5 * 1024 * 1024);
        expect(rest.map(({ media }) => media.length)).toEqual([0]);

        await say('tell me more');
        await said(bench, 'The *first half* is done.');
        await atGate(await workspaceOf(bench));
        expect(replies().at(-1)?.text).toBe('The *first half* is done.');
        await openGate(await workspaceOf(bench));
        await said(bench, 'Now all of it.');
      }),
    );
  },
);
