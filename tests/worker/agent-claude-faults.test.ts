import { access, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { text } from '../../simulator/model/answer.ts';
import { createFaults } from '../../simulator/model/faults.ts';
import type { Faults } from '../../simulator/model/faults.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { AgentFailure } from '../../worker/agent/agent.ts';
import type { FailureKind } from '../../worker/agent/agent.ts';
import { openClaudeAgent, startTurn } from '../support/agent-bench.ts';
import type { ClaudeAgentBench } from '../support/agent-bench.ts';
import { gate } from '../support/gate-story.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

const patienceMs = 2000;

/** Says what it was told in the note that asks it to go on. */
const goesOn: Story = { matches: (asked) => asked.includes('You were interrupted'), next: (_view, asked) => text(`gone on: ${asked}`) };

let bench: ClaudeAgentBench;
beforeAll(async () => {
  bench = await openClaudeAgent({ modelPatienceMs: patienceMs, model: { stories: [goesOn] } });
});
afterAll(() => bench.stop());

/** Breaks the model in a way, sees how the turn ends and after how long (ms), mends it, and sees that the conversation goes on. */
async function breakAndMend(conversation: string, fault: Partial<Faults>): Promise<{ failure: AgentFailure; ms: number; again: string }> {
  const workspace = await bench.workspace(conversation.slice(1));
  const prompts = [{ id: `SM${crypto.randomUUID()}`, text: 'say what was asked' }];
  Object.assign(bench.model.faults, fault);
  const startedAt = Date.now();
  const broken = startTurn(bench.agent, workspace, { conversation, prompts });
  const failure = await broken.ended;
  const ms = Date.now() - startedAt;
  Object.assign(bench.model.faults, createFaults());
  if (!(failure instanceof AgentFailure)) throw new Error(`the turn was expected to fail and gave ${String(failure)}`);
  expect(broken.answers()).toEqual([]);
  const mended = startTurn(bench.agent, workspace, { conversation, prompts, session: broken.session() });
  expect(await mended.ended).toBeUndefined();
  expect(mended.answers().map((answer) => answer.prompts)).toEqual([[prompts[0]?.id]]);
  const next = startTurn(bench.agent, workspace, { conversation, prompts: ['say and now'], session: mended.session() });
  expect(await next.ended).toBeUndefined();
  expect(next.answers().map((answer) => answer.text)).toEqual(['and now']);
  await bench.agent.release(conversation);
  return { failure, ms, again: mended.answers()[0]?.text ?? '' };
}

test.each<{ name: string; fault: Partial<Faults>; kind: FailureKind; afterMs: number }>([
  { name: 'overloaded for ever', fault: { overloaded: Infinity }, kind: 'overloaded', afterMs: patienceMs },
  { name: 'failing for ever', fault: { internalError: Infinity }, kind: 'model-away', afterMs: patienceMs },
  { name: 'dropping every connection', fault: { down: true }, kind: 'model-away', afterMs: patienceMs },
  { name: 'not accepting the sign-in', fault: { unauthorized: Infinity }, kind: 'signed-out', afterMs: 0 },
  { name: 'without credit', fault: { creditTooLow: Infinity }, kind: 'no-credit', afterMs: 0 },
  { name: 'not there by that name', fault: { noModel: Infinity }, kind: 'no-model', afterMs: 0 },
  { name: 'given more than it can read', fault: { promptTooLong: Infinity }, kind: 'too-long', afterMs: 0 },
  { name: 'given a request that is too large', fault: { requestTooLarge: Infinity }, kind: 'unreadable', afterMs: 0 },
])('a model that is $name ends the turn as $kind; the conversation goes on when it is mended', async ({ fault, kind, afterMs }) => {
  const { failure, ms, again } = await breakAndMend(`+1555${kind.length}${Object.keys(fault)[0]?.length}`, fault);
  expect(failure.kind).toBe(kind);
  expect(ms).toBeGreaterThanOrEqual(afterMs);
  // Claude Code's own retries would take three minutes; the margin is for a busy machine.
  expect(ms).toBeLessThan(afterMs + scaled(20_000));
  // What was told in the very moment of the failure may not be in the transcript, or be there without Claude Code's filler behind it; then the model hears it anew.
  expect(again).toMatch(/^((what was asked\n\n)?gone on: \[Sidepocket\] You were interrupted while working on the person's last message|what was asked$)/);
});

test('a passing trouble is told as such and does not end the turn', async () => {
  bench.model.faults.overloaded = 1;
  const turn = startTurn(bench.agent, await bench.workspace('passing'), { conversation: '+15550000001', prompts: ['say it worked'] });
  expect(await turn.ended).toBeUndefined();
  expect(turn.events).toContainEqual({ kind: 'retrying', reason: 'overloaded' });
  expect(turn.answers().map((answer) => answer.text)).toEqual(['it worked']);
  await bench.agent.release('+15550000001');
});

test('a prompt that failed and was overtaken by another is not taken for answered', async () => {
  const conversation = '+15550000002';
  const workspace = await bench.workspace('overtaken');
  const prompts = [{ id: `SM${crypto.randomUUID()}`, text: 'say the first thing' }];
  bench.model.faults.creditTooLow = Infinity;
  const failed = startTurn(bench.agent, workspace, { conversation, prompts });
  expect(await failed.ended).toMatchObject({ kind: 'no-credit' });
  bench.model.faults.creditTooLow = 0;
  const other = startTurn(bench.agent, workspace, { conversation, prompts: ['say the second thing'], session: failed.session() });
  expect(await other.ended).toBeUndefined();
  const retried = startTurn(bench.agent, workspace, { conversation, prompts, session: failed.session() });
  expect(await retried.ended).toBeUndefined();
  expect(retried.answers()[0]?.id).not.toBe(other.answers()[0]?.id);
  expect(retried.answers()[0]?.text).toContain('an earlier message of the person, which has no answer yet: “say the first thing”');
  await bench.agent.release(conversation);
});

test('a prompt that failed and comes back behind another one is named, since it is not the last', async () => {
  const conversation = '+15550000005';
  const workspace = await bench.workspace('behind');
  const failing = { id: `SM${crypto.randomUUID()}`, text: 'say the first thing' };
  bench.model.faults.creditTooLow = Infinity;
  const failed = startTurn(bench.agent, workspace, { conversation, prompts: [failing] });
  expect(await failed.ended).toMatchObject({ kind: 'no-credit' });
  bench.model.faults.creditTooLow = 0;
  const prompts = ['say the second thing', failing];
  const both = startTurn(bench.agent, workspace, { conversation, prompts, session: failed.session() });
  expect(await both.ended).toBeUndefined();
  const named = 'an earlier message of the person, which has no answer yet: “say the first thing”';
  const texts = both.answers().map((answer) => answer.text);
  expect(texts).toEqual([expect.stringMatching(/the second thing$/), expect.stringContaining(named)]);
  expect(both.answers()[1]?.prompts).toEqual([failing.id]);
  await bench.agent.release(conversation);
});

test('Claude Code killed in mid tool is a failure worth another attempt, which goes on', async () => {
  const own = await openClaudeAgent({ model: { stories: [gate] } });
  try {
    const workspace = await own.workspace('killed');
    const prompts = [{ id: `SM${crypto.randomUUID()}`, text: 'gate' }];
    const turn = startTurn(own.agent, workspace, { prompts });
    await until('the tool to run', async () => await access(path.join(workspace, 'begun')).then(() => true, () => false));
    const [pid] = await own.leaders();
    if (pid === undefined) throw new Error('there is no process');
    // The transcript is written with a lag; what a power cut takes from it is another matter.
    await until('the prompt in the transcript', async () => (await own.userTexts(turn.session() ?? '', workspace)).includes('gate'));
    process.kill(pid, 'SIGKILL');
    expect(await turn.ended).toMatchObject({ name: 'AgentFailure', kind: 'died', message: expect.stringContaining('SIGKILL') });
    expect(await own.processes()).toEqual([]);
    const again = startTurn(own.agent, workspace, { prompts, session: turn.session() });
    await until('the note', async () => (await own.userTexts(turn.session() ?? '', workspace)).some((said) => said.startsWith('[Sidepocket]')));
    await writeFile(path.join(workspace, 'gate'), '');
    expect(await again.ended).toBeUndefined();
    expect(again.session()).toBe(turn.session());
    expect(again.answers()).toMatchObject([{ text: expect.stringContaining('through'), prompts: [prompts[0]?.id] }]);
    expect((await own.userTexts(turn.session() ?? '', workspace)).filter((said) => said === 'gate')).toHaveLength(1);
  } finally {
    await own.stop();
  }
});

test('a model that cannot be reached at all is away', async () => {
  const own = await openClaudeAgent({ modelPatienceMs: 1000, secrets: { ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' } });
  try {
    const turn = startTurn(own.agent, await own.workspace('refused'), { prompts: ['say anything'] });
    expect(await turn.ended).toMatchObject({ name: 'AgentFailure', kind: 'model-away' });
  } finally {
    await own.stop();
  }
});

test('the usage limit of a subscription says when it ends', async () => {
  const own = await openClaudeAgent({ secrets: { ANTHROPIC_API_KEY: undefined, CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-scripted' } });
  try {
    const resetsAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000);
    Object.assign(own.model.faults, { rateLimited: Infinity, rateLimitResetsAt: resetsAt.getTime() });
    const turn = startTurn(own.agent, await own.workspace('limited'), { prompts: ['say anything'] });
    expect(await turn.ended).toMatchObject({ name: 'AgentFailure', kind: 'usage-limit', resetsAt });
  } finally {
    await own.stop();
  }
});

test('a conversation that was compacted says so, and goes on', async () => {
  const conversation = '+15550000003';
  const workspace = await bench.workspace('compacted');
  const first = startTurn(bench.agent, workspace, { conversation, prompts: ['say one'] });
  expect(await first.ended).toBeUndefined();
  const compacting = startTurn(bench.agent, workspace, { conversation, prompts: ['/compact'], session: first.session() });
  expect(await compacting.ended).toBeUndefined();
  expect(compacting.events.filter(({ kind }) => kind === 'compacted')).toHaveLength(1);
  const next = startTurn(bench.agent, workspace, { conversation, prompts: ['say two'], session: first.session() });
  expect(await next.ended).toBeUndefined();
  // The scripted model takes the summary for something that was said.
  expect(next.answers()).toMatchObject([{ text: expect.stringMatching(/two$/) }]);
  expect(next.events.filter(({ kind }) => kind === 'compacted')).toEqual([]);
  await bench.agent.release(conversation);
});
