import { getSessionMessages } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';

/** One entry of a transcript, as far as it matters here. */
export type TranscriptEntry = { id: string; role: 'user' | 'assistant' | 'other'; text: string; final: boolean };

/** What a transcript says about a prompt: never arrived, arrived without an answer, or answered. */
export type PromptState = { state: 'absent' } | { state: 'unanswered' } | { state: 'answered'; id: string; text: string };

const AssistantMessage = z.object({
  model: z.string().optional(),
  stop_reason: z.string().nullish(),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))]),
});

/** Reads a session's transcript from Claude Code's directory; empty when there is none. */
export async function readTranscript(session: string, workspace: string): Promise<TranscriptEntry[]> {
  const messages = await getSessionMessages(session, { dir: workspace });
  return messages.map(({ uuid, type, message }): TranscriptEntry => {
    if (type !== 'assistant') return { id: uuid, role: type === 'user' ? 'user' : 'other', text: '', final: false };
    const parsed = AssistantMessage.safeParse(message);
    if (!parsed.success) return { id: uuid, role: 'assistant', text: '', final: false };
    const { content, model, stop_reason: stopReason } = parsed.data;
    const text = typeof content === 'string' ? content : content.map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join('');
    // Claude Code writes entries of its own under the model "<synthetic>": errors, and fillers after an interruption.
    return { id: uuid, role: 'assistant', text, final: stopReason === 'end_turn' && model !== '<synthetic>' };
  });
}

/**
 * Finds out what became of a prompt. Its answer is the next final answer after it; Claude Code writes one entry for each block of an
 * answer, so the whole is the run of final entries, and its id is that of the last one with text.
 */
export function findPrompt(transcript: TranscriptEntry[], promptId: string): PromptState {
  const at = transcript.findIndex((entry) => entry.id === promptId);
  if (at < 0) return { state: 'absent' };
  const start = transcript.findIndex((entry, index) => index > at && entry.final);
  if (start < 0) return { state: 'unanswered' };
  const rest = transcript.slice(start);
  const length = rest.findIndex((entry) => !entry.final);
  const answer = (length < 0 ? rest : rest.slice(0, length)).filter((entry) => entry.text !== '');
  const last = answer.at(-1) ?? rest[0];
  return { state: 'answered', id: last?.id ?? promptId, text: joinBlocks(answer.map((entry) => entry.text)) };
}

/** The text of an answer that came in several blocks. */
export function joinBlocks(blocks: string[]): string {
  return blocks.map((block) => block.trim()).filter((block) => block !== '').join('\n\n');
}
