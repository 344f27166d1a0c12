import type { Query, SDKMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { setImmediate as settled } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import type { AgentEvent, ChatTools, Prompt } from '../../worker/agent/agent.ts';
import { createAsyncQueue } from '../../worker/agent/async-queue.ts';
import { createLiveSession } from '../../worker/agent/claude/session.ts';
import type { LiveSession } from '../../worker/agent/claude/session.ts';
import { workInSession } from '../../worker/agent/claude/turn.ts';
import { isFiller } from '../../worker/agent/claude/filler.ts';
import { createModelSessions } from '../../worker/agent/model/sessions.ts';
import { gateTools } from '../../worker/tools/tool-gate.ts';
import { createRandom } from '../support/random.ts';

/** A message as Claude Code 2.1.330 sends it, with the fields that matter here. */
const message = (fields: Record<string, unknown>): SDKMessage =>
  ({ parent_tool_use_id: null, session_id: 's', ...fields }) as unknown as SDKMessage;

const words = (text: string) => ({ type: 'text', text });
const call = (id: string, name = 'Bash') => ({ type: 'tool_use', id, name, input: {} });
const ended = (id: string): SDKMessage =>
  message({
    type: 'user',
    message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: id }] },
  });

/** A session whose messages the test sends, with one turn after the other. */
function openSession() {
  const stream = createAsyncQueue<SDKMessage>();
  const prompted: SDKUserMessage[] = [];
  let uuids = 0;
  const claude = Object.assign(stream[Symbol.asyncIterator](), {
    // It takes a moment, in which more may be asked.
    interrupt: async () => {
      for (let time = 0; time < 3; time += 1) await settled();
    },
    supportedCommands: async () => [],
    close: () => stream.close(),
  });
  const live: LiveSession = createLiveSession(
    {
      id: 's',
      workspace: '/',
      processes: {
        mark: '',
        user: undefined,
        group: undefined,
        begin: () => undefined,
        done: () => undefined,
        endDetached: async () => undefined,
        end: async () => undefined,
      },
      resumed: false,
      settings: { model: undefined, effort: undefined, permissions: 'default' },
      grants: '',
      model: createModelSessions({}, createLog('test', 'silent')).create(),
      transcript: async () => [],
    },
    (prompts) => {
      void (async () => {
        for await (const prompt of prompts) prompted.push(prompt);
      })();
      return claude as unknown as Query;
    },
  );
  /** One message of the model, which Claude Code splits into its blocks. */
  const say = (...content: object[]): void => {
    for (const block of content)
      stream.push(
        message({
          type: 'assistant',
          uuid: `u${(uuids += 1)}`,
          message: { role: 'assistant', content: [block] },
        }),
      );
  };
  /** Begins a turn: what the chat gets, in order, and how it ends. */
  const begin = (id: string, closing: Partial<ChatTools> = {}) => {
    const chat: string[] = [];
    const abort = new AbortController();
    const prompts = createAsyncQueue<Prompt>();
    prompts.push({ id, text: id });
    prompts.close();
    const tools: ChatTools = {
      sendFile: async ({ path }) => (chat.push(`[file ${path}]`), ''),
      sendMessage: async ({ text }) => (chat.push(`[message ${text}]`), ''),
      say: async ({ text }) => void chat.push(text),
      scheduleTurn: async () => '',
      listSchedules: async () => '',
      cancelSchedule: async () => '',
      ask: async () => (chat.push('[question]'), ['x']),
      approve: async () => (chat.push('[approval]'), 'yes'),
      decidePlan: async () => (chat.push('[plan]'), 'unanswered'),
      mayGoOn: async () => (chat.push('[budget]'), false),
      ...closing,
    };
    const work = async (): Promise<unknown> => {
      const turn = {
        id: `turn-${id}`,
        conversation: '+15551230001',
        home: { person: 'p', user: undefined, directory: '/', images: '/', temporary: '/' },
        workspace: '/',
        session: 's',
        prompts,
        tools: gateTools(tools, async () => undefined, abort.signal),
        permissions: 'all' as const,
        model: undefined,
        signal: abort.signal,
      };
      const watch = {
        look: async () => undefined,
        tell: async () => undefined,
        during: () => () => undefined,
      };
      const seen = new Set<string>();
      try {
        for await (const event of workInSession(live, turn, 60_000, watch)) hear(event, seen);
        return undefined;
      } catch (error) {
        return error instanceof AgentFailure ? error.kind : error;
      } finally {
        live.listen(undefined);
        live.tools = undefined;
      }
    };
    const hear = (event: AgentEvent, seen: Set<string>): void => {
      if (event.kind === 'words') chat.push(event.words.text);
      if (event.kind !== 'answer') return;
      for (const { id: word, text } of event.earlier ?? []) {
        expect(seen.has(word)).toBe(false);
        seen.add(word);
        chat.push(text);
      }
      if (event.text !== '') chat.push(...event.text.split('\n\n'));
    };
    return { chat, end: work(), abort: (reason: unknown) => abort.abort(reason) };
  };
  const result = (fields: Record<string, unknown> = {}): void =>
    stream.push(
      message({
        type: 'result',
        subtype: 'success',
        is_error: false,
        uuid: `r${(uuids += 1)}`,
        result: '',
        num_turns: 1,
        user_message_uuids: prompted.slice(-1).map(({ uuid }) => uuid),
        ...fields,
      }),
    );
  /** The turn's prompt has reached Claude Code. */
  const taken = async (count: number): Promise<void> => {
    for (let ticks = 0; prompted.length < count; ticks += 1) {
      if (ticks > 10_000) throw new Error('the prompt did not come');
      await settled();
    }
    const uuid = prompted.at(-1)?.uuid;
    stream.push(message({ type: 'command_lifecycle', command_uuid: uuid, state: 'started' }));
    stream.push(message({ type: 'system', subtype: 'init' }));
  };
  return { live, say, push: stream.push, result, begin, taken };
}

const refusal = (words: string, fields: Record<string, unknown> = {}) => ({
  is_error: true,
  result: words,
  terminal_reason: 'api_error',
  ...fields,
});

test('what Claude has said comes before a failing service, a revoked sign-in and a silence; a stop withdraws it', async () => {
  const ends: [name: string, end: (bench: ReturnType<typeof openSession>) => void, kind: string][] =
    [
      [
        'sign-in',
        ({ push }) =>
          push(message({ type: 'system', subtype: 'api_retry', error: 'authentication_failed' })),
        'signed-out',
      ],
      [
        'payment',
        ({ result }) => result(refusal('Credit balance is too low', { api_error_status: 402 })),
        'no-credit',
      ],
    ];
  for (const [name, end, kind] of ends) {
    const bench = openSession();
    const turn = bench.begin(name);
    await bench.taken(1);
    bench.say(words(`Found: ${name}.`), call('t'), words('Let me look:'), words('It is a typo.'));
    end(bench);
    expect([await turn.end, turn.chat]).toEqual([kind, [`Found: ${name}.`, 'It is a typo.']]);
  }
  const silence = new AgentFailure('silent', 'nothing was heard');
  const stop = new Error('stopped');
  for (const [reason, chat, end] of [
    [silence, ['Found it.'], 'silent'],
    [stop, [], stop],
  ] as const) {
    const bench = openSession();
    const turn = bench.begin('find');
    await bench.taken(1);
    bench.say(words('Found it.'), call('t'));
    await settled();
    turn.abort(reason);
    // What is asked meanwhile does not take the words away.
    const asked = bench.live.chat.ask([], new AbortController().signal).catch(String);
    expect([await turn.end, turn.chat]).toEqual([end, chat]);
    expect(await asked).toBe(String(reason));
  }
});

test('what was said in a turn that was stopped is not in the answer of the next one', async () => {
  const { begin, taken, say, result } = openSession();
  const first = begin('one');
  await taken(1);
  say(words('A word of the first.'), call('t'));
  await settled();
  first.abort(new Error('stopped'));
  await first.end;
  result({ subtype: 'error_during_execution', terminal_reason: 'aborted_streaming', errors: [] });
  await settled();
  const second = begin('two');
  await taken(2);
  say(words('Second.'));
  result();
  expect([await second.end, second.chat]).toEqual([undefined, ['Second.']]);
});

test('two questions at once wait for what stood before them, and come behind it', async () => {
  const bench = openSession();
  let release = (): void => undefined;
  const turn = bench.begin('ask', {
    say: async ({ text }) => {
      await new Promise<void>((resolve) => (release = resolve));
      turn.chat.push(text);
    },
  });
  await bench.taken(1);
  bench.say(words('Found: a typo.'), call('a'), call('b'));
  const request = { tool: 'Bash', title: 'run', detail: 'x' };
  const signal = new AbortController().signal;
  const asked = Promise.all([
    bench.live.chat.approve(request, signal),
    bench.live.chat.approve(request, signal),
  ]);
  for (let time = 0; time < 5; time += 1) await settled();
  expect(turn.chat).toEqual([]);
  release();
  await asked;
  expect(turn.chat).toEqual(['Found: a typo.', '[approval]', '[approval]']);
  bench.result();
  await turn.end;
});

test('an answer behind the question of a helper waits for what that has sent ahead, and does not repeat it', async () => {
  const bench = openSession();
  const [saying, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const turn = bench.begin('send', {
    say: async ({ text }) => {
      saying.resolve();
      await released.promise;
      turn.chat.push(text);
    },
  });
  await bench.taken(1);
  bench.say(words('I have sent a helper.'));
  const request = { tool: 'Bash', title: 'run', detail: 'x' };
  const asked = bench.live.chat.approve(request, new AbortController().signal);
  await saying.promise;
  bench.say(words('It counts the files.'));
  bench.result({ result: 'It counts the files.' });
  for (let time = 0; time < 10; time += 1) await settled();
  expect(turn.chat).toEqual([]);
  released.resolve();
  await asked;
  await turn.end;
  expect(turn.chat).toEqual(['I have sent a helper.', '[approval]', 'It counts the files.']);
});

/** Texts of which something is seen and that say more than what comes next, in odd forms. */
const telling = [
  'The bug is in line 43.',
  '  Found it:\n- a\n- b ',
  'خطأ في السطر ٤٣',
  '第43行有错',
  '**',
  '0',
];
const filler = ['Let me look at it:', 'Great!'];
const unseen = ['', ' \n\t ', '\u200b', '\u202e\u200f'];

test('whatever stands beside whatever: all of it arrives, in order, once', async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = createRandom(seed);
    const bench = openSession();
    const turn = bench.begin('go');
    await bench.taken(1);
    const signal = new AbortController().signal;
    const request = { tool: 'Bash', title: 'run', detail: 'x' };
    const { chat } = bench.live;
    const expected: string[] = [];
    /** What has been said since the last call of a tool. */
    let since: string[] = [];
    const note = (): void => {
      expected.push(...since.filter((text) => !isFiller(text)).map((text) => text.trim()));
      since = [];
    };
    const steps: (() => Promise<unknown> | void)[] = [
      () => {
        const text = `${random.pick(['', 'x '])}${random.pick(telling as [string])}`;
        since.push(text);
        return bench.say(words(text));
      },
      () => {
        const text = random.pick(filler as [string]);
        since.push(text);
        return bench.say(words(text));
      },
      () => bench.say(words(random.pick(unseen as [string]))),
      () => bench.say({ type: 'thinking', thinking: 'hmm', signature: 'x' }),
      () => bench.say({ type: 'redacted_thinking', data: 'x' }),
      () => {
        bench.say(call('t'));
        note();
        bench.push(ended('t'));
      },
      // A helper speaks with Claude, not with the person.
      () =>
        bench.push(
          message({
            type: 'assistant',
            uuid: `helper${random.below(1e9)}`,
            parent_tool_use_id: 'agent',
            message: { role: 'assistant', content: [words('I am a helper.')] },
          }),
        ),
      ...(
        [
          ['[question]', () => chat.ask([], signal)],
          ['[approval]', () => chat.approve(request, signal)],
          ['[plan]', () => chat.decidePlan('a plan', signal)],
          ['[message m]', () => chat.sendMessage({ text: 'm', callId: 'c' })],
          ['[file f]', () => chat.sendFile({ path: 'f' })],
        ] as const
      ).map(([mark, use]) => async () => {
        bench.say(call('q'));
        note();
        await use();
        expected.push(mark);
        bench.push(ended('q'));
      }),
    ];
    for (let count = random.below(14); count > 0; count -= 1)
      await steps[random.below(steps.length)]?.();
    const isBad = random.below(3) === 0;
    if (isBad) note();
    else expected.push(...since.map((text) => text.trim()));
    bench.result(isBad ? refusal('API Error: 529 Overloaded', { api_error_status: 529 }) : {});
    expect([seed, await turn.end]).toEqual([seed, isBad ? 'overloaded' : undefined]);
    expect([seed, turn.chat.map((text) => text.trim())]).toEqual([seed, expected]);
  }
});
