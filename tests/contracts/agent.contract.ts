import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Agent, Prompt } from '../../worker/agent/agent.ts';
import { homeAround, startTurn } from '../support/agent-bench.ts';
import type { Asking, RunningTurn } from '../support/agent-bench.ts';
import { atGate, gatePlace, openGate } from '../support/gate-story.ts';
import { until } from '../support/until.ts';

/**
 * What the contract needs of an agent under test. It answers `say X` with X, and `gate` with
 * "through" once the file `gate` is in the workspace, for which it waits with a tool of its own or
 * by itself; the file `begun` says that it does.
 */
export type AgentUnderTest = {
  agent: Agent;
  /** A conversation's working directory; it is made when it is not there. */
  workspace(name: string): Promise<string>;
  /** How often it has been asked for an answer so far, of all conversations together. */
  asked(): number;
  /** How many prompts with this text the session's transcript holds. */
  told(session: string, workspace: string, text: string): Promise<number>;
  /** How many processes of the agent live, or of one of its sessions. */
  processes(session?: string): Promise<number>;
  stop(): Promise<void>;
};

/**
 * A conversation, which goes on from turn to turn and from test to test: a process of Claude Code
 * of its own for each test would take most of the time.
 */
type Conversation = {
  /** Starts a turn, in the session of the one before unless another is asked for. */
  start(asking: Omit<Asking, 'conversation'>): RunningTurn;
  /** Starts on `gate`, and gives the turn once it waits there. */
  startGate(asking?: { prompt?: Prompt; open?: boolean }): Promise<RunningTurn>;
  openGate(): Promise<void>;
  release(): Promise<void>;
  /** What its session's transcript says of messages. */
  /** What the transcript says of messages of now, or of that time (ISO 8601). */
  states(ids: string[], at?: string, session?: string): Promise<unknown[]>;
  /** How many prompts with this text its session's transcript holds. */
  told(text: string): Promise<number>;
};

async function converse(under: AgentUnderTest, conversation: string): Promise<Conversation> {
  const workspace = await under.workspace(conversation.slice(1));
  let last: RunningTurn | undefined;
  const start = (asking: Omit<Asking, 'conversation'>): RunningTurn => {
    last = startTurn(under.agent, workspace, { conversation, session: last?.session(), ...asking });
    return last;
  };
  return {
    start,
    async startGate({ prompt, open = false } = {}) {
      await Promise.all(
        ['gate', 'begun'].map((name) => rm(path.join(workspace, gatePlace, name), { force: true })),
      );
      const turn = start({ prompts: [prompt ?? 'gate'], open });
      await atGate(workspace);
      return turn;
    },
    openGate: () => openGate(workspace),
    release: () => under.agent.release(conversation),
    async states(ids, at = new Date().toISOString(), session = last?.session() ?? '') {
      const home = homeAround(workspace);
      const place = { conversation, home, workspace, session };
      const asked = ids.map((id) => ({ id, at }));
      const known = await under.agent.lookUpMessages?.(place, asked);
      return ids.map((id) => known?.get(id));
    },
    async told(text) {
      const session = last?.session();
      return session === undefined ? 0 : await under.told(session, workspace, text);
    },
  };
}

/** The conformance suite of the Agent interface: every agent passes it. */
export function checkAgentContract(open: () => Promise<AgentUnderTest>): void {
  let under: AgentUnderTest;
  let talk: Conversation;
  let work: Conversation;
  beforeAll(async () => {
    under = await open();
    talk = await converse(under, '+15551000001');
    work = await converse(under, '+15551000002');
  });
  afterAll(() => under.stop());

  test('a turn without prompts ends without an answer', async () => {
    const turn = talk.start({ prompts: [] });
    expect(await turn.ended).toBeUndefined();
    expect(turn.answers()).toEqual([]);
  });

  test('the session comes first, and the next turn can go on with it', async () => {
    const first = talk.start({ prompts: ['say one'], session: undefined });
    expect(await first.ended).toBeUndefined();
    expect(first.events[0]).toEqual({
      kind: 'session',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(first.answers()).toMatchObject([
      {
        text: 'one',
        usage: {
          inputTokens: expect.any(Number),
          outputTokens: expect.any(Number),
          costUsd: expect.any(Number),
        },
      },
    ]);
    const second = talk.start({ prompts: ['say two'], session: first.session() });
    expect(await second.ended).toBeUndefined();
    expect(second.session()).toBe(first.session());
    expect(second.answers().map(({ text }) => text)).toEqual(['two']);
  });

  test('of several prompts at once each is in exactly one answer, in order', async () => {
    const prompts = ['one', 'two', 'three', 'four'].map((word) => ({
      id: `SM${randomUUID()}`,
      text: `say ${word}`,
    }));
    const turn = talk.start({ prompts });
    expect(await turn.ended).toBeUndefined();
    expect(turn.answers().flatMap((answer) => answer.prompts)).toEqual(prompts.map(({ id }) => id));
    expect(
      turn
        .answers()
        .map(({ text }) => text)
        .join('\n'),
    ).toBe('one\ntwo\nthree\nfour');
    expect(new Set(turn.answers().map(({ id }) => id)).size).toBe(turn.answers().length);
  });

  test('what comes while it works is answered in the same turn, which ends when no more can come', async () => {
    const turn = await work.startGate({ open: true });
    const late = turn.push('say late');
    await work.openGate();
    await until(
      'both answers',
      () => turn.answers().flatMap((answer) => answer.prompts).length === 2,
    );
    const last = turn.push('say last');
    await until('the last answer', () =>
      turn.answers().some((answer) => answer.prompts.includes(last.id)),
    );
    turn.close();
    expect(await turn.ended).toBeUndefined();
    expect(
      turn
        .answers()
        .map(({ text }) => text)
        .join('\n'),
    ).toMatch(/through[\s\S]*late[\s\S]*last/);
    expect(turn.answers().filter((answer) => answer.prompts.includes(late.id))).toHaveLength(1);
  });

  test('conversations do not know of each other', async () => {
    const slow = await work.startGate();
    const quick = talk.start({ prompts: ['say quick'] });
    expect(await quick.ended).toBeUndefined();
    expect(quick.answers().map(({ text }) => text)).toEqual(['quick']);
    expect(slow.answers()).toEqual([]);
    await work.openGate();
    expect(await slow.ended).toBeUndefined();
    expect(slow.session()).not.toBe(quick.session());
  });

  test('a prompt that is answered already gets the same answer again, and nobody is asked', async () => {
    const prompts = ['once', 'twice', 'three times'].map((word) => ({
      id: `SM${randomUUID()}`,
      text: `say ${word}`,
    }));
    const first = talk.start({ prompts });
    await first.ended;
    const asked = under.asked();
    const outline = (turn: RunningTurn) =>
      turn.answers().map(({ id, text, prompts: ids }) => ({ id, text, ids }));
    expect(outline(first).flatMap(({ ids }) => ids)).toEqual(prompts.map(({ id }) => id));
    const live = talk.start({ prompts });
    expect(await live.ended).toBeUndefined();
    expect(outline(live)).toEqual(outline(first));
    await talk.release();
    const resumed = talk.start({ prompts });
    expect(await resumed.ended).toBeUndefined();
    expect(outline(resumed)).toEqual(outline(first));
    const [known = '', never] = [prompts[0]?.id, `SM${randomUUID()}`];
    expect(await talk.states([known, never])).toEqual(['answered', 'absent']);
    expect(await talk.states([known, never], '2026-01-01T00:00:00Z')).toEqual([
      'answered',
      'before',
    ]);
    expect(await talk.states([known], undefined, randomUUID())).toEqual(['lost']);
    expect(under.asked()).toBe(asked);
  });

  test('an abort ends the turn with its reason and every process of it; the prompt is then gone on with and not told twice', async () => {
    const toldBefore = await work.told('gate');
    const prompt = { id: `SM${randomUUID()}`, text: 'gate' };
    const turn = await work.startGate({ prompt, open: true });
    const reason = new Error('stopped by the test');
    turn.abort(reason);
    expect(await turn.ended).toBe(reason);
    expect(turn.answers()).toEqual([]);
    // The agent itself may still write down how the turn ended.
    await until(
      'the end of every process',
      async () => (await under.processes(turn.session())) === 0,
    );
    expect(await work.states([prompt.id])).toEqual(['unanswered']);
    await work.openGate();
    const again = work.start({ prompts: [prompt] });
    expect(await again.ended).toBeUndefined();
    expect(again.answers()).toMatchObject([
      { text: expect.stringContaining('through'), prompts: [prompt.id] },
    ]);
    expect(await work.told('gate')).toBe(toldBefore + 1);
    const next = work.start({ prompts: ['say next'] });
    await next.ended;
    expect(next.answers().map(({ text }) => text)).toEqual(['next']);
  });

  test('an abort before the beginning, and one while it waits for more, end it too', async () => {
    const early = talk.start({ prompts: ['say one'] });
    early.abort('too early');
    expect(await early.ended).toBe('too early');
    const waiting = talk.start({ open: true, session: undefined });
    await until('the session', () => waiting.session());
    waiting.abort('enough');
    expect(await waiting.ended).toBe('enough');
  });

  test('release and stop leave nothing behind; a turn at work ends with a failure', async () => {
    const turn = await work.startGate();
    await under.agent.stop();
    expect(await turn.ended).toMatchObject({ name: 'AgentFailure', kind: 'died' });
    expect(await under.processes()).toBe(0);
    await under.agent.stop();
  });
}
