import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import type { AgentTurn } from '../../worker/agent/agent.ts';
import { createSendQuota } from '../../worker/tools/send-quota.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const texts = (pipeline: Pipeline, from = phone): string[] =>
  pipeline.replies(from).map((reply) => reply.text);
/** Five messages go out, and no more within a test: the rest waits in the outbox. */
const slow = { intervalMs: 3600_000, burst: 5 };
/** The texts of what waits in an outbox, in order. */
const waiting = async ({ redis }: Pipeline): Promise<string[]> => {
  const ids = await redis.lrange(keys.outbox(phone), 0, -1);
  return await Promise.all(ids.map(async (id) => (await redis.hget(keys.reply(id), 'text')) ?? ''));
};

/** Sends as many long messages as the text says, and then answers or hangs. */
async function flood(text: string, turn: AgentTurn): Promise<string> {
  const [verb, count = '0'] = text.split(' ');
  if (verb !== 'flood' && verb !== 'hang') return `answer to ${text}`;
  const told = new Set<string>();
  for (let index = 1; index <= Number(count); index += 1)
    told.add(
      await turn.tools.sendMessage({
        callId: `call-${index}`,
        text: `${index}: ${'word '.repeat(900)}`,
      }),
    );
  if (verb === 'hang') return await new Promise<string>(() => undefined);
  return `told: ${[...told].join(' | ')}`;
}

test('sixty long messages become at most thirty, an answer and a page that has the rest, each once', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.startWorker({ answer: flood });
    await pipeline.say('flood 60');
    const answer = await until('the answer', () =>
      texts(pipeline).find((text) => text.startsWith('told: ')),
    );
    expect(answer).toContain('went to a page');
    expect(texts(pipeline).length).toBeLessThanOrEqual(30);
    const links = texts(pipeline).filter((text) => text.includes('/page/'));
    expect(links).toHaveLength(1);
    const response = await fetch(/https?:\S+/.exec(links[0] ?? '')?.[0] ?? '');
    expect(response.headers.get('cache-control')).toContain('no-store');
    const page = await response.text();
    const sent = new Set(texts(pipeline).flatMap((text) => /^(\d+): word/.exec(text)?.[1] ?? []));
    for (let index = 1; index <= 60; index += 1)
      expect(
        [sent.has(String(index)), page.split(`<p>${index}: word`).length - 1],
        `message ${index}`,
      ).toEqual(sent.has(String(index)) ? [true, 0] : [false, 1]);
    await pipeline.say('and now');
    await until('the next answer', () => texts(pipeline).includes('answer to and now'));
  });
});

test('files beyond the quota are linked on the page', async () => {
  await withPipeline({ environment: { MESSAGES_PER_TURN: '5' } }, async (pipeline) => {
    const answer = async (_text: string, turn: AgentTurn): Promise<string> => {
      await mkdir(turn.workspace, { recursive: true });
      for (const name of ['one.txt', 'two [x].txt']) {
        await writeFile(path.join(turn.workspace, name), `the content of ${name}`);
        await turn.tools.sendFile({ path: name, caption: `about ${name}` });
      }
      return 'done';
    };
    await pipeline.startWorker({ answer });
    await pipeline.say('send');
    await until('the answer', () => texts(pipeline).includes('done'));
    const link = texts(pipeline).find((text) => text.includes('/page/')) ?? '';
    const page = await (await fetch(/https?:\S+/.exec(link)?.[0] ?? '')).text();
    expect(page).toContain('about two [x].txt');
    const address = /href="([^"]+\/media\/[^"]+)"/.exec(page)?.[1] ?? '';
    expect(await (await fetch(address)).text()).toBe('the content of two [x].txt');
  });
});

test('a stop takes back what is not on its way yet, and its own sentence goes first; what was asked before is answered', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.startWorker({ answer: flood, sendRate: slow });
    await pipeline.say('hello');
    await until('the first answer', () => texts(pipeline).length === 1);
    const sid = await pipeline.say('hang 20');
    await until('what fits is sent', () => texts(pipeline).length === 5);
    await until('the rest waits', async () => (await waiting(pipeline)).length > 10);
    await pipeline.say('stop');
    await until(
      'the work is over',
      async () => (await pipeline.redis.hget(keys.message(sid), 'state')) === 'answered',
    );
    const left = await waiting(pipeline);
    expect(left).toHaveLength(1);
    expect(left[0]).toMatch(
      /^Stopped\..* \d+ messages that were still on their way are taken back\.$/,
    );
    expect(texts(pipeline)[0]).toBe('answer to hello');
  });
});

test('a stop when nothing runs any more takes back what was sent beside the answer, and leaves the answer', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.startWorker({ answer: flood, sendRate: slow });
    await pipeline.say('flood 9');
    await until('the answer waits', async () =>
      (await waiting(pipeline)).some((text) => text.startsWith('told')),
    );
    await until(
      'the turn is over',
      async () => (await pipeline.redis.llen(keys.active('turns'))) === 0,
    );
    await pipeline.say('stop');
    await until(
      'the stop',
      async () => (await waiting(pipeline))[0]?.startsWith('Stopped.') === true,
    );
    expect((await waiting(pipeline)).map((text) => text.slice(0, 4))).toEqual(['Stop', 'told']);
  });
});

test('answers to commands overtake a long queue of one’s own, in the order they were asked, and delay no one else', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.startWorker({ answer: flood, sendRate: slow });
    await pipeline.say('flood 9');
    await until('the answer waits', async () =>
      (await waiting(pipeline)).some((text) => text.startsWith('told')),
    );
    const first = await pipeline.say('/schedules');
    const second = await pipeline.say('/cost');
    await pipeline.say('hello', otherPhone);
    const inOrder = (): Promise<string[]> => pipeline.redis.lrange(keys.outbox(phone), 0, -1);
    const commands = [`${first}.command.1`, `${second}.command.1`];
    await until(
      'both answers wait',
      async () => (await inOrder()).filter((id) => commands.includes(id)).length === 2,
    );
    expect((await inOrder()).slice(0, 2)).toEqual(commands);
    expect((await waiting(pipeline)).at(-1)).toMatch(/^told/);
    await until('the other person is answered', () =>
      texts(pipeline, otherPhone).includes('answer to hello'),
    );
  });
});

test('the quota leaves room for the answer and the link, counts what an earlier attempt has sent, and begins anew when the person writes', async () => {
  let heard = 1;
  let asked = 0;
  const quota = createSendQuota({
    most: 30,
    sentBefore: async () => ((asked += 1), 20),
    messageCount: () => heard,
  });
  expect([await quota.take(4), await quota.take(2), await quota.take(1)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(asked).toBe(1);
  expect(await quota.takeProgress()).toBe(false);
  heard = 2;
  for (let index = 0; index < 13; index += 1) expect(await quota.takeProgress()).toBe(true);
  expect([await quota.takeProgress(), await quota.take(12), await quota.take(2)]).toEqual([
    false,
    true,
    false,
  ]);
  // What follows the first that went to the page goes there, too: the order stays.
  expect(await quota.take(1)).toBe(false);
  heard = 3;
  expect(await quota.take(1)).toBe(true);
});
