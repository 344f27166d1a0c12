import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callTool, cutOff, text } from '../../simulator/model/answer.ts';
import type { ApiErrorType } from '../../simulator/model/api-error.ts';
import { createFaults } from '../../simulator/model/faults.ts';
import type { Faults } from '../../simulator/model/faults.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import type { Prompt } from '../../worker/agent/agent.ts';
import type { FailureKind } from '../../worker/agent/agent-failure.ts';
import { openClaudeAgent, startTurn } from '../support/agent-bench.ts';
import type { ClaudeAgentBench, RunningTurn } from '../support/agent-bench.ts';
import { atGate, gate, gatePlace, openGate, waitAtGate } from '../support/gate-story.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

const patienceMs = scaled(2000);

/** Says what it was told in the note that asks it to go on; work at the gate goes on there. */
const goesOn: Story = {
  matches: (asked) => asked.includes('You were interrupted') && !isAtGate,
  next: (_view, asked) => text(`gone on: ${asked}`),
};
let isAtGate = false;

/** `find NAME`: says something beside a command that waits for this file. */
const find: Story = {
  matches: (asked) => /^find \w+$/.test(asked),
  next: (_view, asked) => [
    ...text(`Found: ${asked.slice(5)}.`),
    ...callTool('Bash', {
      command: `mkdir -p ${gatePlace}; touch ${gatePlace}/begun; until test -e ${asked.slice(5)}; do sleep 0.05; done`,
    }),
  ],
};

/** `look once`: says something beside a command that ends at once. */
const look: Story = {
  matches: (asked) => asked === 'look once',
  next: ({ results }) =>
    results.length > 0
      ? text('All done.')
      : [...text('Found: a typo.'), ...callTool('Bash', { command: 'true' })],
};

/** `unsafe`: the safeguards stop the answer, also when Claude Code asks once more. */
const unsafe: Story = {
  matches: (asked) => asked === 'unsafe' || asked.startsWith('Your response above was stopped'),
  next: (_view, asked) => cutOff(asked === 'unsafe' ? 'One half.' : 'Another.', 'refusal'),
};

/** Refuses what follows a tool call. */
const refusesResults = (status: number, type: ApiErrorType): Partial<Faults> => ({
  refuse: ({ messages }) =>
    JSON.stringify(messages.at(-1)).includes('tool_result')
      ? { status, type, message: 'no more', headers: {} }
      : undefined,
});

/** Refuses each request with these words. */
const refuses = (status: number, type: ApiErrorType, message: string): Partial<Faults> => ({
  refuse: () => ({ status, type, message, headers: { 'request-id': 'req_of_this_test' } }),
});

let bench: ClaudeAgentBench;
let workspace: string;
let last: RunningTurn | undefined;
beforeAll(async () => {
  bench = await openClaudeAgent({
    modelPatienceMs: patienceMs,
    model: { stories: [goesOn, gate, find, look, unsafe, watch] },
  });
  workspace = await bench.workspace('15551230001');
});
afterAll(() => bench.stop());

/**
 * The next turn of the one conversation that all this befalls: each failure ends a process, and a
 * conversation of its own for each would begin one more.
 */
function goOn(...prompts: (string | Prompt)[]): RunningTurn {
  last = startTurn(bench.agent, workspace, { prompts, session: last?.session() });
  return last;
}

/**
 * Breaks the model in a way, sees how the turn ends and after how long (ms), mends it, and sees
 * that the conversation goes on.
 */
async function breakAndMend(
  fault: Partial<Faults>,
): Promise<{ failure: AgentFailure; ms: number; again: string }> {
  const prompt = { id: `SM${crypto.randomUUID()}`, text: 'say what was asked' };
  Object.assign(bench.model.faults, fault);
  const startedAt = Date.now();
  const broken = goOn(prompt);
  const failure = await broken.ended;
  const ms = Date.now() - startedAt;
  Object.assign(bench.model.faults, createFaults());
  if (!(failure instanceof AgentFailure))
    throw new Error(`the turn was expected to fail and gave ${String(failure)}`);
  expect(broken.answers()).toEqual([]);
  const mended = goOn(prompt);
  expect(await mended.ended).toBeUndefined();
  expect(mended.session()).toBe(broken.session());
  expect(mended.answers().map((answer) => answer.prompts)).toEqual([[prompt.id]]);
  const next = goOn('say and now');
  expect(await next.ended).toBeUndefined();
  expect(next.answers().map((answer) => answer.text)).toEqual(['and now']);
  return { failure, ms, again: mended.answers()[0]?.text ?? '' };
}

type BrokenModel = { name: string; fault: Partial<Faults>; kind: FailureKind; afterMs: number };
/** The kind of failure that ends the turn, at its time; the conversation goes on. */
async function kindOf({ fault, afterMs }: BrokenModel): Promise<FailureKind> {
  const { failure, ms, again } = await breakAndMend(fault);
  expect(ms).toBeGreaterThanOrEqual(afterMs);
  // Claude Code's own retries would take three minutes; the margin is for a busy machine.
  expect(ms).toBeLessThan(afterMs + scaled(20_000));
  // What was told in the very moment of the failure may not be in the transcript, or be there
  // without Claude Code's filler behind it; then the model hears it anew.
  expect(again).toMatch(
    /^((what was asked\n\n)?gone on: \[Sidepocket\] You were interrupted while working on the person's last message|what was asked$)/,
  );
  return failure.kind;
}

test.each<BrokenModel>([
  {
    name: 'overloaded for ever',
    fault: { overloaded: Infinity },
    kind: 'overloaded',
    afterMs: patienceMs,
  },
])(
  'a model that is $name ends the turn as $kind; the conversation goes on when it is mended',
  async (broken) => {
    expect(await kindOf(broken)).toBe(broken.kind);
  },
);

test.each<BrokenModel>([
  {
    name: 'failing for ever',
    fault: { internalError: Infinity },
    kind: 'model-away',
    afterMs: patienceMs,
  },
  {
    name: 'dropping every connection',
    fault: { down: true },
    kind: 'model-away',
    afterMs: patienceMs,
  },
  {
    name: 'not accepting the sign-in',
    fault: { unauthorized: Infinity },
    kind: 'signed-out',
    afterMs: 0,
  },
  { name: 'without credit', fault: { creditTooLow: Infinity }, kind: 'no-credit', afterMs: 0 },
  { name: 'not there by that name', fault: { noModel: Infinity }, kind: 'no-model', afterMs: 0 },
  {
    name: 'given more than it can read',
    fault: { promptTooLong: Infinity },
    kind: 'too-long',
    afterMs: 0,
  },
  {
    name: 'given a request that is too large',
    fault: { requestTooLarge: Infinity },
    kind: 'unreadable',
    afterMs: 0,
  },
  {
    name: 'closed to an account that was switched off',
    fault: refuses(400, 'invalid_request_error', 'This organization has been disabled.'),
    kind: 'account-off',
    afterMs: 0,
  },
  {
    name: 'closed to this key',
    fault: refuses(403, 'permission_error', 'Request not allowed'),
    kind: 'not-allowed',
    afterMs: 0,
  },
])(
  'a model that is $name ends the turn as $kind; the conversation goes on when it is mended',
  { tags: 'long' },
  async (broken) => {
    expect(await kindOf(broken)).toBe(broken.kind);
  },
);

type Refusal = { words: string; failure: object };
const refusedWith = async (words: string): Promise<AgentFailure> =>
  (await breakAndMend(refuses(400, 'invalid_request_error', words))).failure;

test.each<Refusal>([
  {
    words:
      'messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.',
    failure: { kind: 'history' },
  },
])('a request that is refused with “$words” is told by its words', async ({ words, failure }) => {
  expect(await refusedWith(words)).toMatchObject({
    ...failure,
    status: 400,
    requestId: 'req_of_this_test',
  });
});

test.each<Refusal>([
  {
    words:
      'You have reached your specified API usage limits. You will regain access on 2999-12-01 at 00:00 UTC.',
    failure: { kind: 'usage-limit', resetsAt: new Date('2999-12-01T00:00:00Z') },
  },
  {
    words:
      'messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.',
    failure: { kind: 'history' },
  },
  {
    words: 'top_p: this is not for sk-ant-api03-key',
    failure: { kind: 'refused', message: 'top_p: this is not for …' },
  },
])(
  'a request that is refused with “$words” is told by its words',
  { tags: 'long' },
  async ({ words, failure }) => {
    expect(await refusedWith(words)).toMatchObject({
      ...failure,
      status: 400,
      requestId: 'req_of_this_test',
    });
  },
);

test('an answer that the safeguards stop twice fails as that, behind what was said of it', async () => {
  const turn = goOn('unsafe');
  expect(await turn.ended).toMatchObject({ kind: 'declined' });
  const said = turn.events.flatMap((event) => (event.kind === 'words' ? [event.words.text] : []));
  expect(said).toEqual(['One half.', 'Another.']);
  const next = goOn('say and now');
  expect(await next.ended).toBeUndefined();
  expect(next.answers().map((answer) => answer.text)).toEqual(['and now']);
});

test('a passing trouble is told as such and does not end the turn', async () => {
  bench.model.faults.overloaded = 1;
  const turn = goOn('say it worked');
  expect(await turn.ended).toBeUndefined();
  expect(turn.events).toContainEqual({ kind: 'retrying', reason: 'overloaded' });
  expect(turn.answers().map((answer) => answer.text)).toEqual(['it worked']);
  // A stream that is cut behind a whole text: Claude Code asks again, with that text or without it.
  bench.model.faults.cut = 1;
  let asked = '';
  bench.model.faults.refuse = (request) => void (asked += JSON.stringify(request));
  const cut = goOn('look once');
  expect(await cut.ended).toBeUndefined();
  bench.model.faults.refuse = undefined;
  // A timer of its own would end with the process.
  expect(asked).toContain('Bash');
  expect(asked).not.toMatch(/ScheduleWakeup|CronCreate/);
  const said = cut
    .answers()
    .flatMap(({ text: words, earlier = [] }) => [...earlier.map((part) => part.text), words]);
  expect(said.join('\n').split('Found: a typo.')).toHaveLength(2);
});

test(
  'a prompt that failed and was overtaken by another is not taken for answered',
  { tags: 'long' },
  async () => {
    const prompt = { id: `SM${crypto.randomUUID()}`, text: 'say the first thing' };
    bench.model.faults.creditTooLow = Infinity;
    expect(await goOn(prompt).ended).toMatchObject({ kind: 'no-credit' });
    bench.model.faults.creditTooLow = 0;
    const other = goOn('say the second thing');
    expect(await other.ended).toBeUndefined();
    const retried = goOn(prompt);
    expect(await retried.ended).toBeUndefined();
    expect(retried.answers()[0]?.id).not.toBe(other.answers()[0]?.id);
    expect(retried.answers()[0]?.text).toContain(
      'an earlier message of the person, which has no answer yet: “say the first thing”',
    );
  },
);

test('a prompt that failed and comes back behind another one is named, since it is not the last', async () => {
  const conversation = '+15550000005';
  const workspace = await bench.workspace('behind');
  const failing = { id: `SM${crypto.randomUUID()}`, text: 'say the first thing' };
  bench.model.faults.creditTooLow = Infinity;
  const failed = startTurn(bench.agent, workspace, { conversation, prompts: [failing] });
  expect(await failed.ended).toMatchObject({ kind: 'no-credit' });
  bench.model.faults.creditTooLow = 0;
  const prompts = ['say the second thing', failing];
  const both = startTurn(bench.agent, workspace, {
    conversation,
    prompts,
    session: failed.session(),
  });
  expect(await both.ended).toBeUndefined();
  const named = 'an earlier message of the person, which has no answer yet: “say the first thing”';
  const texts = both.answers().map((answer) => answer.text);
  expect(texts).toEqual([
    expect.stringMatching(/the second thing$/),
    expect.stringContaining(named),
  ]);
  expect(both.answers()[1]?.prompts).toEqual([failing.id]);
  await bench.agent.release(conversation);
});

/** `watch`: leaves a command running; a prompt beside it and its end are answered as they come. */
const watch: Story = {
  matches: (asked) => /^(watch|Background work ended)/.test(asked),
  next: ({ results, texts }, asked) =>
    asked === 'watch' && results.length === 0
      ? callTool('Bash', { command: waitAtGate, description: 'Watch', run_in_background: true })
      : text(texts.map((said) => said.text).join('; ')),
};

test('a prompt that failed beside work in the background is answered once, with the end of that work', async () => {
  const conversation = '+15550000006';
  const workspace = await bench.workspace('beside');
  const first = startTurn(bench.agent, workspace, { conversation, prompts: ['watch'] });
  expect(await first.ended).toBeUndefined();
  const prompt = { id: `SM${crypto.randomUUID()}`, text: 'watch me' };
  const asking = { conversation, prompts: [prompt], session: first.session() };
  bench.model.faults.creditTooLow = Infinity;
  expect(await startTurn(bench.agent, workspace, asking).ended).toMatchObject({
    kind: 'no-credit',
  });
  bench.model.faults.creditTooLow = 0;
  const asked = bench.model.requests.length;
  await openGate(workspace);
  await until('Claude to speak by itself', () => bench.model.requests.length > asked);
  const again = startTurn(bench.agent, workspace, asking);
  expect(await again.ended).toBeUndefined();
  const answers = again.answers();
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  expect(answers[0]?.text).toMatch(/^watch me/);
  expect(answers.flatMap(({ prompts }) => prompts)).toEqual([prompt.id]);
  expect(bench.model.requests.slice(asked)).toHaveLength(1);
  await bench.agent.release(conversation);
});

test('Claude Code killed in mid tool is a failure worth another attempt, which goes on', async () => {
  const userTexts = async (): Promise<string[]> =>
    await bench.userTexts(last?.session() ?? '', workspace);
  const isNote = (said: string): boolean => said.startsWith('[Sidepocket]');
  const notes = async (): Promise<number> => (await userTexts()).filter(isNote).length;
  const prompt = { id: `SM${crypto.randomUUID()}`, text: 'gate' };
  isAtGate = true;
  const turn = goOn(prompt);
  await atGate(workspace);
  const [pid] = await bench.leaders();
  if (pid === undefined) throw new Error('there is no process');
  // The transcript is written with a lag; what a power cut takes from it is another matter.
  await until('the prompt in the transcript', async () => (await userTexts()).includes('gate'));
  const notesBefore = await notes();
  process.kill(pid, 'SIGKILL');
  expect(await turn.ended).toMatchObject({
    name: 'AgentFailure',
    kind: 'died',
    message: expect.stringContaining('SIGKILL'),
  });
  expect(await bench.processes()).toEqual([]);
  const again = goOn(prompt);
  await until('the note', async () => (await notes()) > notesBefore);
  await openGate(workspace);
  expect(await again.ended).toBeUndefined();
  expect(again.session()).toBe(turn.session());
  expect(again.answers()).toMatchObject([
    { text: expect.stringContaining('through'), prompts: [prompt.id] },
  ]);
  expect((await userTexts()).filter((said) => said === 'gate')).toHaveLength(1);
  isAtGate = false;
});

// Its short form is in tests/worker/claude-turn.test.ts.
test(
  'what Claude has said before its sign-in is revoked, its service fails, or it goes silent comes before the failure',
  { tags: 'long' },
  async () => {
    const saidBefore = async (
      name: string,
      fault: Partial<Faults>,
      end: (turn: RunningTurn) => void,
    ): Promise<unknown[]> => {
      await rm(path.join(workspace, gatePlace, 'begun'), { force: true });
      const turn = goOn(`find ${name}`);
      await atGate(workspace);
      Object.assign(bench.model.faults, fault);
      end(turn);
      const failure = await turn.ended;
      Object.assign(bench.model.faults, createFaults());
      const words = turn.events.flatMap((event) =>
        event.kind === 'words' ? event.words.text : [],
      );
      return [...words, failure instanceof AgentFailure ? failure.kind : failure];
    };
    const letPass = (name: string) => () => void writeFile(path.join(workspace, name), '');
    expect(
      await saidBefore('one', refusesResults(401, 'authentication_error'), letPass('one')),
    ).toEqual(['Found: one.', 'signed-out']);
    expect(
      await saidBefore('two', refusesResults(529, 'overloaded_error'), letPass('two')),
    ).toEqual(['Found: two.', 'overloaded']);
    const silent = new AgentFailure('silent', 'nothing was heard');
    expect(await saidBefore('three', {}, (turn) => turn.abort(silent))).toEqual([
      'Found: three.',
      'silent',
    ]);
    // What was said before a stop is withdrawn with the rest.
    const stop = new Error('stopped');
    expect(await saidBefore('four', {}, (turn) => turn.abort(stop))).toEqual([stop]);
  },
);

test('a conversation that was compacted says so, and goes on', async () => {
  expect(await goOn('say one').ended).toBeUndefined();
  const compacting = goOn('/compact');
  expect(await compacting.ended).toBeUndefined();
  expect(compacting.events.filter(({ kind }) => kind === 'compacted')).toHaveLength(1);
  const next = goOn('say two');
  expect(await next.ended).toBeUndefined();
  // The scripted model takes the summary for something that was said.
  expect(next.answers()).toMatchObject([{ text: expect.stringMatching(/two$/) }]);
  expect(next.events.filter(({ kind }) => kind === 'compacted')).toEqual([]);
});

// An agent of its own each; the reader of transcripts looks where the last one keeps its, so these
// come last.
test('a model that cannot be reached at all is away', { tags: 'long' }, async () => {
  const own = await openClaudeAgent({
    modelPatienceMs: 1000,
    secrets: { ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' },
  });
  try {
    const turn = startTurn(own.agent, await own.workspace('refused'), {
      prompts: ['say anything'],
    });
    expect(await turn.ended).toMatchObject({ name: 'AgentFailure', kind: 'model-away' });
  } finally {
    await own.stop();
  }
});

test('the usage limit of a subscription says when it ends', { tags: 'long' }, async () => {
  const own = await openClaudeAgent({
    secrets: { ANTHROPIC_API_KEY: undefined, CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-scripted' },
  });
  try {
    const resetsAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000);
    Object.assign(own.model.faults, {
      rateLimited: Infinity,
      rateLimitResetsAt: resetsAt.getTime(),
    });
    const turn = startTurn(own.agent, await own.workspace('limited'), {
      prompts: ['say anything'],
    });
    expect(await turn.ended).toMatchObject({ name: 'AgentFailure', kind: 'usage-limit', resetsAt });
  } finally {
    await own.stop();
  }
});
