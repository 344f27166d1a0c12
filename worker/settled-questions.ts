import { z } from 'zod';
import { cut } from '../shared/cut.ts';

const Settled = z.array(z.object({ id: z.string(), words: z.string(), at: z.number() }));
/** Questions that no longer wait, oldest first, each with what became of it; `at` is ms since 1970. */
export type Settled = z.infer<typeof Settled>;

/** A conversation remembers its last questions, this many and for this long (ms); a button stays tappable for ever. */
const most = 30;
const lifetimeMs = 30 * 24 * 3600_000;

/** The longest answer that is repeated (UTF-16 units). */
const longest = 60;

/** Reads what a conversation has stored. */
export function parseSettled(stored: string | undefined): Settled {
  try {
    return Settled.safeParse(JSON.parse(stored ?? '[]')).data ?? [];
  } catch {
    return [];
  }
}

/** The list with one question more. */
export function addSettled(settled: Settled, id: string, words: string, now: number): Settled {
  const others = settled.filter((entry) => entry.id !== id && entry.at > now - lifetimeMs);
  return [...others, { id, words: cut(words, longest), at: now }].slice(-most);
}

/** Whether a tapped button belongs to a question, of whatever time and conversation. */
export function isQuestionButton(choice: string): boolean {
  return choice.includes('.ask.') && !choice.startsWith('/');
}

/** What a tap on a question that does not wait gets. */
export function settledSentence(settled: Settled, choice: string): string {
  const words = settled.find(({ id }) => choice.startsWith(`${id}.`))?.words;
  return words === undefined || words === '' ? 'That question is settled.' : `That question is settled (${words}).`;
}
