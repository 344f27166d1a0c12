import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createSdkMcpServer } from '@anthropic-ai/claude-agent-sdk';
import type { McpSdkServerConfigWithInstance } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import type { BrowserProcess } from './browser-process.ts';
import type { RpcResult } from './rpc.ts';

/** The tools of the Playwright MCP server, in its own listing; a test compares the two. */
const Tools = z.array(z.looseObject({ name: z.string() }));

const ListTools = z.object({ method: z.literal('tools/list') });
const CallTool = z.object({
  method: z.literal('tools/call'),
  params: z.looseObject({
    name: z.string(),
    arguments: z.record(z.string(), z.unknown()).optional(),
  }),
});

/** Changes the result of `tool` before the model sees it. Rejects only with the signal's reason. */
export type Refine = (result: RpcResult, tool: string, signal: AbortSignal) => Promise<RpcResult>;

let tools: z.infer<typeof Tools> | undefined;

/** The list of the browser's tools, read once. */
export const browserToolsFile = path.join(import.meta.dirname, 'browser-tools.json');

/**
 * The MCP server `playwright` of one session. It lists the browser's tools from a file, and `start`
 * creates the process at the first call: a session without a browser saves the wait and the memory
 * (about 110 MB and half a second). A process that has ended is restarted. `refine` changes a
 * result before the model gets it.
 */
export function browserServer(
  start: () => Promise<BrowserProcess>,
  refine: Refine = async (result) => result,
): McpSdkServerConfigWithInstance {
  const config = createSdkMcpServer({ name: 'playwright', version: '1.0.0' });
  const { server } = config.instance;
  let browser: Promise<BrowserProcess> | undefined;
  let ended = (): boolean => true;
  /** Concurrent calls share one process. */
  const present = (): Promise<BrowserProcess> => {
    if (browser && !ended()) return browser;
    const starting = start();
    browser = starting;
    ended = () => false;
    starting.then(
      (process) => (ended = () => process.ended),
      () => (ended = () => true),
    );
    return starting;
  };
  server.registerCapabilities({ tools: {} });
  server.setRequestHandler(ListTools, () => ({
    tools: (tools ??= Tools.parse(JSON.parse(readFileSync(browserToolsFile, 'utf8')))),
  }));
  server.setRequestHandler(CallTool, async ({ params }, { signal }) => {
    const result = await (await present()).call(params.name, params.arguments, signal);
    return await refine(result, params.name, signal);
  });
  return config;
}
