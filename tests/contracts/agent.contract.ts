import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Agent } from '../../worker/agent/agent.ts';
import { startTurn } from '../support/agent-bench.ts';
import type { Asking, RunningTurn } from '../support/agent-bench.ts';
import { until } from '../support/until.ts';

/**
 * What the contract needs of an agent under test. It answers `say X` with X, and `gate` with "through" once the file `gate` is in the workspace,
 * for which it waits with a tool of its own or by itself.
 */
export type AgentUnderTest = {
  agent: Agent;
  /** A conversation's working directory; it is made when it is not there. */
  workspace(name: string): Promise<string>;
  /** How often it has been asked for an answer so far, of all conversations together. */
  asked(): number;
  /** Whether the work on `gate` has begun in this workspace. */
  waiting(workspace: string): Promise<boolean>;
  /** How many prompts with this text the session's transcript holds. */
  told(session: string, workspace: string, text: string): Promise<number>;
  /** How many processes of the agent live, or of one of its sessions. */
  processes(session?: string): Promise<number>;
  stop(): Promise<void>;
};

/** The conformance suite of the Agent interface: every agent passes it. */
export function checkAgentContract(open: () => Promise<AgentUnderTest>): void {
  let under: AgentUnderTest;
  beforeAll(async () => {
    under = await open();
  });
  afterAll(() => under.stop());

  const converse = async () => {
    const conversation = `+1555${String(Math.random()).slice(2, 9)}`;
    const workspace = await under.workspace(conversation.slice(1));
    return {
      workspace,
      openGate: () => writeFile(path.join(workspace, 'gate'), ''),
      release: () => under.agent.release(conversation),
      waiting: () => until('the work to begin', () => under.waiting(workspace)),
      start: (asking: Omit<Asking, 'conversation'>): RunningTurn => startTurn(under.agent, workspace, { conversation, ...asking }),
    };
  };

  test('the session comes first, and the next turn can go on with it', async () => {
    const { start } = await converse();
    const first = start({ prompts: ['say one'] });
    expect(await first.ended).toBeUndefined();
    expect(first.events[0]).toEqual({ kind: 'session', id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(first.answers()).toMatchObject([{ text: 'one', usage: { inputTokens: expect.any(Number), outputTokens: expect.any(Number), costUsd: expect.any(Number) } }]);
    const second = start({ prompts: ['say two'], session: first.session() });
    expect(await second.ended).toBeUndefined();
    expect(second.session()).toBe(first.session());
    expect(second.answers().map(({ text }) => text)).toEqual(['two']);
  });

  test('a turn without prompts ends without an answer', async () => {
    const { start } = await converse();
    const turn = start({ prompts: [] });
    expect(await turn.ended).toBeUndefined();
    expect(turn.answers()).toEqual([]);
  });

  test('of several prompts at once each is in exactly one answer, in order', async () => {
    const { start } = await converse();
    const prompts = ['one', 'two', 'three', 'four'].map((word) => ({ id: `SM${randomUUID()}`, text: `say ${word}` }));
    const turn = start({ prompts });
    expect(await turn.ended).toBeUndefined();
    expect(turn.answers().flatMap((answer) => answer.prompts)).toEqual(prompts.map(({ id }) => id));
    expect(turn.answers().map(({ text }) => text).join('\n')).toBe('one\ntwo\nthree\nfour');
    expect(new Set(turn.answers().map(({ id }) => id)).size).toBe(turn.answers().length);
  });

  test('what comes while it works is answered in the same turn, which ends when no more can come', async () => {
    const { start, openGate, waiting } = await converse();
    const turn = start({ prompts: ['gate'], open: true });
    await waiting();
    const late = turn.push('say late');
    await openGate();
    await until('both answers', () => turn.answers().flatMap((answer) => answer.prompts).length === 2);
    const last = turn.push('say last');
    await until('the last answer', () => turn.answers().some((answer) => answer.prompts.includes(last.id)));
    turn.close();
    expect(await turn.ended).toBeUndefined();
    expect(turn.answers().map(({ text }) => text).join('\n')).toMatch(/through[\s\S]*late[\s\S]*last/);
    expect(turn.answers().filter((answer) => answer.prompts.includes(late.id))).toHaveLength(1);
  });

  test('a prompt that is answered already gets the same answer again, and nobody is asked', async () => {
    const { start, release } = await converse();
    const prompts = ['once', 'twice', 'three times'].map((word) => ({ id: `SM${randomUUID()}`, text: `say ${word}` }));
    const first = start({ prompts });
    await first.ended;
    const asked = under.asked();
    const outline = (turn: RunningTurn) => turn.answers().map(({ id, text, prompts: ids }) => ({ id, text, ids }));
    const live = start({ prompts, session: first.session() });
    expect(await live.ended).toBeUndefined();
    expect(outline(live)).toEqual(outline(first));
    await release();
    const resumed = start({ prompts, session: first.session() });
    expect(await resumed.ended).toBeUndefined();
    expect(outline(resumed)).toEqual(outline(first));
    expect(under.asked()).toBe(asked);
  });

  test('an abort ends the turn with its reason and every process of it; the prompt is then gone on with and not told twice', async () => {
    const { start, workspace, openGate, waiting } = await converse();
    const prompt = { id: `SM${randomUUID()}`, text: 'gate' };
    const turn = start({ prompts: [prompt], open: true });
    await waiting();
    const reason = new Error('stopped by the test');
    turn.abort(reason);
    expect(await turn.ended).toBe(reason);
    expect(turn.answers()).toEqual([]);
    expect(await under.processes(turn.session())).toBe(0);
    await openGate();
    const again = start({ prompts: [prompt], session: turn.session() });
    expect(await again.ended).toBeUndefined();
    expect(again.answers()).toMatchObject([{ text: expect.stringContaining('through'), prompts: [prompt.id] }]);
    expect(await under.told(again.session() ?? '', workspace, 'gate')).toBe(1);
    const next = start({ prompts: ['say next'], session: again.session() });
    await next.ended;
    expect(next.answers().map(({ text }) => text)).toEqual(['next']);
  });

  test('an abort before the beginning, and one while it waits for more, end it too', async () => {
    const { start } = await converse();
    const early = start({ prompts: ['say one'] });
    early.abort('too early');
    expect(await early.ended).toBe('too early');
    const waiting = start({ open: true });
    await until('the session', () => waiting.session());
    waiting.abort('enough');
    expect(await waiting.ended).toBe('enough');
  });

  test('conversations do not know of each other', async () => {
    const [one, two] = await Promise.all([converse(), converse()]);
    const slow = one.start({ prompts: ['gate'] });
    await one.waiting();
    const quick = two.start({ prompts: ['say quick'] });
    expect(await quick.ended).toBeUndefined();
    expect(slow.answers()).toEqual([]);
    await one.openGate();
    expect(await slow.ended).toBeUndefined();
    expect(slow.session()).not.toBe(quick.session());
  });

  test('release and stop leave nothing behind; a turn at work ends with a failure', async () => {
    const { start, waiting } = await converse();
    const turn = start({ prompts: ['gate'] });
    await waiting();
    await under.agent.stop();
    expect(await turn.ended).toMatchObject({ name: 'AgentFailure', kind: 'died' });
    expect(await under.processes()).toBe(0);
    await under.agent.stop();
  });
}
