import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { SDKAssistantMessage, SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import { expect, test } from 'vitest';
import type { ScriptedModel } from '../../simulator/model/scripted-model.ts';
import { findChromium } from '../../worker/agent/mcp/browser.ts';
import { isResult, withClaude } from '../support/claude-bench.ts';
import type { ClaudeSession } from '../support/claude-bench.ts';
import { PIXEL } from '../support/phone-bench.ts';

const callsTool = (message: SDKMessage): message is SDKAssistantMessage =>
  message.type === 'assistant' && message.message.content.some(({ type }) => type === 'tool_use');
const isRetry = (message: SDKMessage): message is Extract<SDKMessage, { subtype: 'api_retry' }> =>
  message.type === 'system' && message.subtype === 'api_retry';

/** What Claude Code has written down of a session so far; it writes a moment after it streams. */
async function readTranscript(home: string, session: string): Promise<string> {
  const projects = join(home, '.claude', 'projects');
  const files = await readdir(projects, { recursive: true });
  const file = files.find((name) => name.endsWith(`${session}.jsonl`));
  return file === undefined ? '' : readFile(join(projects, file), 'utf8');
}

test(
  'the real Claude Code passes on what is said while a tool runs, tells the stories and executes their tools',
  { tags: 'long' },
  () =>
    withClaude(async ({ open, cwd, model }) => {
      const claude = open({ answers: 'Green' });
      await expectSteering(claude, model);
      expect(await claude.ask('hello')).toContain('scripted model');
      expect(await claude.ask('say Grüße 👋')).toBe('Grüße 👋');
      expect(await claude.ask('run: pwd')).toBe(`\`\`\`\n${cwd}\n\`\`\``);
      expect(await claude.ask('write todo.md with Buy milk')).toBe(
        'I wrote todo.md and sent it to you.',
      );
      expect(await readFile(join(cwd, 'todo.md'), 'utf8')).toBe('Buy milk\n');
      expect(claude.sent).toEqual([{ path: join(cwd, 'todo.md'), caption: 'todo.md' }]);
      expect(await claude.ask('fail')).toContain('exit code 3');
      expect(await claude.ask('ask me something')).toContain('You chose Green.');
      expect(await claude.ask('2000 characters')).toHaveLength(2000);
      const picture = {
        type: 'image' as const,
        source: {
          type: 'base64' as const,
          media_type: 'image/png' as const,
          data: PIXEL.toString('base64'),
        },
      };
      expect(await claude.ask([picture])).toContain('1 picture');
      expect(
        model.requests.every(({ fault, kind }) => fault === undefined && kind === 'turn'),
      ).toBe(true);
      expect(new Set(model.requests.map(({ session }) => session)).size).toBe(1);
    }),
);

test('a page is opened in the real browser, and its picture sent', { tags: 'long' }, async () => {
  const page = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<title>Local page</title><h1>Hello</h1>');
  }).listen(0, '127.0.0.1');
  await once(page, 'listening');
  const address = page.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : ''}/`;
  const cli = join(
    dirname(createRequire(import.meta.url).resolve('@playwright/mcp/package.json')),
    'cli.js',
  );
  const browser = process.env.CHROMIUM_PATH ?? (await findChromium(process.env.PATH ?? ''));
  if (browser === undefined)
    throw new Error('There is no Chromium: run npm run setup, or set CHROMIUM_PATH.');
  await withClaude(async ({ open, home }) => {
    const flags = [
      '--headless',
      '--no-sandbox',
      '--isolated',
      '--executable-path',
      browser,
      '--output-dir',
      join(home, 'shots'),
      '--file-paths',
      'absolute',
    ];
    const claude = open({
      mcpServers: {
        playwright: { type: 'stdio', command: process.execPath, args: [cli, ...flags] },
      },
    });
    expect(await claude.ask(`Take a screenshot of ${url}`)).toBe(
      `Here is ${url}. The page's title is “Local page”.`,
    );
    expect(claude.sent).toEqual([
      { path: expect.stringMatching(/\/shots\/page-.*\.png$/), caption: 'Local page' },
    ]);
    const [file] = claude.sent;
    expect(file && 'path' in file ? (await stat(file.path)).size : 0).toBeGreaterThan(1000);
    expect(await claude.ask('Take a screenshot of http://127.0.0.1:9/')).toContain(
      'I could not do that: net::ERR_UNSAFE_PORT',
    );
  }).finally(() => page.close());
});

async function expectSteering(claude: ClaudeSession, model: ScriptedModel): Promise<void> {
  claude.send('work for 3 seconds');
  await claude.next(callsTool);
  claude.send('use blue\nplease');
  const source = {
    type: 'base64' as const,
    media_type: 'image/png' as const,
    data: PIXEL.toString('base64'),
  };
  claude.send([
    { type: 'text', text: 'and this' },
    { type: 'image', source },
  ]);
  const result = await claude.next(isResult);
  const answer = result.subtype === 'success' ? result.result : '';
  expect(answer).toContain('Done: I worked for 3 seconds');
  expect(answer).toContain('You also said: “use blue\nplease”');
  expect(answer).toContain('You also said: “and this”');
  const last = model.requests.at(-1)?.view;
  expect(last?.texts.map(({ steering }) => steering)).toEqual([false, true, true]);
  expect(last?.results).toHaveLength(2);
  expect(last?.media.images).toBe(1);
}

test('texts that wait for the end of a turn are answered together', { tags: 'long' }, () =>
  withClaude(
    async ({ open }) => {
      const claude = open();
      claude.send('echo a');
      claude.send('echo b');
      claude.send('echo c');
      const answers: string[] = [];
      while (answers.flatMap((answer) => answer.split('\n')).length < 3) {
        const result = await claude.next(isResult);
        answers.push(result.subtype === 'success' ? result.result : '');
      }
      expect(answers.flatMap((answer) => answer.split('\n'))).toEqual(['a', 'b', 'c']);
    },
    { delayMs: 100 },
  ),
);

test(
  'a turn that was interrupted, or lost in a crash, does not leak into the next one',
  { tags: 'long' },
  () =>
    withClaude(async ({ open, model, home }) => {
      const claude = open();
      claude.send('work for 60 seconds');
      await claude.next(callsTool);
      await claude.query.interrupt();
      expect((await claude.next(isResult)).subtype).toBe('error_during_execution');
      expect(await claude.ask('say after the stop')).toBe('after the stop');
      claude.send('work for 3 seconds');
      const { session_id } = await claude.next(callsTool);
      await expect
        .poll(() => readTranscript(home, session_id))
        .toMatch(/work for 3 seconds.*step 1; sleep/s);
      claude.kill();
      expect(String(await claude.end())).toContain('SIGKILL');
      const resumed = open({ resume: session_id });
      expect(await resumed.ask('Please continue.')).toContain('Done: I worked for 3 seconds');
      expect(model.requests.at(-1)?.view).toMatchObject({
        answersBefore: 1,
        unfinished: ['work for 3 seconds'],
        results: [{}, {}],
      });
    }),
);

test('faults reach Claude Code as those of the real API do', { tags: 'long' }, () =>
  withClaude(async ({ open, model }) => {
    const claude = open({ env: { CLAUDE_CODE_MAX_RETRIES: '2' } });
    model.faults.overloaded = 1;
    claude.send('say one');
    expect(await claude.next(isRetry)).toMatchObject({ error_status: 529, error: 'overloaded' });
    expect(await claude.next(isResult)).toMatchObject({ is_error: false, result: 'one' });
    model.faults.creditTooLow = 1;
    claude.send('say two');
    expect(await claude.next(isResult)).toMatchObject({
      is_error: true,
      api_error_status: 400,
      result: 'Credit balance is too low',
    });
    model.faults.rateLimited = 1;
    model.faults.rateLimitResetsAt = Date.now() + 3_600_000;
    claude.send('say three');
    expect(await claude.next(isResult)).toMatchObject({ is_error: true, api_error_status: 429 });
    model.faults.unauthorized = Infinity;
    claude.send('say four');
    expect(await claude.next(isResult)).toMatchObject({ is_error: true, api_error_status: 401 });
    model.faults.unauthorized = 0;
    model.faults.cut = 1;
    claude.send('say a sentence that is cut');
    expect(await claude.next(isResult)).toMatchObject({
      is_error: false,
      result: expect.stringContaining('a sentence that is cut'),
    });
  }),
);
