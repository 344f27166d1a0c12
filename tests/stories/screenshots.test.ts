import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { withStory } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

const html = '<title>The test page</title><body style="margin:0;background:#c00"><h1>Hello</h1>';

/** A model that photographs each page it is given, and never sends a picture itself. */
const forgetful: Story = {
  matches: (asked) => asked.includes('http://127.0.0.1'),
  next({ results }, asked) {
    const wanted = [...asked.matchAll(/http:\/\/\S+/g)].flatMap(([url]) => [
      callTool('mcp__playwright__browser_navigate', { url }),
      callTool('mcp__playwright__browser_take_screenshot', {}),
    ]);
    return wanted[results.length] ?? text(`I have seen ${wanted.length / 2}.`);
  },
};

test(
  'a screenshot that was asked for arrives before the answer although the model never sends it, and one that was not asked for stays',
  { tags: 'long' },
  async () => {
    const server = createServer((request, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end(`${html}${request.url}`),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const page = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      await withStory({ stories: [forgetful] }, async ({ say, replies }) => {
        const settled = () => replies().every(({ status }) => status === 'delivered');
        await say(`check ${page}/quiet`);
        await until('the first answer', () =>
          replies().some((reply) => reply.text === 'I have seen 1.'),
        );

        await say(`show me ${page}/one and ${page}/two`);
        await until(
          'two pictures and the answer',
          () =>
            replies().length >= 4 &&
            replies().some((reply) => reply.text === 'I have seen 2.') &&
            settled(),
        );
        expect(
          replies().map((reply) => [reply.text, ...reply.media.map(({ type }) => type)]),
        ).toEqual([['I have seen 1.'], ['', 'image/png'], ['', 'image/png'], ['I have seen 2.']]);
        const shown = Buffer.from(
          await (await fetch(replies()[1]?.media[0]?.url ?? '')).arrayBuffer(),
        );
        const { data } = await sharp(shown)
          .extract({ left: 600, top: 400, width: 1, height: 1 })
          .removeAlpha()
          .raw()
          .toBuffer({ resolveWithObject: true });
        expect([...data]).toEqual([204, 0, 0]);
      });
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  },
);

test(
  'a page that is very long reaches the model in parts that it can read',
  { tags: 'long' },
  async () => {
    const server = createServer((_request, response) =>
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<body style="margin:0"><div style="height:5500px;background:#08c"></div>'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const page = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const whole: Story = {
      matches: (asked) => asked.includes('http://127.0.0.1'),
      next({ results }) {
        // As long as 22,000 pixels are for 1280 of width, and drawn sixteen times as fast.
        if (results.length === 0)
          return callTool('mcp__playwright__browser_resize', { width: 320, height: 600 });
        if (results.length === 1)
          return callTool('mcp__playwright__browser_navigate', { url: page });
        const last = results.at(-1);
        // Playwright gives a picture five seconds, which a busy machine may not hold.
        const isShown = last?.name.endsWith('screenshot') && !last.text.includes('TimeoutError');
        return last && isShown
          ? text(`I was told: ${last.text}`)
          : callTool('mcp__playwright__browser_take_screenshot', { fullPage: true });
      },
    };
    try {
      await withStory(
        { stories: [whole], worker: { silence: { idleMs: 60_000, toolMs: 60_000 } } },
        async ({ say, replies, model }) => {
          await say(`look at ${page}`);
          await until(
            'the answer',
            () => replies().some((reply) => reply.text.startsWith('I was told')),
            110_000,
          );
          // What says that they are parts is a line in brackets, which a story does not see.
          expect(model.requests.at(-1)?.view.results.at(-1)?.images).toBe(6);
        },
      );
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  },
);
