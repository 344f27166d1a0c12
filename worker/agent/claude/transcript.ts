import { getSessionMessages } from '@anthropic-ai/claude-agent-sdk';
import type { SessionStore } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { isNote } from './instructions.ts';

/**
 * One transcript entry, limited to what matters here. `answer` is a block of a complete answer;
 * `break` marks an interruption or a failure of the model, noted by Claude Code; `note` is our own
 * request to go on.
 */
export type TranscriptEntry = {
  id: string;
  kind: 'answer' | 'break' | 'note' | 'other';
  text: string;
};

/**
 * The state of a prompt in the transcript: never arrived, arrived without an answer, or answered.
 * `overtaken` when something later was answered first.
 */
export type PromptState =
  | { state: 'absent' }
  | { state: 'unanswered'; overtaken: boolean }
  | { state: 'answered'; id: string; text: string };

const Content = z.union([
  z.string(),
  z.array(z.looseObject({ type: z.string(), text: z.string().optional() })),
]);
const TranscriptMessage = z.object({
  model: z.string().optional(),
  stop_reason: z.string().nullish(),
  content: Content,
});

/**
 * Reads a session's transcript from Claude Code's directory (this process's CLAUDE_CONFIG_DIR), or
 * from `store`; empty when there is none.
 */
export async function readTranscript(
  session: string,
  workspace: string,
  store?: SessionStore,
): Promise<TranscriptEntry[]> {
  const messages = await getSessionMessages(session, {
    dir: workspace,
    ...(store ? { sessionStore: store } : {}),
  });
  return messages.map(({ uuid, type, message }) => ({ id: uuid, ...readEntry(type, message) }));
}

/** Classifies an entry by its type and its Messages API message. An unknown form is `other`. */
export function readEntry(type: string, message: unknown): Omit<TranscriptEntry, 'id'> {
  const parsed = TranscriptMessage.safeParse(message);
  if (!parsed.success) return { kind: 'other', text: '' };
  const { content, model, stop_reason: stopReason } = parsed.data;
  const text =
    typeof content === 'string'
      ? content
      : content.map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join('');
  if (type === 'user')
    return {
      kind: isNote(text)
        ? 'note'
        : text.startsWith('[Request interrupted by user')
          ? 'break'
          : 'other',
      text,
    };
  if (type !== 'assistant') return { kind: 'other', text };
  // Claude Code writes its own entries under the model "<synthetic>": errors, and placeholders
  // after an interruption.
  if (model === '<synthetic>') return { kind: 'break', text };
  return { kind: stopReason === 'end_turn' ? 'answer' : 'other', text };
}

/**
 * Determines the state of a prompt. Its answer is the next complete one after it, unless the work
 * on it was interrupted: later answers then belong to something else, until a note resumes the
 * work. Claude Code writes one entry per block of an answer, so the whole answer is the run of such
 * entries, and its id is that of the last one with text.
 */
export function findPrompt(transcript: TranscriptEntry[], promptId: string): PromptState {
  const at = transcript.findIndex((entry) => entry.id === promptId);
  if (at < 0) return { state: 'absent' };
  let broken = false;
  let overtaken = false;
  for (let index = at + 1; index < transcript.length; index += 1) {
    const kind = transcript[index]?.kind;
    if (kind === 'break') broken = true;
    if (kind === 'note') broken = false;
    if (kind !== 'answer') continue;
    if (!broken) return { state: 'answered', ...readAnswer(transcript.slice(index), promptId) };
    overtaken = true;
  }
  return { state: 'unanswered', overtaken };
}

/** The answer at the start of `rest`; `fallbackId` is its id when it has no text. */
function readAnswer(rest: TranscriptEntry[], fallbackId: string): { id: string; text: string } {
  const length = rest.findIndex((entry) => entry.kind !== 'answer');
  const run = length < 0 ? rest : rest.slice(0, length);
  const spoken = run.filter((entry) => entry.text.trim() !== '');
  return {
    id: spoken.at(-1)?.id ?? fallbackId,
    text: joinBlocks(spoken.map((entry) => entry.text)),
  };
}

/** Joins an answer's blocks into one text. */
export function joinBlocks(blocks: string[]): string {
  return blocks
    .map((block) => block.trim())
    .filter((block) => block !== '')
    .join('\n\n');
}
