import { DelayedError } from 'bullmq';
import { expect, test } from 'vitest';
import type { Message } from '../../shared/store/message.ts';
import type { Settlement } from '../../shared/store/boxes/outbox.ts';
import type { NewReply } from '../../shared/store/reply.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import type { MessageState } from '../../worker/agent/message-state.ts';
import { isStop } from '../../worker/turn/stop.ts';
import type { TurnContext } from '../../worker/turn/context.ts';
import {
  endBadly,
  giveUpExhausted,
  isExhausted,
  settleStopped,
} from '../../worker/turn/ending/outcome.ts';
import type { EndingDeps, TurnStand } from '../../worker/turn/ending/outcome.ts';

const conversation = '+15551230001';
const message = (id: string): Message => ({
  id,
  conversation,
  at: '2026-01-31T12:00:00.000Z',
  text: `text of ${id}`,
  media: [],
  human: true,
});

type Put = { replies: NewReply[]; settlement: Settlement | undefined };

/** A turn with these messages in its inbox, of which some were begun with so often. */
function bench(
  waiting: string[],
  before: Record<string, number> = {},
  taken: string[] = [],
  answerers: string[] = [],
) {
  const puts: Put[] = [];
  const parts = {
    stores: {
      inbox: { read: async () => waiting.map(message) },
      conversations: { read: async () => ({}) },
      background: { list: async () => [] },
      watch: { looks: async () => undefined },
      outbox: {
        put: async (replies: NewReply[], _fence: unknown, settlement?: Settlement) =>
          void puts.push({ replies, settlement }),
        withdraw: async () => 0,
      },
    },
    settings: { hasTemplate: false },
  } as unknown as EndingDeps;
  const context = {
    job: { data: { conversation }, progress: 'reading the log', attemptsStarted: 1 },
    turn: 'turn',
    conversation,
    fence: { lock: 'lock', token: 'mine' },
    log: createLog('test', 'silent'),
  } as unknown as TurnContext;
  const stand = {
    attempts: {
      before: (id: string) => before[id] ?? 0,
      taken: () => new Set(taken),
      take: async () => undefined,
    },
    answerers,
  } as unknown as TurnStand;
  return { parts, context, stand, puts };
}

test('a report on work in the background is given up under its requests, and a sentence about it is said', async () => {
  const { parts, context, stand, puts } = bench([], { a: 3, b: 3, c: 3, d: 3 });
  const work = { session: 's', about: ['look at *this*'], ended: ['t1'] };
  const tasks = [{ id: 't2', description: 'a watch', request: 'watch that' }];
  await giveUpExhausted(
    parts,
    context,
    [
      message('a'),
      { ...message('b'), work },
      { ...message('c'), work: { session: 's', say: 'I ended “a server”.' } },
      { ...message('d'), work: { ...work, tasks } },
    ],
    stand,
  );
  const [{ replies, settlement } = { replies: [], settlement: undefined }] = puts;
  expect(settlement).toMatchObject({ ids: ['a', 'b', 'c', 'd'], kept: ['a', 'b', 'd'] });
  expect(new Set(replies.map(({ id }) => id)).size).toBe(4);
  expect(replies.map(({ text }) => text)).toEqual([
    expect.stringMatching(/^I could not finish this:/),
    expect.stringMatching(/^_About “look at this”:_\n\nI could not finish this:/),
    'I ended “a server”.',
    expect.stringMatching(/^_About “look at this”, “watch that”:_\n\nI could not finish this:/),
  ]);
});

test('at the fourth pick-up a message is given up before it is looked at, and only that one', async () => {
  const { parts, context, stand, puts } = bench([], { a: 3, b: 2 });
  const left = await giveUpExhausted(parts, context, ['a', 'b', 'c'].map(message), stand);
  expect(left.map(({ id }) => id)).toEqual(['b', 'c']);
  expect(puts).toMatchObject([
    {
      replies: [{ text: expect.stringContaining('retry') }],
      settlement: { ids: ['a'], kept: ['a'], state: 'failed' },
    },
  ]);
  const none = bench([], { a: 2 });
  expect(await giveUpExhausted(none.parts, none.context, [message('a')], none.stand)).toHaveLength(
    1,
  );
  expect(none.puts).toEqual([]);
});

test('an answer that the transcript has is worth one attempt more, and no second one', () => {
  const { stand } = bench([], { a: 3, b: 4 });
  const isOver = (id: string, state?: MessageState): boolean =>
    isExhausted(message(id), stand.attempts, state);
  expect([isOver('a'), isOver('a', 'unanswered'), isOver('a', 'answered')]).toEqual([
    true,
    true,
    false,
  ]);
  expect(isOver('b', 'answered')).toBe(true);
});

test('what answered a question goes with the work that asked it, and not before', async () => {
  const gone = bench([], { a: 3 }, [], ['answer']);
  expect(
    await giveUpExhausted(gone.parts, gone.context, ['a', 'answer'].map(message), gone.stand),
  ).toEqual([]);
  expect(gone.puts[0]?.settlement).toMatchObject({ ids: ['a', 'answer'], kept: ['a'] });
  const needed = bench([], { a: 3, b: 1 }, [], ['answer']);
  expect(
    (
      await giveUpExhausted(
        needed.parts,
        needed.context,
        ['a', 'b', 'answer'].map(message),
        needed.stand,
      )
    ).map(({ id }) => id),
  ).toEqual(['b', 'answer']);
});

test('a stop takes what was said before it and what is at work, and leaves what was said after it', async () => {
  const { parts, context, stand, puts } = bench(['a', 'b', 'stop', 'c', 'd'], {}, ['a', 'd']);
  await settleStopped(parts, context, { by: message('stop'), isAsked: false }, stand);
  expect(puts[0]?.settlement).toMatchObject({ ids: ['a', 'b', 'stop', 'd'], state: 'answered' });
  expect(puts[0]?.replies[0]?.text).toContain('text of b');
  expect(puts[0]?.replies[0]?.text).not.toMatch(/text of [acd]/);
});

test('a stop names the last step, and none that waited for the person’s answer', async () => {
  const said = async (isAsked: boolean): Promise<string | undefined> => {
    const { parts, context, stand, puts } = bench(['a', 'stop'], {}, ['a']);
    await settleStopped(parts, context, { by: message('stop'), isAsked }, stand);
    return puts[0]?.replies[0]?.text;
  };
  expect(await said(false)).toBe('Stopped. The last step: reading the log.');
  expect(await said(true)).toBe('Stopped. I was waiting for your answer, and have not gone on.');
});

test('a stop names what goes on in the background, and how it ends', async () => {
  const { parts, context, stand, puts } = bench(['a', 'stop'], {}, ['a']);
  const task = { description: 'npm run dev', startedAt: Date.now() - 5 * 60_000 };
  Object.assign(parts.stores.background, { list: async () => [task] });
  await settleStopped(parts, context, { by: message('stop'), isAsked: false }, stand);
  expect(puts[0]?.replies[0]?.text).toMatch(
    /\nThis goes on in the background:\n1\. npm run dev \(for 5 min\)\nText “stop 1” to end number 1\.$/,
  );
});

test('a stop is such words alone, of a person', () => {
  const said = (text: string): Message => ({ ...message('a'), text });
  expect(['stop', 'Stop.', ' /STOP! '].map((text) => isStop(said(text)))).toEqual([
    true,
    true,
    true,
  ]);
  expect(
    ['non-stop', 'stop the server, please', 'unstoppable'].filter((text) => isStop(said(text))),
  ).toEqual([]);
  expect(isStop({ ...said('stop'), human: false })).toBe(false);
});

test('a usage limit that outlasts the window says so with its end; one that does not says its end alone', async () => {
  const sentence = async (
    hoursSinceWriting: number,
    limitHours: number,
  ): Promise<string | undefined> => {
    const { context, puts, ...own } = bench(['a']);
    const wroteAt = new Date(Date.now() - hoursSinceWriting * 3600_000).toISOString();
    const parts = {
      ...own.parts,
      stores: {
        ...own.parts.stores,
        inbox: { note: async () => undefined },
        conversations: { read: async () => ({ wroteAt }) },
      },
    } as unknown as EndingDeps;
    const job = {
      ...context.job,
      moveToDelayed: async () => undefined,
    } as unknown as TurnContext['job'];
    const attempts = { started: () => new Map([['a', 1]]), giveBack: async () => undefined };
    const stand = { attempts, answerers: [] } as unknown as TurnStand;
    const signal = new AbortController().signal;
    const failure = new AgentFailure(
      'usage-limit',
      'limit',
      new Date(Date.now() + limitHours * 3600_000),
    );
    await expect(endBadly(parts, { ...context, job, signal }, failure, stand)).rejects.toThrow(
      DelayedError,
    );
    return puts[0]?.replies[0]?.text;
  };
  expect(await sentence(22, 3)).toMatch(
    /I go on by myself then\. WhatsApp lets me write to you until .* Then the answer waits here until you write anything\.$/,
  );
  expect(await sentence(1, 3)).toMatch(/I go on by myself then\.$/);
  // It is closed already: the sentence itself waits.
  expect(await sentence(25, 3)).toMatch(/I go on by myself then\.$/);
});

test('a third failure gives up what has no answer in the transcript, and no more', async () => {
  const { parts, context, puts } = bench(['a', 'b']);
  Object.assign(parts.stores.inbox, { note: async () => undefined });
  const attempts = { started: () => new Map(['a', 'b'].map((id) => [id, 3])) };
  const lookUp = async (asked: Message[]) =>
    new Map(asked.map(({ id }) => [id, id === 'a' ? 'answered' : 'unanswered']));
  const stand = { attempts, answerers: [], lookUp } as unknown as TurnStand;
  const job = { ...context.job, moveToDelayed: async () => undefined } as never;
  const { signal } = new AbortController();
  const failure = new AgentFailure('died', 'it ended');
  const ending = endBadly(parts, { ...context, job, signal }, failure, stand);
  await expect(ending).rejects.toThrow(DelayedError);
  expect(puts).toMatchObject([{ settlement: { ids: ['b'], state: 'failed' } }]);
});
