import { expect, test } from 'vitest';
import type { Conversation, Conversations } from '../../shared/store/conversation.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { Snapshot } from '../../shared/store/boxes/snapshot.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import type { Message } from '../../shared/store/message.ts';
import type { NewReply } from '../../shared/store/reply.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import type { FailureKind } from '../../worker/agent/agent-failure.ts';
import type { TurnContext } from '../../worker/turn/context.ts';
import type { CommandDeps } from '../../worker/commands/command.ts';
import type { Questions } from '../../worker/questions/questions.ts';
import type { Attempts } from '../../worker/turn/attempts.ts';
import { createDispatch } from '../../worker/turn/dispatch.ts';
import { failureSentence } from '../../worker/turn/ending/failure-sentence.ts';
import {
  isRenewed,
  mostRenewals,
  planRenewal,
  renewSession,
  renewalSentence,
} from '../../worker/turn/ending/renewal.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const now = Date.parse('2026-01-05T23:30:00Z');
const history = new AgentFailure('history', 'thinking');
const resumed = { id: 'old', isResumed: true };

/** A conversation whose sessions were begun anew for these messages, one after the other. */
function renewedFor(...ids: string[]): Conversation {
  let known: Conversation = { session: 'old' } as Conversation;
  for (const id of ids) {
    const change = planRenewal(known, history, resumed, [{ id }], now);
    if (change) known = { ...known, ...change };
  }
  return known;
}

test('a refused history is begun anew: the next session is a fresh one that follows it', () => {
  const known = renewedFor('a');
  expect(known).toMatchObject({ session: '', follows: 'old' });
  expect(isRenewed(known, { id: 'a' })).toBe(true);
  expect(isRenewed(known, { id: 'b' })).toBe(false);
  // The fresh one is refused, too, before it has answered anything.
  const next = { id: 'fresh', isResumed: true };
  expect(planRenewal(known, history, next, [{ id: 'b' }], now)).toMatchObject({ follows: 'old' });
  const answered = { ...known, follows: undefined };
  expect(planRenewal(answered, history, next, [{ id: 'b' }], now)).toMatchObject({
    follows: 'fresh',
  });
});

test.each<{ kind: FailureKind; status?: number; isResumed: boolean; renews: boolean }>([
  { kind: 'history', status: 400, isResumed: true, renews: true },
  { kind: 'history', status: 400, isResumed: false, renews: true },
  { kind: 'refused', status: 400, isResumed: true, renews: true },
  { kind: 'refused', status: 400, isResumed: false, renews: false },
  { kind: 'refused', status: 418, isResumed: true, renews: false },
  { kind: 'no-credit', status: 400, isResumed: true, renews: false },
  { kind: 'usage-limit', status: 400, isResumed: true, renews: false },
  { kind: 'broken', isResumed: true, renews: false },
])('$kind with $status, resumed $isResumed: $renews', ({ kind, status, isResumed, renews }) => {
  const failure = new AgentFailure(kind, 'words', undefined, { status });
  const session = { id: 'old', isResumed };
  const change = planRenewal({} as Conversation, failure, session, [{ id: 'a' }], now);
  expect(change !== undefined).toBe(renews);
});

test('once per message, three times in a day of the person, and not without a session or a message', () => {
  const plan = (known: Conversation, id: string, at = now): boolean =>
    planRenewal(known, history, resumed, [{ id: 'new' }, { id }], at) !== undefined;
  expect(plan(renewedFor('a'), 'a')).toBe(false);
  expect(plan(renewedFor('a'), 'b')).toBe(true);
  const full = renewedFor('a', 'b', 'c', 'd');
  expect(isRenewed(full, { id: 'd' })).toBe(false);
  expect(mostRenewals).toBe(3);
  expect(plan(full, 'd')).toBe(false);
  expect(plan(full, 'd', now + 3_600_000)).toBe(true);
  // In Berlin both are the sixth of January.
  const inBerlin = { ...full, timezone: 'Europe/Berlin' };
  expect(plan(inBerlin, 'd', now + 3_600_000)).toBe(true);
  expect(plan(full, 'a', now + 3_600_000)).toBe(false);
  expect(
    planRenewal(full, history, { ...resumed, id: undefined }, [{ id: 'e' }], 0),
  ).toBeUndefined();
  expect(planRenewal(full, history, resumed, [], 0)).toBeUndefined();
  expect(plan({ renewals: 'not JSON' } as Conversation, 'a')).toBe(true);
});

test('a crash between the sentence and the fresh start repeats both, and the sentence is the same one', async () => {
  const puts: NewReply[] = [];
  let isBroken = true;
  let known = { session: 'old' } as Conversation;
  const outbox = {
    put: async (replies: NewReply[]) => void puts.push(...replies),
  } as unknown as Outbox;
  const conversations = {
    read: async () => known,
    write: async (_conversation: string, _fence: unknown, change: object) => {
      if (isBroken) throw new Error('the connection broke');
      known = { ...known, ...change };
    },
  } as unknown as Conversations;
  const context = { conversation: phone, turn: 'turn', log: createLog('test', 'silent') };
  const renew = (): Promise<boolean> =>
    renewSession({ conversations, outbox }, context as unknown as TurnContext, history, resumed, [
      { id: 'a' } as Message,
    ]);
  await expect(renew()).rejects.toThrow('the connection broke');
  isBroken = false;
  expect(await renew()).toBe(true);
  expect(new Set(puts.map(({ id, text }) => `${id}: ${text}`))).toEqual(
    new Set([`a.renewed: ${renewalSentence}`]),
  );
  expect(await renew()).toBe(false);
  expect(known).toMatchObject({ session: '', follows: 'old' });
});

test('a turn whose history is refused goes on in a fresh session, also when its worker ends meanwhile, and not in a third one', async () => {
  await withPipeline({}, async (pipeline) => {
    const { say, startWorker, redis } = pipeline;
    // The owner's sentence has an address below it.
    const texts = (): string[] =>
      pipeline.replies().map(({ text }) => text.replace(/\nWhy, and what I tried: .+$/, ''));
    const asked: { text: string; session: string | undefined; follows: string | undefined }[] = [];
    let refused: string | undefined;
    let hangs = true;
    const answer = async (
      text: string,
      { session, follows }: { session: string | undefined; follows?: string | undefined },
    ): Promise<string> => {
      asked.push({ text, session, follows });
      if (refused === undefined) return `answer to ${text}`;
      if (refused === 'all' || session === refused) throw history;
      if (hangs) await new Promise(() => undefined);
      return `answer to ${text}`;
    };
    const worker = await startWorker({ answer, environment: { STOP_SECONDS: '3.1' } });
    await say('one');
    await until('the first answer', () => texts().includes('answer to one'));
    const old = (await redis.hget(keys.conversation(phone), 'session')) ?? '';
    refused = old;
    const sid = await say('two');
    await until('the fresh session', () => asked.at(-1)?.follows === old);
    expect(asked.at(-1)).toEqual({ text: 'two', session: undefined, follows: old });
    await worker.stop();
    const next = (await redis.hget(keys.conversation(phone), 'session')) ?? '';
    expect(next).not.toBe(old);
    hangs = false;
    await startWorker({ answer });
    await until('the second answer', () => texts().includes('answer to two'));
    expect(asked.at(-1)).toEqual({ text: 'two', session: next, follows: old });
    expect(texts()).toEqual(['answer to one', renewalSentence, 'answer to two']);
    const state = await redis.hgetall(keys.conversation(phone));
    expect(state).toMatchObject({ session: next, follows: '' });
    expect(JSON.parse(state['renewals'] ?? '')).toMatchObject([{ messages: [sid] }]);
    expect(await redis.zrange(keys.sessions(phone), '0', '-1')).toEqual([old, next]);

    refused = 'all';
    await say('three');
    await until('the refusal', () => texts().includes(failureSentence('history')));
    await say('retry');
    await until(
      'the next one',
      () => texts().filter((text) => text === failureSentence('history')).length === 2,
    );
    expect(texts().slice(3)).toEqual([
      renewalSentence,
      failureSentence('history'),
      failureSentence('history'),
    ]);
  });
});

test('a message whose session was begun anew is not gone back to the refused one that it quotes', async () => {
  const message: Message = {
    id: 'a',
    conversation: phone,
    at: new Date(now).toISOString(),
    text: 'hello',
    media: [],
    quoted: 'SM1',
  };
  const lookAt = async (conversation: Conversation): Promise<string | undefined> => {
    const parts = {
      stores: { ledger: { findSent: async () => ({ session: 'refused' }) } },
      settings: { times: {} },
    } as unknown as CommandDeps;
    const questions = {
      open: () => undefined,
      answerers: () => [],
      confirm: async () => undefined,
      tapSentence: () => undefined,
    } as unknown as Questions;
    const attempts = { taken: () => new Set() } as unknown as Attempts;
    const snapshot = {
      messages: [message],
      unreadable: [],
      parked: 0,
      since: '',
      conversation: { ...conversation, session: 'fresh' },
    } as unknown as Snapshot;
    const context = { turn: 'turn', conversation: phone, fence: {} } as unknown as TurnContext;
    const dispatch = createDispatch(parts, context, questions, attempts, snapshot);
    await dispatch.look(false);
    return dispatch.session();
  };
  expect(await lookAt(renewedFor('a'))).toBe('fresh');
  expect(await lookAt(renewedFor('b'))).toBe('refused');
});
