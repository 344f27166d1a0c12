import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import type { Agent, AgentEvent, AgentTurn, ChatTools } from '../../worker/agent/agent.ts';
import type { BackgroundListener, BackgroundTask } from '../../worker/agent/background.ts';
import { hideSecrets } from '../../worker/secrets/hide-secrets.ts';
import { createHidden } from '../../worker/secrets/hidden.ts';
import { phone } from '../support/pipeline.ts';

const value = 'sk_live_51H8x/Qz+e 9=w';

/** Everything that a tool of the chat was given, by its name. */
function recordingTools(): { tools: ChatTools; given: Record<string, unknown> } {
  const given: Record<string, unknown> = {};
  const note =
    <T>(name: string, answer: T) =>
    async (input: unknown): Promise<T> => {
      given[name] = input;
      return answer;
    };
  return {
    given,
    tools: {
      sendFile: note('sendFile', 'sent'),
      sendMessage: note('sendMessage', 'sent'),
      say: note('say', undefined),
      scheduleTurn: note('scheduleTurn', 'planned'),
      listSchedules: async () => 'none',
      cancelSchedule: note('cancelSchedule', 'cancelled'),
      ask: note('ask', ['yes']),
      approve: note('approve', 'yes' as const),
      decidePlan: note('decidePlan', { go: { edits: false } }),
      mayGoOn: async () => true,
    },
  };
}

test('nothing of what an agent says, asks, plans, suggests, leaves running or fails with holds a secret', async () => {
  const hidden = createHidden();
  hidden.add(`the person of ${phone}`, [{ name: 'TOKEN', value }]);
  const usage = { inputTokens: 1, outputTokens: 1, costUsd: 0 };
  const said: AgentEvent[] = [
    { kind: 'tool', id: 't', name: 'Bash', summary: `run ${value}`, timeoutMs: undefined },
    { kind: 'tool', id: 't', name: 'Bash', summary: `run ${value.slice(0, 9)}…`, timeoutMs: 1 },
    { kind: 'retrying', reason: value },
    { kind: 'words', words: { id: 'w', text: value } },
    { kind: 'picture', path: `/tmp/${value}` },
    {
      kind: 'answer',
      id: 'a',
      text: value,
      earlier: [{ id: 'e', text: value }],
      about: [value],
      prompts: ['p'],
      usage,
    },
    { kind: 'tool-end', id: 't', failed: false, output: `TOKEN=${value}` },
    {
      kind: 'helper',
      of: 't',
      step: { kind: 'tool', id: 'h', name: 'Bash', summary: value, description: value },
    },
    {
      kind: 'helper',
      of: 't',
      step: { kind: 'tool-end', id: 'h', failed: true, output: JSON.stringify({ value }) },
    },
    { kind: 'tasks', tasks: [{ id: 'k', kind: 'command', description: value }] },
  ];
  let listener: BackgroundListener | undefined;
  const inner: Agent = {
    async *work(turn) {
      const { signal } = turn;
      const { tools } = turn;
      await tools.sendFile({ path: `/a/${value}`, caption: value });
      await tools.sendMessage({ text: value, callId: value });
      await tools.say({ id: 'w', text: value });
      await tools.scheduleTurn({ prompt: value, inMinutes: 5 });
      await tools.ask(
        [{ question: value, options: [{ label: value, description: value }], multiple: false }],
        signal,
      );
      await tools.approve(
        {
          tool: 'Bash',
          title: value,
          detail: value,
          more: [{ label: 'With:', text: value }],
          always: { key: value, words: value, name: value },
        },
        signal,
      );
      await tools.decidePlan(`1. ${value}`, signal);
      turn.onSuggestion?.(value);
      yield* said;
      throw new AgentFailure('refused', `no: ${value}`, undefined, { status: 400 });
    },
    background: {
      listen: (next) => void (listener = next),
      busy: () => [],
      dismiss: async () => undefined,
      mostSessions: () => 1,
      end: async () => true,
    },
    release: async () => undefined,
    stop: async () => undefined,
  };
  const read: string[] = [];
  const secrets = { hidden, values: async (person: string) => (read.push(person), {}) };
  const personOf = async (conversation: string) => `the person of ${conversation}`;
  const agent = hideSecrets(inner, secrets, personOf, createLog('test', 'silent'));
  const { tools, given } = recordingTools();
  const suggested: string[] = [];
  const turn = {
    conversation: phone,
    tools,
    onSuggestion: (text: string) => void suggested.push(text),
    signal: new AbortController().signal,
  } as unknown as AgentTurn;
  const events: AgentEvent[] = [];
  const failure: unknown = await (async () => {
    for await (const event of agent.work(turn)) events.push(event);
  })().catch((error: unknown) => error);

  expect(read).toEqual([`the person of ${phone}`]);
  expect(events).toHaveLength(said.length);
  const mark = '•••TOKEN•••';
  expect(events[0]).toEqual({ ...said[0], summary: `run ${mark}` });
  expect(events[1]).toEqual({ ...said[1], summary: `run ${mark}…` });
  // A path leads to a file: it is left as it is.
  expect(events[4]).toEqual(said[4]);
  expect(events[5]).toMatchObject({ text: mark, earlier: [{ text: mark }], about: [mark], usage });
  for (const index of [2, 3, 5, 6, 7, 8, 9])
    expect(JSON.stringify(events[index])).not.toContain(value);
  expect(given['sendFile']).toEqual({ path: `/a/${value}`, caption: mark });
  expect(given['approve']).toMatchObject({ detail: mark, always: { key: value, name: mark } });
  for (const name of ['say', 'scheduleTurn', 'ask', 'decidePlan'])
    expect(JSON.stringify([name, given[name]])).not.toContain(value);
  expect(given['sendMessage']).toMatchObject({ text: mark });
  expect(suggested).toEqual([mark]);
  expect(failure).toMatchObject({ kind: 'refused', status: 400, message: `no: ${mark}` });

  const heard: BackgroundTask[][] = [];
  const hear = (_conversation: string, _session: string, tasks: BackgroundTask[]): void =>
    void heard.push(tasks);
  agent.background?.listen({
    onChange: hear,
    onLost: hear,
    onWanted: () => undefined,
    onUnsaved: () => undefined,
  });
  const tasks: BackgroundTask[] = [
    { id: 'b', kind: 'command', description: value, request: value, startedAt: 1 },
  ];
  listener?.onChange(phone, 's', tasks);
  listener?.onLost(phone, 's', tasks);
  listener?.onChange('+15551230002', 's', tasks);
  expect(heard.map(([task]) => task?.description)).toEqual([mark, mark, value]);
});
