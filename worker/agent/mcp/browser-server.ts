import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createSdkMcpServer } from '@anthropic-ai/claude-agent-sdk';
import type { McpSdkServerConfigWithInstance } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import type { BrowserProcess } from './browser-process.ts';
import type { RpcResult } from './rpc.ts';

/** The tools of the Playwright MCP server, as it lists them itself; a test compares. */
const Tools = z.array(z.looseObject({ name: z.string() }));

const ListTools = z.object({ method: z.literal('tools/list') });
const CallTool = z.object({
  method: z.literal('tools/call'),
  params: z.looseObject({
    name: z.string(),
    arguments: z.record(z.string(), z.unknown()).optional(),
  }),
});

/**
 * Changes what a tool's result shows the model; `tool` is its name. Rejects only with the signal's
 * reason.
 */
export type Refine = (result: RpcResult, tool: string, signal: AbortSignal) => Promise<RpcResult>;

let tools: z.infer<typeof Tools> | undefined;

/** The file of the tools, read once. */
export const browserToolsFile = path.join(import.meta.dirname, 'browser-tools.json');

/**
 * The MCP server `playwright` of one session. It knows the browser's tools without asking for them,
 * and `start` makes the process behind it at the first call: a session that needs no browser
 * neither waits for one nor pays for it (about 110 MB and half a second). One that has ended is
 * started again. `refine` changes a result before the model gets it.
 */
export function browserServer(
  start: () => Promise<BrowserProcess>,
  refine: Refine = async (result) => result,
): McpSdkServerConfigWithInstance {
  const config = createSdkMcpServer({ name: 'playwright', version: '1.0.0' });
  const { server } = config.instance;
  let browser: Promise<BrowserProcess> | undefined;
  let ended = (): boolean => true;
  /** Calls that come together share one. */
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
