import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createLinkBrowser } from '../support/link-browser.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { dumpRedis } from '../support/redis-dump.ts';
import { seal } from '../support/seal.ts';
import { until } from '../support/until.ts';

const value = 'sk_live_51H8x/Qz+e 9=w';

/** The newest reply to a phone that has these words. */
const said = (pipeline: Pipeline, words: string, from = phone): Promise<string> =>
  until(words, () => pipeline.replies(from).findLast(({ text }) => text.includes(words))?.text);

const urlIn = (text: string): string => /https?:\/\/\S+\/link\/\S+/.exec(text)?.[0] ?? '';

/** Enters a value on the page of a link, as a browser does. */
async function enter(url: string, text: string | Uint8Array): Promise<number> {
  const browser = createLinkBrowser();
  const page = await (await browser.get(url)).text();
  const key = /data-key="([\w-]{43})"/.exec(page)?.[1] ?? '';
  return (await browser.post(url, { sealed: seal(text, key) })).status;
}

/** Everything in the files below a directory. */
async function filesIn(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return (
    await Promise.all(
      files.map(({ parentPath, name }) => readFile(path.join(parentPath, name), 'latin1')),
    )
  ).join('\n');
}

test('a secret goes from the page to the disk and into no text: not Redis, not the log, not the chat, though Claude prints it', async () => {
  const lines: string[] = [];
  const log = createLog('test', 'debug', { write: (line) => void lines.push(line) });
  await withPipeline({ log }, async (pipeline) => {
    const { say, replies, redis, dataDir } = pipeline;
    await pipeline.startWorker({
      answer: async (text, turn) => {
        if (!text.startsWith('print')) return `answer to ${text}`;
        await turn.tools.sendMessage({ text: `first ${value}`, callId: 'c1' });
        return `It is ${value}, or ${Buffer.from(value).toString('base64')}, or ${encodeURIComponent(value)}.\n${'A long answer. '.repeat(800)}`;
      },
    });
    await say('/secret stripe_key');
    const link = await said(pipeline, 'Enter STRIPE_KEY on this page');
    expect(await enter(urlIn(link), ` ${value}\n`)).toBe(303);
    await said(pipeline, 'STRIPE_KEY is set. My commands can use it from now on.');
    await say('print it');
    await until('the answer', () =>
      replies().some(({ text }) => text.includes('It is •••STRIPE_KEY•••')),
    );
    await said(pipeline, 'first •••STRIPE_KEY•••');
    await say('/secrets');
    expect(await said(pipeline, '- STRIPE_KEY, set just now')).not.toContain('shared');

    const forms = [value, Buffer.from(value).toString('base64'), encodeURIComponent(value)];
    const shown = JSON.stringify([replies(), replies(otherPhone)]);
    const sealed = JSON.parse(
      await readFile(
        path.join(dataDir, 'sealed', `${await createPeopleStore(redis).idOf(phone)}.json`),
        'utf8',
      ),
    ) as { secrets: Record<string, { box: string }> };
    const stored = JSON.stringify(await dumpRedis(redis));
    for (const form of forms) {
      expect(stored).not.toContain(form);
      expect(lines.join('')).not.toContain(form);
      expect(shown).not.toContain(form);
      expect(await filesIn(path.join(dataDir, 'sealed'))).not.toContain(form);
    }
    // Once it is on the disk, Redis has not even the sealed form.
    expect(stored).not.toContain(sealed.secrets['STRIPE_KEY']?.box);
    // The search does find: the agent's transcript has what it printed.
    expect(await filesIn(path.join(dataDir, 'transcripts'))).toContain(value);
    await say('/secrets remove stripe_key');
    await said(pipeline, 'STRIPE_KEY is removed.');
    await say('/secrets');
    await said(pipeline, 'No secret is set.');
  });
});

test('every way to ask for, enter and end secrets and links is answered, and none of another person works', async () => {
  await withPipeline({ environment: { GITHUB_TOKEN: 'github_pat_shared' } }, async (pipeline) => {
    const { say, redis } = pipeline;
    await pipeline.startWorker();
    const ask = async (text: string, words: string, from = phone): Promise<string> => {
      await say(text, from);
      return await said(pipeline, words, from);
    };
    await ask('/secret', 'Text “/secret” with a name');
    await ask('/secret 1TOKEN', 'A name has letters, digits and _');
    await ask('/secret ld_preload', 'LD_PRELOAD changes how programs run');
    await ask('/secrets', '- GITHUB_TOKEN, shared by everybody here');
    const told = await ask('/secret KEY the-value-itself', 'please treat it as known to others');
    expect(told).toContain('I have not kept it. Make a new one if you can, and enter KEY');
    expect(JSON.stringify(await dumpRedis(redis))).not.toContain('the-value-itself');
    await ask('/secret GIT_DIR=/tmp/x', 'I have not kept it. GIT_DIR changes how programs run');
    expect(await ask('/secret token please', 'Enter TOKEN on this page')).toContain(
      'not in the chat',
    );

    const github = await ask('/secret GITHUB_TOKEN', 'Enter GITHUB_TOKEN on this page');
    expect(github).toContain('Everybody here shares a GITHUB_TOKEN; yours replaces it');
    expect(await enter(urlIn(github), 'short')).toBe(303);
    await said(pipeline, 'GITHUB_TOKEN is not set: it has fewer than 6 characters');
    await ask('/links', '1. The page to enter KEY, for 15 more min\n2. The page to enter TOKEN');
    await ask('/links close 3', 'There is no such page.');
    await ask('/links close 0', 'There is no such page.');
    await ask('/links', 'No page of yours is open.', otherPhone);
    await ask('/links close all', 'There is no such page.', otherPhone);
    await ask('/links close 1', 'Closed. That link leads nowhere now.');
    expect((await createLinkBrowser().get(urlIn(told))).status).toBe(404);
    const other = await ask('/secret GITHUB_TOKEN', 'Enter GITHUB_TOKEN', otherPhone);
    expect(await enter(urlIn(other), 'of the other person')).toBe(303);
    await said(pipeline, 'For you it replaces the one shared by everybody here.', otherPhone);
    expect(await ask('/secrets', 'shared by everybody here', phone)).not.toContain('set just now');
    await ask('/secrets', '- GITHUB_TOKEN, set just now', otherPhone);
    await ask('/secrets remove GITHUB_TOKEN', 'no secret of yours with that name');
    await ask('/secrets remove GITHUB_TOKEN', 'you use the shared one again', otherPhone);
  });
});

test('what waits for the worker for an hour is gone, and the person hears so; a typed message takes nothing', async () => {
  await withPipeline({}, async (pipeline) => {
    const { say, redis } = pipeline;
    const worker = await pipeline.startWorker();
    await say('/secret TOKEN');
    const url = urlIn(await said(pipeline, 'Enter TOKEN'));
    await worker.stop();
    expect(await enter(url, 'a good value')).toBe(303);
    const [sealed = ''] = await redis.keys(keys.sealed('*'));
    expect(await redis.ttl(sealed)).toBeGreaterThan(3500);
    await redis.del(sealed);
    await pipeline.startWorker();
    await said(pipeline, 'What you entered did not reach your computer in time');
  });
});
