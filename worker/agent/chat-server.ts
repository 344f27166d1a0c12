import { createSdkMcpServer, tool } from '@anthropic-ai/claude-agent-sdk';
import type { McpSdkServerConfigWithInstance } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import type { ChatTools } from './agent.ts';

/** Claude Code tells an MCP tool the id of the call that reached it. */
const Extra = z.looseObject({ _meta: z.looseObject({ 'claudecode/toolUseId': z.string() }) });

/**
 * The MCP server `whatsapp` of one session. `tools` is asked at each call, since a live session outlasts a turn and each
 * turn brings its own.
 */
export function chatServer(tools: () => ChatTools | undefined): McpSdkServerConfigWithInstance {
  const say = (text: string): { content: { type: 'text'; text: string }[] } => ({ content: [{ type: 'text', text }] });
  const away = 'Nobody is waiting for an answer right now, so nothing was sent.';
  return createSdkMcpServer({
    name: 'whatsapp',
    version: '1.0.0',
    alwaysLoad: true,
    tools: [
      tool(
        'send_file',
        'Sends a picture, a document or another file to the person in the chat. Use it for screenshots and for anything the person asked to get.',
        { path: z.string().describe('absolute, or relative to the working directory'), caption: z.string().optional().describe('a short line under the file') },
        async (input) => say((await tools()?.sendFile(input)) ?? away),
      ),
      tool(
        'send_message',
        'Sends a short text to the person at once, while you go on working. Your final answer is sent by itself: do not repeat it here.',
        { text: z.string() },
        async ({ text }, extra) => {
          const callId = Extra.safeParse(extra).data?._meta['claudecode/toolUseId'] ?? crypto.randomUUID();
          return say((await tools()?.sendMessage({ text, callId })) ?? away);
        },
      ),
    ],
  });
}
