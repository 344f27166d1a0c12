import { endedWork, extractSteering, personText, receivedNotes } from './person-text.ts';
import { blocksOf, type MessagesRequest, type RequestBlock } from './messages-request.ts';

/**
 * A tool call of this turn together with what came back; `images` is how many pictures that had,
 * absent when none.
 */
export type ToolResult = {
  name: string;
  input: Record<string, unknown>;
  text: string;
  isError: boolean;
  images?: number;
};

/** Something the person wrote. `steering` when it arrived while the turn was already running. */
export type PersonText = { text: string; steering: boolean };

/** A story's view of a conversation: the current turn in detail, the past in outline. */
export type ConversationView = {
  /** The person's texts of this turn, in order. */
  texts: PersonText[];
  /** The background notices in this turn, one line each. */
  notices: string[];
  /** The tool results of this turn, in order. */
  results: ToolResult[];
  /**
   * What the host says in this turn of files, places, contacts and voice messages, a note each,
   * without its brackets.
   */
  received: string[];
  /** Pictures and documents in this turn, as content blocks of the request. */
  media: { images: number; documents: number };
  /**
   * The texts of the turn before this one, when it was cut off by an interruption or a crash;
   * otherwise empty.
   */
  unfinished: string[];
  /** Complete answers the model gave before this turn. */
  answersBefore: number;
  /** Claude Code's working directory as its prompt states it. */
  cwd: string | undefined;
  /** The plan file that Claude Code names while it plans. */
  planFile: string | undefined;
};

type ToolCall = Pick<ToolResult, 'name' | 'input'>;
type Turn = Pick<ConversationView, 'texts' | 'notices' | 'received' | 'results' | 'media'>;

/**
 * The text that Claude Code puts between an unfinished turn and the next prompt when it resumes a
 * session.
 */
const resumeFiller = 'No response requested.';
const interruptedPattern = /^\[Request interrupted by user/;
const planFilePattern = /(?:create your plan at|A plan file already exists at) (\S+?)(?:\.? |\n|$)/;
const workingDirectoryPattern = /(?:Primary working directory|Working directory|cwd): *(\/[^\n]*)/;

/**
 * Reads the conversation of a request as Claude Code sends it. A turn begins after the last
 * complete answer (an assistant message without a tool call) or after an interruption.
 */
export function parseConversation(request: MessagesRequest): ConversationView {
  let turn = emptyTurn();
  let unfinished: string[] = [];
  let answersBefore = 0;
  const calls = new Map<string, ToolCall>();
  const cutOff = () => {
    unfinished.push(...turn.texts.map(({ text }) => text));
    // A request to go on repeats the notices of the turn that was cut off.
    turn = { ...emptyTurn(), notices: turn.notices };
  };
  for (const message of request.messages) {
    const blocks = blocksOf(message);
    if (message.role === 'assistant') {
      for (const { type, id, name, input } of blocks)
        if (type === 'tool_use' && id && name) calls.set(id, { name, input: input ?? {} });
      if (blocks.some((block) => block.type === 'tool_use')) continue;
      if (blocks.some((block) => block.text?.trim() === resumeFiller)) {
        cutOff();
      } else {
        answersBefore += 1;
        unfinished = [];
        turn = emptyTurn();
      }
      continue;
    }
    for (const block of blocks) {
      if (interruptedPattern.test(block.text ?? '')) cutOff();
      else addBlock(turn, block, message.role, calls);
    }
  }
  const named = {
    cwd: findNamed(request, workingDirectoryPattern),
    planFile: findNamed(request, planFilePattern),
  };
  return { ...turn, unfinished, answersBefore, ...named };
}

function emptyTurn(): Turn {
  return { texts: [], notices: [], received: [], results: [], media: { images: 0, documents: 0 } };
}

function addBlock(
  turn: Turn,
  block: RequestBlock,
  role: 'user' | 'system',
  calls: Map<string, ToolCall>,
): void {
  if (block.type === 'image') turn.media.images += 1;
  else if (block.type === 'document') turn.media.documents += 1;
  else if (block.type === 'tool_result') {
    const call = calls.get(block.tool_use_id ?? '') ?? { name: 'unknown', input: {} };
    const text = resultText(block);
    const images = Array.isArray(block.content)
      ? block.content.filter(({ type }) => type === 'image').length
      : 0;
    turn.results.push({
      ...call,
      text: personText(text),
      isError: block.is_error ?? false,
      ...(images > 0 ? { images } : {}),
    });
    addSteering(turn, text);
  } else if (block.type === 'text' && block.text !== undefined) {
    addSteering(turn, block.text);
    const ended = endedWork(block.text);
    if (ended !== undefined) turn.notices.push(ended);
    if (role === 'system') return;
    turn.received.push(...receivedNotes(block.text));
    // A notification alone is a turn that Claude Code has begun by itself.
    const text = personText(block.text) || (ended ?? '');
    if (text !== '') turn.texts.push({ text, steering: turn.results.length > 0 });
  }
}

function addSteering(turn: Turn, text: string): void {
  for (const steered of extractSteering(text)) turn.texts.push({ text: steered, steering: true });
}

function resultText({ content }: RequestBlock): string {
  if (content === undefined || typeof content === 'string') return content ?? '';
  return content
    .map((part) => part.text ?? '')
    .join('\n')
    .trim();
}

/** The paths that Claude Code names in its prompt or its reminders. */
function findNamed({ system, messages }: MessagesRequest, pattern: RegExp): string | undefined {
  const prompts = typeof system === 'string' ? [system] : system.map((part) => part.text ?? '');
  const sent = messages.filter(({ role }) => role !== 'assistant');
  const injected = sent.flatMap((message) => blocksOf(message).map((block) => block.text ?? ''));
  for (const prompt of [...prompts, ...injected]) {
    const found = pattern.exec(prompt)?.[1]?.trim();
    if (found) return found;
  }
  return undefined;
}
