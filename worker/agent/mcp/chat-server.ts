import { createSdkMcpServer, tool } from '@anthropic-ai/claude-agent-sdk';
import type { McpSdkServerConfigWithInstance } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import type { ChatTools } from '../agent.ts';

/** Builds a tool's answer to the model. */
type Say = (text: string) => { content: { type: 'text'; text: string }[] };

/** Claude Code passes the call's id to an MCP tool. */
const Extra = z.looseObject({ _meta: z.looseObject({ 'claudecode/toolUseId': z.string() }) });

function callIdOf(extra: unknown): string {
  return Extra.safeParse(extra).data?._meta['claudecode/toolUseId'] ?? crypto.randomUUID();
}

/**
 * The MCP server `whatsapp` of one session. `tools` is called each time, since a live session
 * outlasts a turn and each turn brings its own.
 */
export function chatServer(tools: () => ChatTools | undefined): McpSdkServerConfigWithInstance {
  const say: Say = (text) => ({ content: [{ type: 'text', text }] });
  const away = 'No one is waiting for an answer right now, so nothing was sent.';
  return createSdkMcpServer({
    name: 'whatsapp',
    version: '1.0.0',
    alwaysLoad: true,
    tools: [
      tool(
        'send_file',
        'Sends a picture, a document or another file to the person in the chat. Use it for screenshots and for anything the person asked to get.',
        {
          path: z.string().describe('absolute, or relative to the working directory'),
          caption: z.string().optional().describe('a short line under the file'),
        },
        async (input) => say((await tools()?.sendFile(input)) ?? away),
      ),
      tool(
        'send_message',
        'Sends a short text to the person at once, while you go on working. Your final answer is sent by itself: do not repeat it here.',
        { text: z.string() },
        async ({ text }, extra) => {
          return say((await tools()?.sendMessage({ text, callId: callIdOf(extra) })) ?? away);
        },
      ),
      ...scheduleTools(
        tools,
        say,
        'No one is waiting for an answer right now, so nothing was changed.',
      ),
    ],
  });
}

/** The tools that plan turns; they return `away` when no turn is at work. */
function scheduleTools(tools: () => ChatTools | undefined, say: Say, away: string) {
  return [
    tool(
      'schedule_turn',
      'Plans a turn of yours: once or again and again you get the prompt, do what it says and answer in the chat, also when this computer sleeps until then. Give exactly one of when, in_minutes and cron.',
      {
        prompt: z
          .string()
          .describe('what you are to do then, with all that you need to know for it'),
        when: z
          .string()
          .optional()
          .describe(
            'once, at this time: ISO 8601 such as 2026-01-31T09:00 by the person’s clock, or with an offset',
          ),
        in_minutes: z.number().optional().describe('once, after this many minutes'),
        cron: z
          .string()
          .optional()
          .describe(
            'again and again: minute, hour, day of month, month, day of week, by the person’s clock; such as 0 9 * * 1-5',
          ),
        timezone: z
          .string()
          .optional()
          .describe(
            'the person’s time zone as an IANA name. It is remembered: give it when the person has told it or it has changed; do not guess it',
          ),
      },
      async ({ in_minutes: inMinutes, ...input }, extra) =>
        say(
          (await tools()?.scheduleTurn({ ...input, inMinutes, callId: callIdOf(extra) })) ?? away,
        ),
    ),
    tool(
      'list_schedules',
      'Lists the turns that are planned in this chat, with their numbers.',
      {},
      async () => say((await tools()?.listSchedules()) ?? away),
    ),
    tool(
      'cancel_schedule',
      'Cancels a planned turn.',
      { id: z.union([z.string(), z.number()]).describe('its number, as list_schedules shows it') },
      async ({ id }) => say((await tools()?.cancelSchedule({ id: String(id) })) ?? away),
    ),
  ];
}
