import { spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { asBoundAgent } from '../sandbox/bounds.ts';
import type { Bounds } from '../sandbox/bounds.ts';
import type { AgentUser, Command } from '../sandbox/user.ts';
import { createRpc } from './rpc.ts';
import type { RpcResult } from './rpc.ts';

/** The Playwright MCP server of one session; it starts Chromium at the first call that needs it. */
export type BrowserProcess = {
  readonly ended: boolean;
  /**
   * Calls one of its tools and returns the MCP result. Rejects when the process ends, and with the
   * signal's reason.
   */
  call(name: string, input: RpcResult | undefined, signal: AbortSignal): Promise<RpcResult>;
};

/**
 * `env` is the whole environment, including the session's mark, by which the process and Chromium
 * end with the session. `workspace` is where it may read files.
 */
export type BrowserStart = {
  command: Command;
  workspace: string;
  env: Record<string, string>;
  user: AgentUser | undefined;
  bounds?: Bounds;
};

/** The supported MCP version (modelcontextprotocol.io/specification/2025-06-18). */
const protocolVersion = '2025-06-18';

/** Starts it as the agent's user, within its resource limits. */
export function startBrowserProcess({
  command: asked,
  workspace,
  env,
  user,
  bounds = {},
}: BrowserStart): BrowserProcess {
  const { command, args, cwd } = asBoundAgent(user, bounds, { ...asked, cwd: workspace });
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  // Playwright requests the roots that it may read files from.
  const rpc = createRpc(child.stdin, child.stdout, (method) =>
    method === 'roots/list'
      ? { roots: [{ uri: pathToFileURL(workspace).href, name: 'workspace' }] }
      : method === 'ping'
        ? {}
        : undefined,
  );
  let ended = false;
  const end = (reason: string): void => {
    ended = true;
    rpc.end(new Error(`The browser has ended (${reason}); the next call starts another.`));
  };
  child.once('error', (error) => end(error.message));
  child.once('close', (code, signal) => end(signal ?? `code ${code}`));
  const ready = rpc
    .request('initialize', {
      protocolVersion,
      capabilities: { roots: {} },
      clientInfo: { name: 'sidepocket', version: '1.0.0' },
    })
    .then(() => rpc.notify('notifications/initialized'));
  // Callers that await it see the rejection.
  ready.catch(() => undefined);

  return {
    get ended() {
      return ended;
    },
    async call(name, input, signal) {
      await ready;
      return await rpc.request('tools/call', { name, arguments: input ?? {} }, signal);
    },
  };
}
