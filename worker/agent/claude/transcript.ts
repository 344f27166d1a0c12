import { getSessionMessages } from '@anthropic-ai/claude-agent-sdk';
import type { SessionStore } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { isNote } from './instructions.ts';

/**
 * One entry of a transcript, as far as it matters here. `answer` is a block of a complete answer;
 * `break` is where Claude Code noted that it was interrupted or that the model failed; `note` is
 * our own request to go on.
 */
export type TranscriptEntry = {
  id: string;
  kind: 'answer' | 'break' | 'note' | 'other';
  text: string;
};

/**
 * What a transcript says about a prompt: never arrived, arrived without an answer, or answered.
 * `overtaken` when something that came later was answered before it.
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

/**
 * What an entry is, from its type and its message as the Messages API has it. An entry of an
 * unknown form is `other`.
 */
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
  // Claude Code writes entries of its own under the model "<synthetic>": errors, and fillers after
  // an interruption.
  if (model === '<synthetic>') return { kind: 'break', text };
  return { kind: stopReason === 'end_turn' ? 'answer' : 'other', text };
}

/**
 * Finds out what became of a prompt. Its answer is the next complete one after it, unless the work
 * on it was broken off: what follows then is the answer to something else, until a note takes the
 * work up again. Claude Code writes one entry for each block of an answer, so the whole is the run
 * of such entries, and its id is that of the last one with text.
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

/** The answer at the beginning of `rest`; `fallbackId` is its id when it has no words. */
function readAnswer(rest: TranscriptEntry[], fallbackId: string): { id: string; text: string } {
  const length = rest.findIndex((entry) => entry.kind !== 'answer');
  const run = length < 0 ? rest : rest.slice(0, length);
  const spoken = run.filter((entry) => entry.text.trim() !== '');
  return {
    id: spoken.at(-1)?.id ?? fallbackId,
    text: joinBlocks(spoken.map((entry) => entry.text)),
  };
}

/** The text of an answer that came in several blocks. */
export function joinBlocks(blocks: string[]): string {
  return blocks
    .map((block) => block.trim())
    .filter((block) => block !== '')
    .join('\n\n');
}
