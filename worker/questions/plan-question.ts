import { createHash } from 'node:crypto';
import { chunk } from '../reply/chunk.ts';
import type { PermissionMode } from '../agent/settings.ts';
import type { Question } from './question.ts';
import type { AnswerWriter } from '../reply/answer.ts';
import { showText } from './shown-text.ts';

/** The answers to a plan. WhatsApp's buttons take 20 characters. */
export const planLabels = { go: 'Go', goUnasked: 'Go, edits unasked', keep: 'Keep planning' };

/** What still needs approval after *Go*, and the difference for *Go, edits unasked*. */
const goWords: Record<PermissionMode, { go: string; goUnasked: string }> = {
  ask: {
    go: 'I carry it out, and ask before I change anything or run a command',
    goUnasked: 'I carry it out, change files without asking, and ask before I run a command',
  },
  edits: {
    go: 'I carry it out, and ask before I run a command',
    goUnasked: 'the same here, since I change files without asking anyway',
  },
  all: {
    go: 'I carry it out without asking',
    goUnasked: 'the same here, since I work without asking anyway',
  },
};

/**
 * Asks what to do with a plan, which comes before the question: in the chat, or as its opening and
 * a page. Undefined means that the plan was not written down.
 */
export async function writePlanQuestion(
  plan: string | undefined,
  mode: PermissionMode,
  writeAnswer: AnswerWriter,
): Promise<Question> {
  const { go, goUnasked, keep } = planLabels;
  const words = goWords[mode];
  const shown = 'That is my plan. Shall I begin?';
  const text =
    plan === undefined ? 'I wrote no plan down, so I cannot show you one. Shall I begin?' : shown;
  return {
    kind: 'plan',
    text,
    multiple: false,
    fallback: keep,
    yes: go,
    no: keep,
    ...(plan === undefined ? {} : { before: await showPlan(plan, writeAnswer) }),
    options: [
      { label: go, description: words.go },
      { label: goUnasked, description: words.goUnasked },
      {
        label: keep,
        description: 'I change nothing yet. Or just write what should be different',
      },
    ],
    subject: plan ?? '',
    summary: plan === undefined ? text : 'Here is my plan. Shall I begin?',
  };
}

async function showPlan(plan: string, writeAnswer: AnswerWriter): Promise<string[]> {
  const shown = showText(plan);
  const id = `plan.${createHash('sha256').update(plan).digest('hex')}`;
  const [first = '', ...rest] = await writeAnswer(id, shown);
  const written = [`*The plan*\n\n${first}`, ...rest].flatMap((part) => chunk(part));
  // If the chat's markup would swallow words, the plan is shown as written.
  const isWhole =
    rest.some((part) => part.includes('/page/')) || hasAllWords(shown, written.join('\n'));
  return isWhole ? written : chunk(`*The plan*\n\n${shown}`);
}

/** Whether every word of a text occurs in another at least as often. */
function hasAllWords(text: string, other: string): boolean {
  const count = new Map<string, number>();
  for (const word of other.match(/[\p{L}\p{N}]+/gu) ?? [])
    count.set(word, (count.get(word) ?? 0) + 1);
  return (text.match(/[\p{L}\p{N}]+/gu) ?? []).every((word) => {
    const left = (count.get(word) ?? 0) - 1;
    count.set(word, left);
    return left >= 0;
  });
}
