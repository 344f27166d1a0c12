import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callTool, cutOff, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { openClaudeAgent, startTurn } from '../support/agent-bench.ts';
import type { Asking, ClaudeAgentBench, RunningTurn, Sent } from '../support/agent-bench.ts';
import { until } from '../support/until.ts';

const hostSecrets = {
  TWILIO_AUTH_TOKEN: 'host-secret-1',
  TWILIO_ACCOUNT_SID: 'host-secret-2',
  REDIS_URL: 'redis://host-secret-3',
  ADMIN_PASSWORD: 'host-secret-4',
};

/** The background command ends when this file is there. */
const backgroundGate = path.join(tmpdir(), `sidepocket-gate-${process.pid}`);

const stories: Story[] = [
  {
    matches: (asked) => asked === 'look',
    next: ({ results }) =>
      results.length > 0
        ? text('Seen.')
        : [
            ...text('I will look.'),
            ...callTool('Bash', { command: 'echo hi', description: 'Look' }),
          ],
  },
  {
    matches: (asked) => asked === 'two blocks',
    next: () => [...text('The first block.'), ...text('The second block.')],
  },
  { matches: (asked) => asked === 'nothing', next: () => [] },
  { matches: (asked) => asked === 'too much', next: () => cutOff('The first half', 'max_tokens') },
  { matches: (asked) => asked === 'unsafe', next: () => cutOff('The harmless half', 'refusal') },
  {
    // Claude Code asks the model to go on.
    matches: (asked) => /^(Output token limit hit|Your response above was stopped)/.test(asked),
    next: () => text('and the rest.'),
  },
  {
    matches: (asked) => asked === 'write to me',
    next: ({ results }) =>
      results.length > 0
        ? text('Written.')
        : callTool('mcp__whatsapp__send_message', { text: 'a note in between' }),
  },
  {
    matches: (asked) => asked === 'look at the tabs',
    next: ({ results }) =>
      results.length > 0
        ? text('Looked.')
        : callTool('mcp__playwright__browser_tabs', { action: 'list' }),
  },
  {
    matches: (asked) => asked === 'hold on',
    next: () => callTool('Bash', { command: 'sleep 60', description: 'Hold on' }),
  },
  {
    matches: (asked) => asked === 'in the background',
    next: ({ results }) =>
      results.length > 0
        ? text('Started.')
        : callTool('Bash', {
            command: `until test -e ${backgroundGate}; do sleep 0.05; done; echo ready`,
            run_in_background: true,
            description: 'Work on',
          }),
  },
];

type Conversation = Awaited<ReturnType<typeof converse>>;

let bench: ClaudeAgentBench;
/**
 * The conversation of most tests, with its process: one of its own for each would take most of the
 * time.
 */
let main: Conversation;
beforeAll(async () => {
  bench = await openClaudeAgent({
    environment: { host: { ...process.env, ...hostSecrets } },
    model: { stories },
    maxLive: 2,
  });
  main = await converse('+15551110001');
});
afterAll(() => bench.stop());

/** A conversation that goes on from turn to turn, and from test to test. */
async function converse(conversation: string, own: ClaudeAgentBench = bench) {
  const workspace = await own.workspace(conversation.slice(1));
  const sent: Sent[] = [];
  let session: string | undefined;
  const turn = async (asking: Omit<Asking, 'conversation' | 'session'>): Promise<RunningTurn> => {
    const running = startTurn(own.agent, workspace, { conversation, session, ...asking }, sent);
    expect(await running.ended).toBeUndefined();
    session = running.events.findLast((event) => event.kind === 'session')?.id;
    return running;
  };
  const say = async (words: string): Promise<string> =>
    (await turn({ prompts: [words] }))
      .answers()
      .map((answer) => answer.text)
      .join('\n');
  return {
    conversation,
    workspace,
    sent,
    turn,
    say,
    /** Ends a turn at work for this reason. */
    async halt(reason: Error): Promise<void> {
      const halted = startTurn(own.agent, workspace, {
        conversation,
        session,
        prompts: ['hold on'],
      });
      await until('the command', () => halted.events.some(({ kind }) => kind === 'tool'));
      halted.abort(reason);
      await halted.ended;
    },
    processes: () => own.processes(session),
    release: () => own.agent.release(conversation),
  };
}

test('each answer costs its own part, also after a resume', { tags: 'long' }, async () => {
  const { turn, release } = main;
  const costs: number[] = [];
  for (const words of ['say 1', 'say 2', 'say 3'])
    costs.push((await turn({ prompts: [words] })).answers()[0]?.usage.costUsd ?? 0);
  await release();
  expect(await bench.processes()).toEqual([]);
  costs.push((await turn({ prompts: ['say 4'] })).answers()[0]?.usage.costUsd ?? 0);
  costs.push((await turn({ prompts: ['say 5'] })).answers()[0]?.usage.costUsd ?? 0);
  expect(Math.min(...costs)).toBeGreaterThan(0);
  expect(Math.max(...costs)).toBeLessThan(1.5 * Math.min(...costs));
});

test("nothing of the host's secrets is to be seen by Claude Code, its commands and its servers", async () => {
  const { say } = main;
  const printed = await say('run: env');
  expect(printed).toContain('SIDEPOCKET_AGENT=');
  expect(printed).not.toMatch(/host-secret|TWILIO_|REDIS_URL|ADMIN_PASSWORD/);
  // The browser's server is started by the first call, with or without a browser on this machine.
  expect(await bench.processes()).toHaveLength(1);
  expect(await say('look at the tabs')).toBe('Looked.');
  const pids = await bench.processes();
  expect(pids.length).toBeGreaterThanOrEqual(2);
  for (const pid of pids) {
    const [environment, command] = await Promise.all(
      ['environ', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'latin1')),
    );
    expect(environment).not.toContain('host-secret');
    expect(command).not.toContain('scripted');
  }
});

test('what it sends on the way carries the id of the call', async () => {
  const { say, sent } = main;
  expect(await say('write to me')).toBe('Written.');
  expect(sent).toEqual([{ text: 'a note in between', callId: expect.stringMatching(/^toolu_/) }]);
});

test('commands of Claude Code get an answer of their own each, and the conversation goes on', async () => {
  const { turn, say } = main;
  await say('say first');
  const context = await turn({ prompts: ['/context'] });
  expect(context.answers()[0]?.text).toMatch(/tokens/i);
  const compact = await turn({ prompts: ['/compact'] });
  expect(compact.answers()).toHaveLength(1);
  expect(compact.answers()[0]?.id).not.toBe(context.answers()[0]?.id);
  expect(compact.answers()[0]?.text).not.toMatch(/tokens/i);
  // A command of the chat is a sentence with further words.
  expect(await say('/cost of it\nsay read by the model')).toContain('read by the model');
  expect((await turn({ prompts: ['/no-such-command'] })).answers()).toHaveLength(1);
  expect(await say('-x say with a dash')).toBeTruthy();
  // A terminal's command that Claude Code does not have here is a sentence, which the model reads.
  expect(await say('/help me\nsay read by the model')).toContain('read by the model');
  expect(await say('/focus')).toBe(
    '/focus works only in Claude Code’s own terminal. /help lists what I know.',
  );
});

test('what ends in the background is an answer of its own, about what led to it, also behind a turn that was stopped', async () => {
  const { say, turn, halt, processes } = main;
  expect(await say('in the background')).toBe('Started.');
  await halt(new Error('as the person wants it'));
  const asked = bench.model.requests.length;
  await writeFile(backgroundGate, '');
  await until('Claude Code to be told of the end', () => bench.model.requests.length > asked);
  const answers = (await turn({ prompts: ['say I am heard'] })).answers();
  expect(answers.map(({ prompts }) => prompts.length)).toEqual([0, 1]);
  expect(answers[0]?.about).toEqual(['in the background']);
  expect(answers[1]?.text).toBe('I am heard');
  await rm(backgroundGate);
  // A process that shows no sign of life ends with all that it has.
  expect(await say('in the background')).toBe('Started.');
  await halt(new AgentFailure('silent', 'no sign of life'));
  await until('its end', async () => (await processes()).length === 0);
});

test('an answer is all that was said, with all its blocks and halves, live and from the transcript', async () => {
  const { turn, release } = main;
  const asked = ['look', 'two blocks', 'nothing', 'fail', 'too much', 'unsafe'];
  const prompts = asked.map((words) => ({ id: `SM${crypto.randomUUID()}`, text: words }));
  const live = [];
  for (const prompt of prompts) live.push(await turn({ prompts: [prompt] }));
  const [looked, blocks, nothing, failed, long, unsafe] = live;
  expect(looked?.answers().map((answer) => answer.text)).toEqual(['Seen.']);
  const tool = looked?.events.find((event) => event.kind === 'tool');
  expect(tool).toMatchObject({ name: 'Bash', summary: 'echo hi', timeoutMs: undefined });
  expect(looked?.events).toContainEqual(
    expect.objectContaining({ kind: 'tool-end', id: tool?.id, failed: false }),
  );
  expect(blocks?.answers()[0]?.text).toMatch(/^The first block\.\s*The second block\.$/);
  // Claude Code asks the model once more by itself; the person gets one answer.
  expect(nothing?.answers()).toHaveLength(1);
  expect(failed?.events).toContainEqual(
    expect.objectContaining({ kind: 'tool-end', failed: true }),
  );
  await release();
  const again = await turn({ prompts });
  const outline = (turn: RunningTurn) =>
    turn.answers().map(({ id, earlier = [], text: last }) => {
      return [id, [...earlier.map((words) => words.text), last].join('\n\n')];
    });
  expect([long, unsafe].flatMap((turn) => (turn ? outline(turn) : []))).toMatchObject([
    [expect.any(String), 'The first half\n\nand the rest.'],
    [expect.any(String), 'The harmless half\n\nand the rest.'],
  ]);
  expect(outline(again)).toEqual(live.flatMap(outline));
});

test(
  'a process that died between two turns is replaced, and its session goes on',
  { tags: 'long' },
  async () => {
    const { conversation, turn, workspace } = main;
    const before = await turn({ prompts: ['say before'] });
    const answers = bench.model.requests.at(-1)?.view.answersBefore ?? NaN;
    const [pid] = await bench.leaders();
    if (pid === undefined) throw new Error('there is no process');
    process.kill(pid, 'SIGKILL');
    await until('its end', async () => !(await bench.leaders()).includes(pid));
    const prompt = { id: `SM${crypto.randomUUID()}`, text: 'say after' };
    const asking = { conversation, session: before.session(), prompts: [prompt] };
    // In the moment of its death a turn may still be given to it; that turn fails as one that is
    // worth another attempt.
    const after = await until('a turn that works', async () => {
      const attempt = startTurn(bench.agent, workspace, asking);
      const failure = await attempt.ended;
      return failure === undefined ? attempt : (failure as AgentFailure).kind !== 'died' && attempt;
    });
    expect(after.session()).toBe(before.session());
    expect(after.answers().map((answer) => answer.text)).toEqual(['after']);
    expect(bench.model.requests.at(-1)?.view.answersBefore).toBe(answers + 1);
  },
);

test(
  'clearing the conversation begins another session, which is told and gone on with',
  { tags: 'long' },
  async () => {
    const { turn, release } = main;
    await turn({ prompts: ['say first'] });
    const cleared = await turn({ prompts: ['/clear'] });
    const sessions = cleared.events.flatMap((event) =>
      event.kind === 'session' ? [event.id] : [],
    );
    expect(sessions).toHaveLength(2);
    const prompt = { id: `SM${crypto.randomUUID()}`, text: 'say fresh' };
    const fresh = await turn({ prompts: [prompt] });
    expect(fresh.session()).toBe(sessions[1]);
    expect(bench.model.requests.at(-1)?.view.answersBefore).toBe(0);
    await release();
    const again = await turn({ prompts: [prompt] });
    expect(again.answers().map(({ id, text: words }) => [id, words])).toEqual(
      fresh.answers().map(({ id, text: words }) => [id, words]),
    );
  },
);

test(
  'a process is kept for the next turn; the one used least recently is closed when there are too many',
  { tags: 'long' },
  async () => {
    const [one, two, three] = [
      main,
      await converse('+15551110002'),
      await converse('+15551110003'),
    ];
    await one.say('say 1');
    const [first] = await bench.leaders();
    await one.say('say again');
    expect(await bench.leaders()).toEqual([first]);
    await two.say('say 2');
    expect(await bench.leaders()).toHaveLength(2);
    await three.say('say 3');
    const left = await until('two processes', async () => {
      const leaders = await bench.leaders();
      return leaders.length === 2 && leaders;
    });
    expect(left).not.toContain(first);
    expect(await one.say('say I am back')).toBe('I am back');
    await Promise.all([one.release(), two.release(), three.release()]);
    expect(await bench.processes()).toEqual([]);
  },
);

test('a process that nobody needs for a while is closed', { tags: 'long' }, async () => {
  const own = await openClaudeAgent({ idleMs: 200 });
  try {
    const { say } = await converse('+15551110004', own);
    expect(await say('say something')).toBe('something');
    await until('no process', async () => (await own.processes()).length === 0);
    expect(await say('say something else')).toBe('something else');
  } finally {
    await own.stop();
    process.env['CLAUDE_CONFIG_DIR'] = `${bench.dataDir}/claude`;
  }
});
