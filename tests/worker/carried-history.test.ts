import { expect, test } from 'vitest';
import type { AgentTurn, Prompt } from '../../worker/agent/agent.ts';
import {
  carryHistory,
  formatHistory,
} from '../../worker/agent/claude/transcript/carried-history.ts';
import { carriedNote, carriedNoteEnd, resumeNote } from '../../worker/agent/claude/instructions.ts';
import { promptId } from '../../worker/agent/claude/prompt-id.ts';
import { readEntry } from '../../worker/agent/claude/transcript/transcript.ts';
import type { TranscriptEntry } from '../../worker/agent/claude/transcript/transcript.ts';

let count = 0;
const entry = (type: 'user' | 'assistant', message: object): TranscriptEntry => ({
  id: `entry-${(count += 1)}`,
  ...readEntry(type, message),
});
const person = (content: string): TranscriptEntry => entry('user', { content });
const claude = (text: string, stop_reason = 'end_turn'): TranscriptEntry =>
  entry('assistant', { model: 'claude', stop_reason, content: [{ type: 'text', text }] });

/** The messages between the two notes. */
const carried = (transcript: TranscriptEntry[], except = ''): string[] =>
  formatHistory(transcript, except).split('\n\n').slice(1, -1);

test('what was said is carried over, without thinking, tools, notes, errors and what the person did not say', () => {
  const transcript = [
    person('build it'),
    entry('assistant', {
      model: 'claude',
      stop_reason: 'tool_use',
      content: [{ type: 'thinking', thinking: 'hidden' }],
    }),
    claude('I look.', 'tool_use'),
    entry('user', { content: [{ type: 'tool_result', content: 'hidden' }] }),
    claude('It is built.'),
    person(resumeNote),
    person('<command-name>/compact</command-name>'),
    person('[Request interrupted by user]'),
    person('and test it'),
    entry('assistant', { model: '<synthetic>', content: [{ type: 'text', text: 'API Error' }] }),
  ];
  expect(formatHistory(transcript, '')).toBe(
    [carriedNote, 'Person: build it', 'You: I look.\n\nIt is built.', carriedNoteEnd].join('\n\n'),
  );
});

test('a prompt that comes again is left out, the work on it is not; a summary is named as one', () => {
  const again = { ...person('deploy it'), id: 'again' };
  const summary = person('This session is being continued from a previous conversation that …');
  expect(
    carried([summary, claude('Ready.'), again, claude('I begin.', 'tool_use')], 'again'),
  ).toEqual([expect.stringMatching(/^Summary: This session/), 'You: Ready.', 'I begin.']);
});

test('the last six messages are carried, at most 8,000 characters, the newest before the older', () => {
  const many = Array.from({ length: 9 }, (_, index) => [
    person(`question ${index}`),
    claude(`answer ${index}`),
  ]).flat();
  expect(carried(many)).toEqual(
    [6, 7, 8].flatMap((index) => [`Person: question ${index}`, `You: answer ${index}`]),
  );
  const long = Array.from({ length: 6 }, () => [person('q'), claude('x'.repeat(5000))]).flat();
  const text = formatHistory(long, '');
  expect(text.length).toBeLessThan(9000);
  expect(text.match(/x…/g)).toHaveLength(3);
});

test('what was carried into the refused session is not carried on from there', () => {
  const first = person(`${carriedNote}\n\nPerson: old\n\n${carriedNoteEnd}\n\nnew`);
  expect(carried([first, claude('answer')])).toEqual(['Person: new', 'You: answer']);
  expect(formatHistory([], '')).toBe('');
  expect(formatHistory([person('no answer yet')], '')).toBe('');
});

/** The prompts of a turn that follows a session, as its fresh session gets them. */
async function promptsOf(
  texts: string[],
  {
    live = { resumed: false, sent: new Set<string>() },
    follows = 'old',
    read = async () => [person('one'), claude('two')],
  }: {
    live?: { resumed: boolean; sent: Set<string> };
    follows?: string | undefined;
    read?: () => Promise<TranscriptEntry[]>;
  } = {},
): Promise<string[]> {
  async function* prompts(): AsyncGenerator<Prompt> {
    for (const text of texts) yield { id: text, text };
  }
  const turn = { follows, prompts: prompts() } as unknown as AgentTurn;
  const got: string[] = [];
  for await (const { text } of carryHistory(turn, live, read).prompts) got.push(text);
  return got;
}

test('only the first prompt of a fresh session gets the history, and no command', async () => {
  expect(await promptsOf(['/compact', 'a', 'b'])).toEqual([
    '/compact',
    expect.stringMatching(/Person: one\n\nYou: two\n\n.*\n\na$/),
    'b',
  ]);
  expect(await promptsOf(['a'], { live: { resumed: true, sent: new Set() } })).toEqual(['a']);
  expect(await promptsOf(['a'], { live: { resumed: false, sent: new Set(['x']) } })).toEqual(['a']);
  const own = { ...person('a'), id: promptId('a') };
  expect(await promptsOf(['a'], { read: async () => [own] })).toEqual(['a']);
  expect(await promptsOf(['a'], { read: async () => Promise.reject(new Error('gone')) })).toEqual([
    'a',
  ]);
});
