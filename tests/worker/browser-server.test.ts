import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { browserCommand } from '../../worker/agent/mcp/browser.ts';
import type { BrowserProcess } from '../../worker/agent/mcp/browser-process.ts';
import { browserServer, browserToolsFile } from '../../worker/agent/mcp/browser-server.ts';
import { createRpc } from '../../worker/agent/mcp/rpc.ts';
import type { Rpc } from '../../worker/agent/mcp/rpc.ts';

/**
 * Both ends of a line: what is asked goes out at `asked`, line by line, and `say` is what the other
 * side says.
 */
function openLine(): {
  rpc: Rpc;
  asked: () => Record<string, unknown>[];
  say: (message: unknown) => void;
} {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const lines: Record<string, unknown>[] = [];
  input.on('data', (chunk: Buffer) =>
    lines.push(
      ...chunk
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    ),
  );
  const rpc = createRpc(input, output, (method) =>
    method === 'roots/list' ? { roots: [] } : undefined,
  );
  return {
    rpc,
    asked: () => lines,
    say: (message) =>
      void output.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`),
  };
}

const turnOfLoop = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('each question gets its own answer, in whatever order they come', async () => {
  const { rpc, asked, say } = openLine();
  const answers = Promise.allSettled([
    rpc.request('a', {}),
    rpc.request('b', { x: 1 }),
    rpc.request('c', {}),
  ]);
  await turnOfLoop();
  expect(asked()).toMatchObject([
    { jsonrpc: '2.0', id: 1, method: 'a' },
    { id: 2, method: 'b', params: { x: 1 } },
    { id: 3 },
  ]);
  say('this is no message');
  say({ id: 3, error: { code: -1, message: 'no such tool' } });
  say({ id: 2, result: { of: 'b' } });
  say({ id: 1, result: { of: 'a' } });
  expect(await answers).toMatchObject([
    { value: { of: 'a' } },
    { value: { of: 'b' } },
    { reason: new Error('no such tool') },
  ]);
});

test('what the other side asks is answered, what is broken off is told to it, and its end ends what waits', async () => {
  const { rpc, asked, say } = openLine();
  const stop = new AbortController();
  const answers = Promise.allSettled([
    rpc.request('slow', {}, stop.signal),
    rpc.request('slower', {}),
  ]);
  say({ id: 7, method: 'roots/list' });
  say({ id: 8, method: 'sampling/createMessage' });
  await turnOfLoop();
  stop.abort(new Error('stopped'));
  rpc.end(new Error('gone'));
  expect(await answers).toMatchObject([
    { reason: new Error('stopped') },
    { reason: new Error('gone') },
  ]);
  expect(asked().slice(2)).toMatchObject([
    { id: 7, result: { roots: [] } },
    { id: 8, error: { code: -32601 } },
    { method: 'notifications/cancelled', params: { requestId: 1 } },
  ]);
  await expect(rpc.request('later', {})).rejects.toThrow('gone');
});

test('the tools are those that the Playwright MCP server lists', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-browser-'));
  const { command, args } = browserCommand(undefined, dir);
  const child = spawn(command, args, { cwd: dir, stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    const rpc = createRpc(child.stdin, child.stdout, () => undefined);
    await rpc.request('initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    });
    rpc.notify('notifications/initialized');
    const { tools } = z
      .object({ tools: z.array(z.unknown()) })
      .parse(await rpc.request('tools/list', {}));
    // After an upgrade of @playwright/mcp, vitest --update writes them anew.
    await expect(
      `[\n${tools.map((tool) => `  ${JSON.stringify(tool)}`).join(',\n')}\n]\n`,
    ).toMatchFileSnapshot(browserToolsFile);
  } finally {
    child.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
});

/** The server of a session, asked as Claude Code asks it, with processes that only count. */
async function openServer(): Promise<{
  ask: (method: string, params?: object) => Promise<unknown>;
  processes: { ended: boolean }[];
}> {
  const processes: { ended: boolean }[] = [];
  const { instance } = browserServer(async () => {
    const made = { ended: false };
    const number = processes.push(made);
    const browser: BrowserProcess = {
      get ended() {
        return made.ended;
      },
      call: async (name) => ({ content: [{ type: 'text', text: `${name} by ${number}` }] }),
    };
    return browser;
  });
  const answers = new Map<number, (message: unknown) => void>();
  type Transport = Parameters<typeof instance.connect>[0];
  const transport: Transport = {
    start: async () => undefined,
    close: async () => undefined,
    send: async (message) =>
      void (
        'id' in message &&
        answers.get(Number(message.id))?.('result' in message ? message.result : message)
      ),
  };
  await instance.connect(transport);
  let id = 0;
  const ask = (method: string, params: object = {}): Promise<unknown> =>
    new Promise((resolve) => {
      id += 1;
      answers.set(id, resolve);
      transport.onmessage?.({ jsonrpc: '2.0', id, method, params: { ...params } });
    });
  await ask('initialize', {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  });
  return { ask, processes };
}

test('the browser’s process is started by the first call, shared by those that come together, and started again when it has ended', async () => {
  const { ask, processes } = await openServer();
  expect(await ask('tools/list')).toMatchObject({
    tools: expect.arrayContaining([expect.objectContaining({ name: 'browser_navigate' })]),
  });
  expect(processes).toHaveLength(0);
  const call = (): Promise<unknown> =>
    ask('tools/call', { name: 'browser_tabs', arguments: { action: 'list' } });
  const said = (by: number) => ({ content: [{ type: 'text', text: `browser_tabs by ${by}` }] });
  expect(await Promise.all([call(), call()])).toEqual([said(1), said(1)]);
  for (const made of processes) made.ended = true;
  expect(await call()).toEqual(said(2));
  expect(processes).toHaveLength(2);
});
