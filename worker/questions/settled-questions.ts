import { z } from 'zod';
import type { Choices } from '../../shared/store/choices.ts';
import { cut } from '../../shared/runtime/cut.ts';
import { parseJson } from '../../shared/runtime/json.ts';
import { questionKinds } from './question.ts';

/**
 * A question without an answer in time: its default applied, and a late answer needs confirmation.
 * `digest` identifies exactly what was asked.
 */
const Missed = z.object({
  kind: z.enum(questionKinds),
  text: z.string(),
  digest: z.string(),
  labels: z.array(z.string()),
  fallback: z.string(),
});
export type Missed = z.infer<typeof Missed>;

const One = z.object({
  id: z.string(),
  words: z.string(),
  at: z.number(),
  missed: Missed.optional().catch(undefined),
});
/** Questions that no longer wait, oldest first, each with its outcome; `at` is ms since 1970. */
export type Settled = z.infer<typeof One>[];

/**
 * How many of its last questions a conversation stores, and for how long (ms); a button stays
 * tappable for ever.
 */
const most = 30;
const lifetimeMs = 30 * 24 * 3600_000;

/** Length limit for a repeated answer (UTF-16 units). */
const longest = 60;

/** Length limit for the text of a repeated question (UTF-16 units). */
const longestText = 200;

/** Parses a conversation's stored value, entry by entry: another version may have written some. */
export function parseSettled(stored: string | undefined): Settled {
  const entries = parseJson(stored ?? '[]');
  return Array.isArray(entries) ? entries.flatMap((one) => One.safeParse(one).data ?? []) : [];
}

/** Adds a question to the list. */
export function addSettled(
  settled: Settled,
  id: string,
  words: string,
  now: number,
  missed?: Missed,
): Settled {
  const others = settled.filter((entry) => entry.id !== id && entry.at > now - lifetimeMs);
  return [
    ...others,
    {
      id,
      words: cut(words, longest),
      at: now,
      ...(missed ? { missed: { ...missed, text: cut(missed.text, longestText) } } : {}),
    },
  ].slice(-most);
}

/** Whether a tapped button belongs to a question, of any time and conversation. */
export function isQuestionButton(choice: string): boolean {
  return choice.includes('.ask.') && !choice.startsWith('/');
}

/** The reply to a tap on a question that does not wait. */
export function settledSentence(settled: Settled, choice: string): string {
  const words = settled.find(({ id }) => choice.startsWith(`${id}.`))?.words;
  return words === undefined || words === ''
    ? 'That question is settled.'
    : `That question is settled (${words}).`;
}

/** A late answer: its question and its label. */
export type LateAnswer = { id: string; missed: Missed; label: string };

/** The late answer given by a tap; undefined if it equals the default that applied. */
export function lateAnswer(settled: Settled, choice: string): LateAnswer | undefined {
  const found = settled.find(({ id, missed }) => missed && choice.startsWith(`${id}.`));
  const label = found?.missed?.labels[Number(choice.slice(found.id.length + 1)) - 1];
  if (!found?.missed || label === undefined || label === found.missed.fallback) return undefined;
  return { id: found.id, missed: found.missed, label };
}

const after = 'after.';

/** The late answer confirmed by a tap under `writeLateQuestion`. */
export function confirmedAnswer(settled: Settled, choice: string): LateAnswer | undefined {
  return choice.startsWith(after) ? lateAnswer(settled, choice.slice(after.length)) : undefined;
}

/** Whether a tap leaves the outcome as it is. */
export function isLeftAsItIs(choice: string): boolean {
  return choice.startsWith(after) && choice.endsWith('.0');
}

/** The reply to a late answer: asks for confirmation and names the default that applied. */
export function writeLateQuestion({ id, missed, label }: LateAnswer): {
  text: string;
  choices: Choices;
} {
  const { kind, text, labels, fallback } = missed;
  const isLeave = kind !== 'choice';
  const ask = isLeave ? 'Shall I do it after all?' : `Shall I take ${label} after all?`;
  const items = [
    {
      id: `${after}${id}.${labels.indexOf(label) + 1}`,
      title: isLeave ? 'Yes, do it' : 'Yes, take it',
    },
    { id: `${after}${id}.0`, title: 'Leave it' },
  ];
  return {
    text: `I went on with ${fallback}. ${ask}\n\n“${text}”`,
    choices: { kind: 'buttons', items },
  };
}
