import { expect, test } from 'vitest';
import { text } from '../../simulator/model/answer.ts';
import type { ApiError } from '../../simulator/model/api-error.ts';
import type { MessagesRequest } from '../../simulator/model/messages-request.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { failureSentence } from '../../worker/turn/ending/failure-sentence.ts';
import { renewalSentence } from '../../worker/turn/ending/renewal.ts';
import { atGate, gate, openGate } from '../support/gate-story.ts';
import { phone } from '../support/pipeline.ts';
import { said, texts, withStory, workspaceOf } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import type { ChatMessage } from '../../simulator/chat.ts';
import { until } from '../support/until.ts';

/** Says how many answers the model sees before this one, and what it was asked last. */
const counts: Story = {
  matches: (asked) => /\bcount /.test(asked),
  next: ({ answersBefore }, asked) =>
    text(`${asked.split('count ').at(-1)}: ${answersBefore} before`),
};

const refusal: ApiError = {
  status: 400,
  type: 'invalid_request_error',
  message:
    'messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.',
};

/** Refuses each request that has this among Claude's own answers. */
const refusing =
  (part: string) =>
  ({ messages }: MessagesRequest): ApiError | undefined =>
    messages.some(
      ({ role, content }) => role === 'assistant' && JSON.stringify(content).includes(part),
    )
      ? refusal
      : undefined;

/** Two messages, and a history that is refused from the second on. Returns the first answer. */
async function refuseHistory(bench: StoryBench): Promise<ChatMessage> {
  await bench.say('count first');
  const old = await said(bench, 'first: 0 before');
  bench.model.faults.refuse = refusing('first: 0 before');
  await bench.say('count second');
  await said(bench, 'second: 0 before');
  return old;
}

test('a history that the API refuses is begun anew once: the message is answered, the person told, the old one kept', async () => {
  await withStory({ stories: [counts] }, async (bench) => {
    await refuseHistory(bench);
    expect(texts(bench)).toEqual(['first: 0 before', renewalSentence, 'second: 0 before']);
    const asked = bench.model.requests.findLast(({ kind }) => kind === 'turn')?.view.texts;
    const heard = asked?.map((said) => said.text).join('\n') ?? '';
    expect(heard).toContain('Person: count first\n\nYou: first: 0 before');
    expect(heard.match(/count second/g)).toHaveLength(1);

    await bench.say('count third');
    await said(bench, 'third: 1 before');
    await bench.say('/sessions');
    const list = await said(bench, '1. count second (now)');
    expect(list.text).toContain('2. count first');
  });
});

test(
  'an answer of the refused history that is quoted begins anew as well, and a fresh session that is refused is given up',
  { tags: 'long' },
  async () => {
    await withStory({ stories: [counts] }, async (bench) => {
      const old = await refuseHistory(bench);
      await bench.twin.chat.receive(phone, { text: 'count third', quoted: old.sid });
      await said(bench, 'third: 0 before');

      bench.model.faults.refuse = () => refusal;
      await bench.say('count fourth');
      await said(bench, failureSentence('history'));
      bench.model.faults.refuse = undefined;
      await bench.say('retry');
      await until('the answer', () => texts(bench).some((words) => words.startsWith('fourth: ')));
      expect(texts(bench).filter((words) => words === renewalSentence)).toHaveLength(3);
    });
  },
);

/** The gate, also behind what was carried over. */
const carriedGate: Story = {
  ...gate,
  matches: (asked) => /\bgate$/.test(asked) || gate.matches(asked),
};

test(
  'a worker that ends in the fresh session is followed by one that goes on in it, and nothing is carried or told twice',
  { tags: 'long' },
  async () => {
    await withStory({ stories: [carriedGate, counts] }, async (bench) => {
      await bench.say('count first');
      await said(bench, 'first: 0 before');
      bench.model.faults.refuse = refusing('first: 0 before');
      await bench.say('gate');
      await atGate(await workspaceOf(bench));
      await bench.restartWorker();
      await openGate(await workspaceOf(bench));
      await said(bench, 'through');
      expect(texts(bench)).toEqual([
        'first: 0 before',
        renewalSentence,
        expect.stringContaining('through'),
      ]);
      const last = bench.model.requests.findLast(({ kind }) => kind === 'turn')?.view;
      const heard = [...(last?.unfinished ?? []), ...(last?.texts ?? []).map((said) => said.text)];
      expect(heard.join('\n').match(/Person: count first/g)).toHaveLength(1);
    });
  },
);
