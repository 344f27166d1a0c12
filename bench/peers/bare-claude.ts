/**
 * Claude Code with the SDK and nothing else, with the options of the worker. As a program it starts
 * a session immediately, the floor for a worker that is not running; on its parent's request it
 * starts one session per message, the floor for a session that is not live. Requests go to the
 * model at the given address.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { query } from '@anthropic-ai/claude-agent-sdk';
import type { McpServerConfig, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { browserCommand } from '../../worker/agent/mcp/browser.ts';
import { createConfigRoots } from '../../worker/agent/workspace/config-root.ts';
import { agentEnvironment } from '../../worker/agent/sandbox/environment.ts';
import { createSessionOptions } from '../../worker/agent/claude/options.ts';
import { noGrants } from '../../worker/agent/workspace/grants.ts';

/**
 * The program's options: `usual` runs the browser's MCP server as a process of the session, as its
 * page says; `text` is sent immediately.
 */
export type BareSetting = {
  dataDir: string;
  modelUrl: string;
  chromium: string | undefined;
  usual: boolean;
  text?: string;
};
/**
 * A request of its parent: a prompt, in the named session or a new one. The answer is the session's
 * id.
 */
export type BareAsk = { text: string; session?: string };

const setting: BareSetting = JSON.parse(process.argv[2] ?? '{}');
const { dataDir, modelUrl, chromium, usual } = setting;
const workspace = path.join(dataDir, 'work');
const imagesDir = path.join(dataDir, 'images');
const env = agentEnvironment(
  process.env,
  { directory: dataDir, temporary: path.join(dataDir, 'tmp') },
  { ANTHROPIC_BASE_URL: modelUrl, ANTHROPIC_API_KEY: 'scripted' },
  {
    mark: `bench/${path.basename(dataDir)}@${dataDir}`,
    isRoot: process.getuid?.() === 0,
  },
);
for (const directory of [workspace, imagesDir, env['HOME'], env['TMPDIR']])
  if (directory) mkdirSync(directory, { recursive: true });

const root = await createConfigRoots(dataDir).of(workspace);

async function ask({ text, session }: BareAsk): Promise<string> {
  const options = createSessionOptions(
    { imagesDir, chromium },
    {
      env,
      furnishBrowser: async () => env,
      root,
      project: { workspace, grants: noGrants, isResumed: session !== undefined },
      live: () => undefined,
    },
  );
  const asProcess: Record<string, McpServerConfig> = usual
    ? { playwright: { type: 'stdio', ...browserCommand(chromium, imagesDir) } }
    : {};
  const id = session ?? randomUUID();
  const running = query({
    prompt: say(text),
    options: {
      ...options,
      mcpServers: { ...options.mcpServers, ...asProcess },
      cwd: workspace,
      permissionMode: 'bypassPermissions',
      ...(session === undefined ? { sessionId: id } : { resume: id }),
    },
  });
  for await (const message of running) if (message.type === 'result') break;
  return id;
}

async function* say(text: string): AsyncGenerator<SDKUserMessage> {
  yield {
    type: 'user',
    uuid: randomUUID(),
    parent_tool_use_id: null,
    message: { role: 'user', content: text },
  };
}

process.on('message', (asked: BareAsk) => void ask(asked).then((id) => process.send?.(id)));
if (setting.text !== undefined) {
  await ask({ text: setting.text });
  process.disconnect?.();
}
