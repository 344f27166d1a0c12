import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createFastAgent } from '../../simulator/fast-agent.ts';
import type { Prompt } from '../../worker/agent/agent.ts';
import { createMediaFetch } from '../../worker/media-fetch.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

test('a picture that a person sends reaches the agent as a picture and as a file; the credentials go to Twilio alone', async () => {
  await withPipeline({}, async (pipeline) => {
    const seen: Prompt[] = [];
    await pipeline.startWorker({
      createAgent: async () => {
        const agent = createFastAgent({ dir: `${pipeline.dataDir}/transcripts`, answer: async () => 'seen' });
        return {
          ...agent,
          work: (turn) => agent.work({ ...turn, prompts: noting(turn.prompts, seen) }),
        };
      },
    });
    await pipeline.twin.chat.receive(phone, { text: 'look at this', media: { name: 'broken.png', type: 'image/png', base64: png.toString('base64') } });
    await until('the answer', () => pipeline.replies().length === 1);
    expect(seen[0]?.attachments).toEqual([{ kind: 'picture', type: 'image/png', base64: png.toString('base64') }]);
    const file = /it is at (\S+)\]/.exec(seen[0]?.text ?? '')?.[1];
    expect(await readFile(file ?? '')).toEqual(png);
    const fetches = pipeline.twin.memory.mediaFetches.filter((fetched) => fetched.by === 'product');
    expect(fetches.map((fetched) => [fetched.status, fetched.authorized])).toEqual([[307, true], [200, false]]);
  });
});

test('a file that Twilio does not hand out does not hold the message up', async () => {
  await withPipeline({}, async (pipeline) => {
    pipeline.twin.faults.set('media-missing');
    await pipeline.startWorker();
    await pipeline.twin.chat.receive(phone, { text: 'look', media: { name: 'a.pdf', type: 'application/pdf', base64: Buffer.from('%PDF-1.4').toString('base64') } });
    const [reply] = await until('the answer', () => (pipeline.replies().length > 0 ? pipeline.replies() : undefined));
    expect(reply?.text).toContain('could not be fetched: Twilio did not hand it out');
  });
});

test('an address that is not Twilio’s is not asked, and a redirect elsewhere is not followed', async () => {
  let asked = 0;
  const target = createServer((_request, response) => {
    asked += 1;
    response.end('secret');
  });
  await new Promise<void>((resolve) => void target.listen(0, '127.0.0.1', resolve));
  const targetUrl = `http://127.0.0.1:${(target.address() as AddressInfo).port}/`;
  const api = createServer((_request, response) => void response.writeHead(302, { Location: targetUrl }).end());
  await new Promise<void>((resolve) => void api.listen(0, '127.0.0.1', resolve));
  const apiUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const fetchMedia = createMediaFetch({ accountSid: 'AC1', authToken: 'token', apiUrl, pausesMs: [] });
  await expect(fetchMedia(targetUrl, new AbortController().signal)).rejects.toThrow('not Twilio');
  await expect(fetchMedia(`${apiUrl}/Media/ME1`, new AbortController().signal)).rejects.toThrow('redirected to a host');
  expect(asked).toBe(0);
  for (const server of [target, api]) server.close();
});

async function* noting(prompts: AsyncIterable<Prompt>, seen: Prompt[]): AsyncIterable<Prompt> {
  for await (const prompt of prompts) {
    seen.push(prompt);
    yield prompt;
  }
}
