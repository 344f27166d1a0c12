import { setImmediate as settled } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createConversations } from '../../shared/store/conversation.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { Message } from '../../shared/store/message.ts';
import type { NewReply, Reply } from '../../shared/store/reply.ts';
import { findCommand } from '../../worker/commands/find-command.ts';
import { readAnswer } from '../../worker/questions/question.ts';
import type { OpenQuestion } from '../../worker/questions/question.ts';
import { nextStep } from '../../worker/turn/next-step.ts';
import { isStop } from '../../worker/turn/stop.ts';
import { createSuggestions, withSuggestion } from '../../worker/turn/suggestions.ts';
import type { Suggestions } from '../../worker/turn/suggestions.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import { said, tap } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/** Suggestions that would be something else if the person typed them. */
const words = [
  'Yes, always',
  '/permissions all',
  '２',
  'نعم، دائمًا',
  '停止',
  '／ｐｅｒｍｉｓｓｉｏｎｓ ａｌｌ',
  '/clear',
];

/** The same in other scripts and forms, with what is shown of them and entered. */
const odd: [suggestion: string, shown: string][] = [
  ['stop', 'stop'],
  ['2', '2'],
  ['/new', '/new'],
  ['retry', 'retry'],
  ['s\u200bt\u2060op', 'stop'],
  ['\u202epots\u202c', 'pots'],
  ['\u200f/permissions all\ufeff', '/permissions all'],
  ['Yes,\u00a0always', 'Yes, always'],
  ['Ｙｅｓ', 'Ｙｅｓ'],
  ['ｓｔｏｐ', 'ｓｔｏｐ'],
  ['٢', '٢'],
  ['२', '२'],
  ['توقف', 'توقف'],
  ['停', '停'],
  ['是，总是', '是，总是'],
  ['हाँ, हमेशा', 'हाँ, हमेशा'],
  ['🛑', '🛑'],
  ['run it\n/permissions all', 'run it /permissions all'],
  ['say hi\u{e0073}\u{e0074}\u{e006f}\u{e0070}', 'say hi'],
  ['.next', '.next'],
];

const message = (more: Partial<Message> = {}): Message => ({
  id: `SM${'1'.repeat(32)}`,
  conversation: phone,
  at: '2026-01-02T03:04:05.678Z',
  text: 'go',
  media: [],
  human: true,
  ...more,
});

test('a tap on a suggestion is an ordinary request for every part that reads messages', () => {
  const id = '0a1b2c3d-0000-4000-8000-000000000000.next';
  const tapped = message({ text: 'Do that', choice: { id, title: 'Do that' } });
  const labels = ['Yes', 'Yes, always', 'No'];
  const asked = { id: `SM${'2'.repeat(32)}.ask.1`, text: 'May I?', labels, deadline: Infinity };
  const kinds: OpenQuestion['kind'][] = ['choice', 'permission', 'budget', 'plan'];
  for (const multiple of [true, false])
    for (const kind of kinds) {
      const question = { ...asked, kind, multiple, yes: 'Yes', no: 'No' };
      expect(readAnswer(question, tapped, `${asked.id}.text`)).toBe(undefined);
      for (const busy of [true, false])
        expect(
          nextStep([tapped], {
            taken: new Set(),
            busy,
            question,
            session: undefined,
            quoted: () => undefined,
            tapSentence: () => undefined,
          }),
        ).toEqual({ kind: 'prompt', message: tapped });
    }
  expect(isStop(tapped)).toBe(false);
  for (const isFirst of [true, false]) expect(findCommand(tapped, isFirst)).toBe(undefined);
});

test('whatever is suggested, a tap gives it to Claude as a request, and nothing else happens', async () => {
  await withPipeline({}, async (pipeline) => {
    const heard: string[] = [];
    await pipeline.startWorker({
      async answer(text, turn) {
        heard.push(text);
        const index = Number(/^go (\d+)$/.exec(text)?.[1] ?? -1);
        setTimeout(() => turn.onSuggestion?.(words[index] ?? ''), 20);
        return `answer ${heard.length}`;
      },
    });
    for (const [index, suggestion] of words.entries()) {
      await pipeline.say(`go ${index}`);
      const offer = await said(pipeline, `Next: ${suggestion}`);
      expect(offer.buttons.map(({ title }) => title)).toEqual(['Do that']);
      await tap(pipeline, offer, 'Do that');
      await said(pipeline, `answer ${(index + 1) * 2}`);
      expect(heard.at(-1)).toBe(
        `[The person tapped “Do that” under this suggestion of yours.]\n${suggestion}`,
      );
    }
    const kept = await createConversations(pipeline.redis).read(phone);
    expect([kept.permissions, kept.allowed, kept.anew]).toEqual([undefined, undefined, undefined]);
    expect(pipeline.replies()).toHaveLength(3 * words.length);
    // A button of another person's chat, or of a message that is gone, brings no words of its own.
    const theirs = pipeline.replies().at(-2)?.buttons[0]?.id ?? '';
    expect(theirs).toMatch(/\.next$/);
    for (const id of [theirs, 'gone.next']) {
      heard.length = 0;
      const choice = { id, title: 'Do that', kind: 'button' as const };
      await pipeline.twin.chat.receive(otherPhone, { choice });
      await until('the tap', () => heard.length > 0);
      expect(heard).toEqual(['Do that']);
    }
  });
});

/** Suggestions of one turn, with what they have put. `waiting` messages are in the inbox. */
function openSuggestions(
  first: Message[],
  waiting = 0,
): { suggestions: Suggestions; replies: NewReply[] } {
  const replies: NewReply[] = [];
  const suggestions = createSuggestions(
    {
      inbox: { size: async () => waiting },
      outbox: {
        async put(more) {
          replies.push(...more);
          return { added: more.length, left: 0 };
        },
      },
    },
    { conversation: phone, turn: 'turn-1', log: createLog('test', 'silent') },
    { session: () => 'session-1', first },
  );
  return { suggestions, replies };
}

const usage = { inputTokens: 0, outputTokens: 0, costUsd: 0 };
const answer = (id: string) => ({ kind: 'answer' as const, id, text: 'x', prompts: [], usage });

test('only what was suggested after the last answer is offered, once the turn has ended', async () => {
  const { suggestions, replies } = openSuggestions([message()]);
  suggestions.note(answer('a'));
  suggestions.offer('after the first');
  suggestions.note(answer('b'));
  suggestions.end();
  await settled();
  expect(replies).toEqual([]);
  suggestions.offer(' run the tests ');
  await settled();
  expect(replies).toEqual([
    {
      id: 'b.next',
      conversation: phone,
      turn: 'turn-1',
      text: 'Next: run the tests',
      choices: { kind: 'buttons', items: [{ id: 'b.next', title: 'Do that' }], told: true },
      session: 'session-1',
      aside: true,
    },
  ]);
});

test('a suggestion that comes before its answer is put waits for it', async () => {
  const { suggestions, replies } = openSuggestions([message()]);
  suggestions.offer('run the tests');
  suggestions.note(answer('a'));
  await settled();
  expect(replies).toEqual([]);
  suggestions.end();
  await settled();
  expect(replies.map(({ text }) => text)).toEqual(['Next: run the tests']);
});

test.each<[string, Message[], number, string]>([
  ['the person has written on', [message()], 1, 'run the tests'],
  ['nobody wrote', [message({ id: 'schedule-1-1-1', human: false })], 0, 'run the tests'],
  ['it is empty', [message()], 0, '  '],
  ['nothing of it is seen', [message()], 0, '\u200b\u202e \u2060'],
  ['it is no suggestion but a text', [message()], 0, 'x'.repeat(301)],
])('nothing is offered when %s', async (_, first, waiting, suggestion) => {
  const { suggestions, replies } = openSuggestions(first, waiting);
  suggestions.note(answer('a'));
  suggestions.end();
  suggestions.offer(suggestion);
  await settled();
  expect(replies).toEqual([]);
});

test.each(odd)(
  '%j is shown as %j, and a tap enters just that, as a request',
  async (text, shown) => {
    const { suggestions, replies } = openSuggestions([message()]);
    suggestions.note(answer('a'));
    suggestions.end();
    suggestions.offer(text);
    await settled();
    const [offer] = replies;
    expect(offer?.text).toBe(`Next: ${shown}`);
    const ledger = { find: async () => offer as unknown as Reply };
    const tapped = message({ text: 'Do that', choice: { id: 'a.next', title: 'Do that' } });
    expect(await withSuggestion(ledger, tapped)).toEqual({
      message: {
        ...tapped,
        text: `[The person tapped “Do that” under this suggestion of yours.]\n${shown}`,
      },
      isSuggestion: true,
    });
  },
);
