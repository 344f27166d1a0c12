import type { SDKUserMessage, SlashCommand } from '@anthropic-ai/claude-agent-sdk';
import { expect, test } from 'vitest';
import { keepSentences, sayForPerson } from '../../worker/agent/claude/local-command.ts';

const commands = [
  { name: 'compact', description: '', argumentHint: '' },
  { name: 'code-review', description: '', argumentHint: '', aliases: ['review'] },
  { name: 'model', description: '', argumentHint: '<model>' },
  { name: 'effort', description: '', argumentHint: '' },
  { name: 'usage', description: '', argumentHint: '', aliases: ['cost', 'stats'] },
] satisfies SlashCommand[];

type Content = SDKUserMessage['message']['content'];

/** What Claude Code gets for the content of a prompt. */
async function kept(
  content: Content,
  known: () => Promise<SlashCommand[]> = async () => commands,
): Promise<Content | undefined> {
  const prompt: SDKUserMessage = {
    type: 'user',
    parent_tool_use_id: null,
    message: { role: 'user', content },
  };
  async function* once(): AsyncGenerator<SDKUserMessage> {
    yield prompt;
  }
  for await (const passed of keepSentences(once(), known)) return passed.message.content;
  return undefined;
}

test('Claude Code gets its own commands as commands, and every other text with a slash as a sentence', async () => {
  for (const text of ['/compact', '/compact keep the names', '/review 12', 'hello /help', ''])
    expect(await kept(text)).toBe(text);
  for (const text of ['/help me with git', '/schedule every day', '/login', '/etc/hosts is wrong'])
    expect(await kept(text)).toBe(` ${text}`);
  // What the chat has a command for is settled there alone: Claude Code would set any model.
  for (const text of ['/model the data as a graph', '/effort low\nfix it', '/cost of this'])
    expect(await kept(text)).toBe(` ${text}`);
  expect(await kept('/usage')).toBe('/usage');
  const picture = {
    type: 'image' as const,
    source: { type: 'base64' as const, media_type: 'image/png' as const, data: '' },
  };
  expect(await kept([picture, { type: 'text', text: '/help me with this' }])).toEqual([
    picture,
    { type: 'text', text: ' /help me with this' },
  ]);
});

test('a prompt passes unchanged when the process has ended before it said what it has', async () => {
  expect(await kept('/help me', async () => await Promise.reject(new Error('ended')))).toBe(
    '/help me',
  );
});

test('what Claude Code says of its commands is put in words for the person', () => {
  expect(sayForPerson("/restart isn't available in this environment.")).toBe(
    '/restart works only in Claude Code’s own terminal. /help lists what I know.',
  );
  expect(sayForPerson("/focus isn't available here yet")).toBe(
    '/focus works only in Claude Code’s own terminal. /help lists what I know.',
  );
  expect(
    sayForPerson(
      "/agents opens an interactive panel and isn't available in this environment. Run it from the Claude Code terminal instead.",
    ),
  ).toBe('/agents works only in Claude Code’s own terminal. /help lists what I know.');
  for (const said of ['Error: No messages to compact', 'Not enough messages to compact.'])
    expect(sayForPerson(said)).toBe('There is nothing to sum up yet.');
  expect(sayForPerson("The printer isn't available in this environment.")).toContain('printer');
});
