import { getSessionMessages } from '@anthropic-ai/claude-agent-sdk';
import type { SessionStore } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import type { Words } from '../../agent.ts';
import { goesOnWith, isNote } from '../instructions.ts';
import { isBlank, withoutFiller } from '../filler.ts';

/**
 * One transcript entry, limited to what matters here. `answer` is a block of a complete answer;
 * `words` were said before or beside a tool call, or before the answer went on; `break`
 * marks an interruption, and `failed` a request that the model's side has refused, both noted by
 * Claude Code; `note` is our own request to go on, `notice` tells the model that work in the
 * background has ended.
 */
export type TranscriptEntry = {
  id: string;
  kind: 'answer' | 'words' | 'break' | 'failed' | 'note' | 'notice' | 'other';
  /** Who wrote it: entries of the person's side include what Claude Code adds there. */
  by?: 'person' | 'claude';
  text: string;
  /** The prompts that Claude Code took up together with this one, whose entry is that of all. */
  merged?: string[];
};

/**
 * The state of a prompt in the transcript: never arrived, arrived without an answer, or answered.
 * `overtaken` when something later was answered first; `isOpen` when the request about it failed,
 * so that Claude answers it with what it says next by itself. `earlier` is what Claude said about
 * it before or beside its tool calls, without filler.
 */
export type PromptState =
  | { state: 'absent' }
  | { state: 'unanswered'; overtaken: boolean; isOpen?: true; earlier: Words[] }
  | { state: 'answered'; id: string; text: string; earlier: Words[] };

const Content = z.union([
  z.string(),
  z.array(z.looseObject({ type: z.string(), text: z.string().optional() })),
]);
const TranscriptMessage = z.object({
  id: z.string().optional(),
  model: z.string().optional(),
  stop_reason: z.string().nullish(),
  content: Content,
});

/**
 * What Claude Code notes of an entry besides what the SDK's reader gives: prompts that waited in its
 * queue when a run was interrupted become one entry, under the id of the last one.
 */
const Merged = z.object({ uuid: z.string(), mergedSendUuids: z.array(z.string()).min(1) });

/**
 * What Claude Code asks the model when a stream was cut off behind a whole block: it writes that
 * block down as if the answer ended with it.
 */
const CutOff = z.object({
  type: z.literal('user'),
  isMeta: z.literal(true),
  parentUuid: z.string(),
  message: z.object({ content: z.string().startsWith('Your response above was cut off') }),
});

/**
 * What Claude Code writes where a request to the model has failed. It leaves this entry out of the
 * next request, so the model finds what came before it unanswered (seen with 2.1.330).
 */
const Failed = z.object({ uuid: z.string(), isApiErrorMessage: z.literal(true) });

/** What the SDK's reader leaves out, by the ids of entries. */
type Noted = { merged: Map<string, string[]>; cutOff: Set<string>; failed: Set<string> };

/**
 * The same store, which also notes in `merged` which prompts share an entry, in `cutOff` which
 * entries an answer goes on behind, and in `failed` which stand for a failed request.
 */
function noting(store: SessionStore, { merged, cutOff, failed }: Noted): SessionStore {
  return {
    ...store,
    async load(key) {
      const entries = await store.load(key);
      for (const entry of entries ?? []) {
        const { data } = Merged.safeParse(entry);
        if (data) merged.set(data.uuid, data.mergedSendUuids);
        const cut = CutOff.safeParse(entry).data;
        if (cut) cutOff.add(cut.parentUuid);
        const error = Failed.safeParse(entry).data;
        if (error) failed.add(error.uuid);
      }
      return entries;
    },
  };
}

/**
 * Reads a session's transcript from Claude Code's directory (this process's CLAUDE_CONFIG_DIR), or
 * from `store`; empty without one.
 */
export async function readTranscript(
  session: string,
  workspace: string,
  store?: SessionStore,
): Promise<TranscriptEntry[]> {
  const noted: Noted = { merged: new Map(), cutOff: new Set(), failed: new Set() };
  const { merged, cutOff, failed } = noted;
  const messages = await getSessionMessages(session, {
    dir: workspace,
    ...(store ? { sessionStore: noting(store, noted) } : {}),
  });
  // A model's message may continue after a tool call in it, and after its stream was cut off: text
  // before that is not an answer.
  const calling = new Set<string>();
  return messages
    .toReversed()
    .map(({ uuid, type, message }) => {
      const others = merged.get(uuid);
      const entry = {
        id: uuid,
        ...readEntry(type, message),
        ...(others ? { merged: others } : {}),
        ...(failed.has(uuid) ? { kind: 'failed' as const } : {}),
      };
      const { id, content = '' } = TranscriptMessage.safeParse(message).data ?? {};
      if (id === undefined) return entry;
      const calls = Array.isArray(content) && content.some((block) => block.type === 'tool_use');
      if (calls || cutOff.has(uuid)) calling.add(id);
      return entry.kind === 'answer' && calling.has(id)
        ? { ...entry, kind: 'words' as const }
        : entry;
    })
    .toReversed();
}

/** How a text begins in which Claude Code tells the model about work in the background. */
const taskMark = '<task-notification>';

/**
 * Whether Claude Code tells the model that work in the background has come to an end of its own:
 * what a resumed session says of work that was cut off has no outcome.
 */
function isOutcome(text: string): boolean {
  return text.trimStart().startsWith(taskMark) && !text.includes('<status>stopped</status>');
}

/** Why a model's message ends when the answer is complete. */
const complete = new Set<unknown>(['end_turn', 'stop_sequence']);

/**
 * Why a model's message ends although the answer continues: Claude Code asks again after the limit
 * of tokens, and once after the safeguards.
 */
const goesOn = new Set<unknown>([
  'tool_use',
  'max_tokens',
  'model_context_window_exceeded',
  'pause_turn',
  'refusal',
]);

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
          : isOutcome(text)
            ? 'notice'
            : 'other',
      by: 'person',
      text,
    };
  if (type !== 'assistant') return { kind: 'other', text };
  // Claude Code writes its own entries under the model "<synthetic>": errors, and placeholders
  // after an interruption.
  const by = 'claude';
  if (model === '<synthetic>') return { kind: 'break', by, text };
  if (complete.has(stopReason)) return { kind: 'answer', by, text };
  return { kind: goesOn.has(stopReason) && !isBlank(text) ? 'words' : 'other', by, text };
}

/**
 * Determines the state of a prompt. Its answer is the next complete one after it, unless the work
 * on it was interrupted: later answers then belong to something else, until a note resumes that
 * work. Behind a request that failed the model still finds the prompt unanswered, so an answer that
 * Claude Code begins by itself there, about work that has ended, is the prompt's as well; with
 * `isAskedAgain` it is not, because the person has heard that the prompt failed, and wants it
 * again. Claude Code writes one entry per block of an answer, so the whole answer is the run of
 * such entries, and its id is that of the last one with text.
 */
export function findPrompt(
  transcript: TranscriptEntry[],
  promptId: string,
  isAskedAgain = false,
): PromptState {
  const at = transcript.findIndex(
    ({ id, merged }) => id === promptId || merged?.includes(promptId) === true,
  );
  if (at < 0) return { state: 'absent' };
  const isNotice = transcript[at]?.kind === 'notice';
  let work: Work = 'going on';
  let overtaken = false;
  const earlier: Words[] = [];
  for (let index = at + 1; index < transcript.length; index += 1) {
    const entry = transcript[index];
    if (!entry) break;
    const { kind, id, text } = entry;
    work = workAfter(work, entry, isAskedAgain);
    if (kind === 'note' && goesOnWith(text, { id: promptId, isNotice, overtaken }))
      work = 'going on';
    if (kind === 'words' && work === 'going on') earlier.push({ id, text });
    if (kind !== 'answer') continue;
    if (work === 'going on')
      return {
        state: 'answered',
        ...readAnswer(transcript.slice(index), promptId),
        earlier: withoutFiller(earlier),
      };
    overtaken = true;
  }
  return {
    state: 'unanswered',
    overtaken,
    ...(work === 'failed' || work === 'told' ? { isOpen: true } : {}),
    earlier: withoutFiller(earlier),
  };
}

/**
 * The work on a prompt: `failed` until something follows the failed request; `told`, when that is
 * only that work in the background has ended.
 */
type Work = 'going on' | 'broken' | 'failed' | 'told';

function workAfter(work: Work, { kind, by, text }: TranscriptEntry, isAskedAgain: boolean): Work {
  if (kind === 'break' || work === 'broken') return 'broken';
  if (kind === 'failed') return isAskedAgain ? 'broken' : work === 'told' ? 'told' : 'failed';
  if (work === 'going on') return work;
  if (text.trimStart().startsWith(taskMark)) return 'told';
  const isClaude = by === 'claude' || kind === 'answer' || kind === 'words';
  return isClaude && work === 'told' ? 'going on' : 'broken';
}

/**
 * What became of the latest notice that work in the background has ended: one of the tasks with
 * these ids, or any if none is named. Undefined when there is no notice.
 */
export function findUnspoken(
  transcript: TranscriptEntry[],
  ids: readonly string[],
): Exclude<PromptState, { state: 'absent' }> | undefined {
  const notice = transcript.findLast(
    ({ kind, text }) =>
      kind === 'notice' && (ids.length === 0 || ids.some((id) => text.includes(id))),
  );
  const found = notice && findPrompt(transcript, notice.id);
  return found?.state === 'absent' ? undefined : found;
}

/** What Claude said of ended work, and which of the asked tasks it is about. */
export type Report = { answer: Extract<PromptState, { state: 'answered' }>; ids: string[] };

/**
 * What Claude has said of work in the background since the first notice about one of these tasks,
 * oldest first, or after the latest notice if none is named: a process that has died may have spoken
 * of more ends than were noted.
 */
export function findReports(transcript: TranscriptEntry[], ids: readonly string[]): Report[] {
  const notices = transcript.filter(({ kind }) => kind === 'notice');
  const isNamed = ({ text }: TranscriptEntry): boolean => ids.some((id) => text.includes(id));
  const first = ids.length === 0 ? notices.length - 1 : notices.findIndex(isNamed);
  const reports = new Map<string, Report>();
  for (const { id, text } of first < 0 ? [] : notices.slice(first)) {
    const answer = findPrompt(transcript, id);
    if (answer.state !== 'answered') continue;
    const about = ids.filter((task) => text.includes(task));
    reports.set(answer.id, { answer, ids: [...(reports.get(answer.id)?.ids ?? []), ...about] });
  }
  return [...reports.values()];
}

/** The answer at the start of `rest`; `fallbackId` is its id when it has no text. */
function readAnswer(rest: TranscriptEntry[], fallbackId: string): { id: string; text: string } {
  const length = rest.findIndex((entry) => entry.kind !== 'answer');
  const run = length < 0 ? rest : rest.slice(0, length);
  const spoken = run.filter((entry) => !isBlank(entry.text));
  return {
    id: spoken.at(-1)?.id ?? fallbackId,
    text: joinBlocks(spoken.map((entry) => entry.text)),
  };
}

/** Joins an answer's blocks into one text. */
export function joinBlocks(blocks: string[]): string {
  return blocks
    .map((block) => block.trim())
    .filter((block) => !isBlank(block))
    .join('\n\n');
}
