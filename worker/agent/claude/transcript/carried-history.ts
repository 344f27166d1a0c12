import { cutLines } from '../../../../shared/runtime/cut.ts';
import type { AgentTurn, Prompt } from '../../agent.ts';
import { carriedNote, carriedNoteEnd } from '../instructions.ts';
import { promptId } from '../prompt-id.ts';
import type { LiveSession } from '../session.ts';
import type { TranscriptEntry } from './transcript.ts';

/** How much of an earlier session is passed on: messages, and characters of each and in all. */
const [mostMessages, mostEach, mostInAll] = [6, 3000, 8000];

/** Less room than this is not worth a part of a message (characters). */
const leastPart = 200;

/** What Claude Code writes as a user entry without the person having said it. */
const notSaid = /^<(?:command-|local-command-|bash-|system-reminder|task-notification)/;
const summaryStart = 'This session is being continued from a previous conversation';

type Said = { who: 'Person' | 'You' | 'Summary'; text: string };

/**
 * Prepares a turn whose new session follows a refused one: its first prompt begins with what was
 * said last there. A session that has received something already stays as it is, so a turn that is
 * resumed does not repeat it. `read` reads the transcript of a session; when it fails, the work
 * goes on without.
 */
export function carryHistory(
  turn: AgentTurn,
  { resumed, sent }: Pick<LiveSession, 'resumed' | 'sent'>,
  read: (session: string) => Promise<TranscriptEntry[]>,
): AgentTurn {
  const { follows } = turn;
  if (follows === undefined || resumed || sent.size > 0) return turn;
  return { ...turn, prompts: precede(turn.prompts, () => read(follows).catch(() => [])) };
}

async function* precede(
  prompts: AsyncIterable<Prompt>,
  read: () => Promise<TranscriptEntry[]>,
): AsyncGenerator<Prompt> {
  let isToCome = true;
  for await (const prompt of prompts) {
    // A command of Claude Code is one only at the start of a prompt.
    const isHere = isToCome && !prompt.text.startsWith('/');
    if (isHere) isToCome = false;
    const before = isHere ? formatHistory(await read(), promptId(prompt.id)) : '';
    yield before === '' ? prompt : { ...prompt, text: `${before}\n\n${prompt.text}` };
  }
}

/**
 * The last messages of a transcript as a text for Claude, oldest first: only what was said, without
 * thinking, tools, and the prompt with the uuid `except`. Empty when nothing was said.
 */
export function formatHistory(transcript: readonly TranscriptEntry[], except: string): string {
  const said = readSaid(transcript.filter(({ id }) => id !== except));
  // What has no answer comes again as a prompt, or was given up.
  while (said.at(-1)?.who === 'Person') said.pop();
  const parts: string[] = [];
  let room = mostInAll;
  for (const { who, text } of said.slice(-mostMessages).toReversed()) {
    if (room < leastPart) break;
    const part = cutLines(text, Math.min(mostEach, room));
    room -= part.length;
    parts.unshift(`${who}: ${part}`);
  }
  return parts.length === 0 ? '' : [carriedNote, ...parts, carriedNoteEnd].join('\n\n');
}

/** Entries that neither the person nor Claude has said. */
const notMeant = new Set<TranscriptEntry['kind']>(['break', 'failed', 'note', 'notice']);

/** Consecutive entries of one speaker are one message. */
function readSaid(transcript: readonly TranscriptEntry[]): Said[] {
  const said: Said[] = [];
  for (const { kind, by, text: whole } of transcript) {
    // A session that followed another one begins with what was carried into it.
    const text = (whole.split(carriedNoteEnd).at(-1) ?? '').trim();
    const isMeant = !notMeant.has(kind) && by !== undefined;
    if (!isMeant || text === '' || notSaid.test(text)) continue;
    const isSummary = by === 'person' && text.startsWith(summaryStart);
    const who = isSummary ? 'Summary' : by === 'person' ? 'Person' : 'You';
    const last = said.at(-1);
    if (last?.who === who) last.text += `\n\n${text}`;
    else said.push({ who, text });
  }
  return said;
}
