import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Outbox, Settlement } from '../../shared/store/boxes/outbox.ts';
import type { NewReply } from '../../shared/store/reply.ts';
import type { MessageState } from '../../worker/agent/message-state.ts';
import type { Home } from '../../worker/agent/homes/home.ts';
import {
  dateByList,
  answeredBeforeWords,
  askTranscript,
  leaveAnswered,
  lookUpFirst,
  mayHaveBeenSaid,
} from '../../worker/turn/answered-before.ts';
import type { AnsweredBeforeDeps } from '../../worker/turn/answered-before.ts';
import type { TurnContext } from '../../worker/turn/context.ts';

const conversation = '+15551230001';
const second = (count: number): string =>
  new Date(Date.UTC(2026, 0, 31, 12, 0, count)).toISOString();
const message = (id: string, at: number): Message => ({
  id,
  conversation,
  at: second(at),
  text: `text of ${id}`,
  media: [],
  human: true,
});
const since = second(30);

type Sent = { sid: string; text: string; at: number };

/**
 * Looks at these messages, beside what Twilio says that we have sent; `known` are the ids that the
 * ledger has.
 */
async function look(
  messages: Message[],
  sent: Sent[],
  {
    known = [],
    session,
    epoch = since,
    exhausted = [],
    lost = [],
    sessions = {},
  }: {
    known?: string[];
    session?: string;
    epoch?: string;
    exhausted?: string[];
    lost?: string[];
    /** The sessions of replies that the ledger has, by Twilio's ids. */
    sessions?: Record<string, string>;
  } = {},
) {
  const puts: { replies: NewReply[]; settlement: Settlement | undefined }[] = [];
  let asked = 0;
  const deps = {
    outbox: {
      put: async (replies: NewReply[], _fence: unknown, settlement?: Settlement) =>
        void puts.push({ replies, settlement }),
    },
    ledger: {
      isClaimed: async (sid: string) => known.includes(sid),
      findSent: async (sid: string) => ({ session: sessions[sid] }),
    },
    messenger: {
      async sentTo() {
        asked += 1;
        return sent.map(({ at, ...rest }) => ({ ...rest, at: new Date(second(at)) }));
      },
    },
  } as unknown as AnsweredBeforeDeps;
  const context = {
    fence: { lock: 'lock', token: 'mine' },
    turn: 'turn',
    conversation,
    log: createLog('test', 'silent'),
  } as unknown as TurnContext;
  const left = await leaveAnswered(
    deps,
    context,
    { messages, since: epoch, conversation: { session } as never },
    ({ id }) => (lost.includes(id) ? 'lost' : exhausted.includes(id) ? 'unknown' : undefined),
  );
  return { left: left.map(({ id }) => id), puts, asked };
}

test('a message that Twilio says was answered before the store changed is not answered again, and the person hears so', async () => {
  const { left, puts } = await look(
    [message('a', 10), message('b', 20), message('new', 40)],
    [{ sid: 'SM1', text: 'an answer', at: 12 }],
  );
  expect(left).toEqual(['b', 'new']);
  expect(puts).toMatchObject([
    {
      replies: [{ id: 'turn.answered-before.a', text: answeredBeforeWords([message('a', 10)]) }],
      settlement: { ids: ['a'], state: 'answered' },
    },
  ]);
});

test('each of many such messages is named, in sentences that fit into a message of WhatsApp', async () => {
  const many = Array.from({ length: 45 }, (_, index) => ({
    ...message(`m${index}`, 10),
    text: `${index} ${'x'.repeat(99)}`,
  }));
  const { left, puts } = await look(many, [{ sid: 'SM1', text: 'an answer', at: 12 }]);
  expect(left).toEqual([]);
  const texts = puts.flatMap(({ replies }) => replies.map(({ text }) => text));
  expect(new Set(puts.flatMap(({ replies }) => replies.map(({ id }) => id))).size).toBe(3);
  for (const index of many.keys()) expect(texts.join('\n')).toContain(`“${index} x`);
  expect(Math.max(...texts.map(({ length }) => length))).toBeLessThan(1600);
});

test('what the ledger knows, lines beside answers, and what was said later are no forgotten answers', async () => {
  const one = [message('a', 10)];
  const answer: Sent = { sid: 'SM1', text: 'an answer', at: 12 };
  expect((await look(one, [answer], { known: ['SM1'] })).left).toEqual(['a']);
  for (const text of ['Waking up your computer.', 'Running the tests · 12 min'])
    expect((await look(one, [{ ...answer, text }])).left).toEqual(['a']);
  expect((await look(one, [{ ...answer, at: 9 }])).left).toEqual(['a']);
  expect((await look(one, [{ ...answer, at: 31 }])).left).toEqual(['a']);
  expect((await look(one, [])).puts).toEqual([]);
});

test('Twilio is not asked while the store is what it always was, nor where the transcript knows the answer', async () => {
  const answer: Sent = { sid: 'SM1', text: 'an answer', at: 12 };
  expect(await look([message('a', 10)], [answer], { epoch: '' })).toMatchObject({
    left: ['a'],
    asked: 0,
  });
  expect(await look([message('a', 10)], [answer], { session: 'known' })).toMatchObject({
    left: ['a'],
    asked: 0,
  });
  expect(await look([message('a', 40)], [answer])).toMatchObject({ left: ['a'], asked: 0 });
});

test('what has ended its worker too often is looked up beside a session as well, and nothing else', async () => {
  const { left, asked } = await look(
    [message('a', 10), message('b', 11)],
    [{ sid: 'SM1', text: 'an answer', at: 12 }],
    { session: 'known', exhausted: ['a'] },
  );
  expect({ left, asked }).toEqual({ left: ['b'], asked: 1 });
});

test('the transcript of a session is asked, and one that cannot be read says nothing', async () => {
  const asked: string[][] = [];
  const ask = (
    session: string | undefined,
    messages: Message[],
    read: () => MessageState | Error,
  ): Promise<[string, MessageState][]> =>
    askTranscript(
      {
        agent: {
          async lookUpMessages(_, messages) {
            const ids = messages.map(({ id }) => id);
            asked.push(ids);
            const state = read();
            if (state instanceof Error) throw state;
            return new Map(ids.map((id) => [id, state]));
          },
        },
        homeOf: async () => ({ directory: '/home' }) as Home,
      },
      { conversation, log: createLog('test', 'silent') } as unknown as TurnContext,
      session,
      messages,
    ).then((known) => [...known]);
  const one = [message('a', 10)];
  expect(await ask('known', one, () => 'answered')).toEqual([['a', 'answered']]);
  expect(await ask('known', one, () => new Error('not readable'))).toEqual([]);
  expect(asked).toEqual([['a'], ['a']]);
  expect(await ask('known', [], () => 'answered')).toEqual([]);
  expect(await ask(undefined, one, () => 'answered')).toEqual([]);
  expect(asked).toHaveLength(2);
});

test('words may have been said before since the oldest message, or shortly before the store changed', () => {
  const now = Date.parse(since);
  expect(mayHaveBeenSaid({ messages: [message('a', 10), message('b', 5)], since }, now)).toBe(
    second(5),
  );
  expect(mayHaveBeenSaid({ messages: [message('a', 10)], since: '' }, now)).toBeUndefined();
  // What comes in late from before the change is looked for a quarter of an hour long.
  const late = [message('late', 40)];
  expect(
    [0, 60_000, 16 * 60_000].map((age) => mayHaveBeenSaid({ messages: late, since }, now + age)),
  ).toEqual([
    new Date(now - 15 * 60_000).toISOString(),
    new Date(now - 15 * 60_000).toISOString(),
    undefined,
  ]);
});

test('each reply is dated by the earliest time at which it may have been said', async () => {
  const put: NewReply[][] = [];
  const outbox = {
    put: async (replies: NewReply[]) => void put.push(replies),
  } as unknown as Outbox;
  const reply = (id: string, saidAt?: string): NewReply => ({
    id,
    conversation,
    turn: 'turn',
    text: id,
    ...(saidAt ? { saidAt } : {}),
  });
  let at: string | undefined;
  const dating = lookUpFirst(outbox, () => at);
  const replies = [reply('plain'), reply('remembered', second(10))];
  await dating.put(replies);
  at = second(20);
  await dating.put(replies);
  at = second(5);
  await dating.put(replies);
  expect(put.map((some) => some.map(({ saidAt }) => saidAt))).toEqual([
    [undefined, second(10)],
    [second(20), second(10)],
    [second(5), second(5)],
  ]);
});

test('the sentence of a given-up message is no answer to another one that is given up', async () => {
  const sentence = 'I could not finish this: something went wrong on my side.';
  const sent = [{ sid: 'SM1', text: sentence, at: 12 }];
  const exhausted = ['a'];
  expect((await look([message('a', 10)], sent, { session: 's', exhausted })).left).toEqual(['a']);
  expect((await look([message('a', 10)], sent)).left).toEqual([]);
  const answer = [{ sid: 'SM2', text: 'an answer', at: 12 }];
  expect((await look([message('a', 10)], answer, { session: 's', exhausted })).left).toEqual([]);
});

test('a message that is given up counts as answered by an answer of its session, whose transcript is lost with the disk', async () => {
  const sent = [{ sid: 'SM1', text: 'an answer to both', at: 12 }];
  const leftBy = async (change: Parameters<typeof look>[2], at = 10): Promise<string[]> =>
    (await look([message('a', at)], sent, { session: 's', known: ['SM1'], ...change })).left;
  const sessions = { SM1: 's' };
  expect(await leftBy({ sessions, lost: ['a'] })).toEqual([]);
  expect(await leftBy({ sessions, lost: ['a'] }, 13)).toEqual(['a']);
  expect(await leftBy({ sessions: { SM1: 'another' }, lost: ['a'] })).toEqual(['a']);
  expect(await leftBy({ sessions: {}, lost: ['a'] })).toEqual(['a']);
  expect(await leftBy({ sessions, exhausted: ['a'] })).toEqual(['a']);
});

test('a message gets an earlier time that Twilio’s list has, and keeps its own when the list does not say or cannot be read', async () => {
  const changed = new Date(Date.now() - 60_000);
  const after = new Date().toISOString();
  const dateWith = async (
    receivedFrom: () => Promise<ReadonlyMap<string, Date>>,
    at = after,
    isHuman = true,
  ) => {
    const message: Message = { id: 'a', conversation, at, text: 'a', media: [], human: isHuman };
    const context = { conversation, log: createLog('test', 'silent') };
    const snapshot = { since: changed.toISOString(), conversation: {} as never };
    const another: Message = { ...message, id: 'b', at: after, human: true };
    const messages = [message, another];
    const [found] = await dateByList({ messenger: { receivedFrom } }, context, snapshot, messages);
    return found?.at;
  };
  const fromChange = (ms: number): Date => new Date(changed.getTime() + ms);
  const received = (ms: number) => async () => new Map([['a', fromChange(ms)]]);
  expect(await dateWith(received(-5000))).toBe(fromChange(-5000).toISOString());
  // Twilio's whole seconds do not tell what came right before from what came right after.
  expect(await dateWith(received(-500))).toBe(after);
  // It was taken in again between the change and the first look at the store.
  const before = fromChange(-20).toISOString();
  expect(await dateWith(received(-5000), before)).toBe(fromChange(-5000).toISOString());
  const whole = new Date(Math.floor((changed.getTime() - 9000) / 1000) * 1000);
  const precise = new Date(whole.getTime() + 700).toISOString();
  expect(await dateWith(async () => new Map([['a', whole]]), precise)).toBe(precise);
  expect(await dateWith(received(-5000), after, false)).toBe(after);
  expect(await dateWith(async () => new Map())).toBe(after);
  expect(await dateWith(async () => Promise.reject(new Error('Twilio answered 500')))).toBe(after);
});
