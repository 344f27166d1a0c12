import { randomBytes } from 'node:crypto';

/** Why a message of the Messages API ends. */
export type StopReason = 'end_turn' | 'tool_use' | 'max_tokens' | 'pause_turn' | 'refusal';

/**
 * One block of the scripted model's answer: words, or a tool call that Claude Code really executes;
 * or why the message ends, where that is another reason than its blocks give.
 */
export type AnswerBlock =
  | { type: 'text'; text: string }
  | { type: 'tool_use'; name: string; input: Record<string, unknown> }
  | { type: 'stop'; reason: StopReason };

/** The content of one assistant message. It ends the turn unless it calls a tool. */
export type Answer = AnswerBlock[];

/** Token counts as the Messages API reports them. */
export type Usage = {
  input_tokens: number;
  output_tokens: number;
  cache_creation_input_tokens: number;
  cache_read_input_tokens: number;
  cache_creation?: { ephemeral_5m_input_tokens: number; ephemeral_1h_input_tokens: number };
};

export type MessageBlock =
  | { type: 'text'; text: string }
  | { type: 'tool_use'; id: string; name: string; input: Record<string, unknown> };

/** An assistant message of the Messages API. */
export type AssistantMessage = {
  id: string;
  type: 'message';
  role: 'assistant';
  model: string;
  content: MessageBlock[];
  stop_reason: StopReason;
  stop_sequence: null;
  usage: Usage;
};

/** An answer of words alone. */
export function text(words: string): Answer {
  return [{ type: 'text', text: words }];
}

/** An answer that calls one tool by its full name, for example `mcp__whatsapp__send_file`. */
export function callTool(name: string, input: Record<string, unknown>): Answer {
  return [{ type: 'tool_use', name, input }];
}

/** Words of an answer that ends for this reason. */
export function cutOff(words: string, reason: StopReason): Answer {
  return [...text(words), { type: 'stop', reason }];
}

/** Whether the answer leaves the turn open because a tool result has to come back. */
export function callsTool(answer: Answer): boolean {
  return answer.some((block) => block.type === 'tool_use');
}

/**
 * The approximate number of tokens of a text of this many characters; Anthropic's rule of thumb is
 * four characters a token.
 */
export function countTokens(characters: number): number {
  return Math.max(1, Math.ceil(characters / 4));
}

/**
 * Wraps an answer as a Messages API message with fresh ids.
 * @param model the model's name, echoed as the real API does
 * @param requestCharacters length of the request's body, from which the input tokens are estimated
 * @param withCache reports half of the input as read from the cache and a quarter as written to it,
 * for both lifetimes
 */
export function createMessage(
  answer: Answer,
  model: string,
  requestCharacters: number,
  withCache = false,
): AssistantMessage {
  return {
    id: createId('msg'),
    type: 'message',
    role: 'assistant',
    model,
    content: answer.flatMap((block): MessageBlock[] => {
      if (block.type === 'stop') return [];
      return [block.type === 'text' ? block : { ...block, id: createId('toolu') }];
    }),
    stop_reason:
      answer.find((block) => block.type === 'stop')?.reason ??
      (callsTool(answer) ? 'tool_use' : 'end_turn'),
    stop_sequence: null,
    usage: {
      ...inputUsage(countTokens(requestCharacters), withCache),
      output_tokens: countTokens(JSON.stringify(answer).length),
    },
  };
}

function inputUsage(tokens: number, withCache: boolean): Omit<Usage, 'output_tokens'> {
  if (!withCache)
    return { input_tokens: tokens, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  const [read, short, long] = [
    Math.floor(tokens / 2),
    Math.floor(tokens / 6),
    Math.floor(tokens / 12),
  ];
  return {
    input_tokens: tokens - read - short - long,
    cache_creation_input_tokens: short + long,
    cache_read_input_tokens: read,
    cache_creation: { ephemeral_5m_input_tokens: short, ephemeral_1h_input_tokens: long },
  };
}

function createId(prefix: 'msg' | 'toolu'): string {
  return `${prefix}_${randomBytes(12).toString('hex')}`;
}
