import type { SDKUserMessage, SlashCommand } from '@anthropic-ai/claude-agent-sdk';

/** How Claude Code begins to read a prompt as a command. */
const commandName = /^\/(\S+)/;

/**
 * What the chat settles itself, however Claude Code names it: Claude Code would switch to whatever
 * follows “/model” unchecked, and the conversation would go on with a model that does not exist.
 */
const ofTheChat: ReadonlySet<string> = new Set(['model', 'effort', 'cost']);

/**
 * A text for Claude Code that it reads as what it is: its own commands as commands, and every other
 * text that begins with a slash as a sentence, by a blank before it. Without that it answers “/help
 * me with git” by itself, since it has a /help in a terminal, and the model never reads the text.
 */
function keepSentence(text: string, commands: readonly SlashCommand[]): string {
  const name = commandName.exec(text)?.[1];
  if (name === undefined) return text;
  const isKnown = commands.some((one) => one.name === name || one.aliases?.includes(name));
  return isKnown && !ofTheChat.has(name) ? text : ` ${text}`;
}

/** The prompts of `input` for Claude Code; `commands` says which it has. */
export async function* keepSentences(
  input: AsyncIterable<SDKUserMessage>,
  commands: () => Promise<readonly SlashCommand[]>,
): AsyncGenerator<SDKUserMessage> {
  for await (const prompt of input) {
    const { content } = prompt.message;
    if (!beginsWithSlash(content)) {
      yield prompt;
      continue;
    }
    // A process that has ended has no commands; its pump reports the end.
    const known = await commands().catch(() => undefined);
    yield known === undefined
      ? prompt
      : { ...prompt, message: { role: 'user', content: keepIn(content, known) } };
  }
}

type Content = SDKUserMessage['message']['content'];

/** Claude Code looks for a command in a text, and in the text beside a picture. */
function beginsWithSlash(content: Content): boolean {
  return typeof content === 'string'
    ? commandName.test(content)
    : content.some((block) => block.type === 'text' && commandName.test(block.text));
}

function keepIn(content: Content, commands: readonly SlashCommand[]): Content {
  return typeof content === 'string'
    ? keepSentence(content, commands)
    : content.map((block) =>
        block.type === 'text' ? { ...block, text: keepSentence(block.text, commands) } : block,
      );
}

/** What Claude Code says by itself about a command, in words for the person. */
export function sayForPerson(said: string): string {
  const name = /^(\/\S+) (?:opens an interactive panel and )?isn't available\b/.exec(said)?.[1];
  if (name !== undefined)
    return `${name} works only in Claude Code’s own terminal. /help lists what I know.`;
  return /^(?:Error: )?(?:No|Not enough) messages to compact\b/.test(said)
    ? 'There is nothing to sum up yet.'
    : said;
}
