import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import { expect, test } from 'vitest';
import { createTranslator } from '../../worker/agent/claude/translate.ts';
import type { Translation } from '../../worker/agent/claude/translate.ts';

const usage = {
  input_tokens: 100,
  output_tokens: 10,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};

/** A message as Claude Code 2.1.330 sends it, with the fields that matter here. */
function message(fields: Record<string, unknown>): SDKMessage {
  return {
    parent_tool_use_id: null,
    session_id: 's',
    uuid: 'u',
    ...fields,
  } as unknown as SDKMessage;
}

const said = (uuid: string, ...content: object[]) =>
  message({ type: 'assistant', uuid, message: { role: 'assistant', content } });
const words = (text: string) => ({ type: 'text', text });
const lifecycle = (uuid: string, state: string) =>
  message({ type: 'command_lifecycle', command_uuid: uuid, state });
const result = (fields: Record<string, unknown> = {}) =>
  message({
    type: 'result',
    subtype: 'success',
    is_error: false,
    uuid: 'r',
    result: '',
    total_cost_usd: 0.5,
    usage,
    modelUsage: {},
    user_message_uuids: ['p'],
    ...fields,
  });

/** What a new process's messages mean, without the signs of life. */
function translateAll(messages: SDKMessage[]): Translation[] {
  const { translate } = createTranslator();
  return messages.flatMap(translate).filter(({ kind }) => kind !== 'alive');
}

test('an answer is made of the texts after the last tool', () => {
  const translated = translateAll([
    said('a', words('I will look.')),
    said('b', {
      type: 'tool_use',
      id: 't',
      name: 'Bash',
      input: { command: 'echo\n  hi', timeout: 5000, description: ' Say\nhi ' },
    }),
    message({
      type: 'user',
      message: {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 't', is_error: true }],
      },
    }),
    said('c', words('First.')),
    said('d', words('Second.')),
    result({ result: 'Second.' }),
  ]);
  expect(translated).toEqual([
    {
      kind: 'tool',
      id: 't',
      name: 'Bash',
      summary: 'echo hi',
      description: 'Say hi',
      timeoutMs: 5000,
    },
    { kind: 'tool-end', id: 't', failed: true },
    {
      kind: 'result',
      id: 'd',
      text: 'First.\n\nSecond.',
      earlier: [],
      uuids: ['p'],
      toldUsd: undefined,
      isSelfBegun: false,
    },
  ]);
});

const call = (id: string) => ({ type: 'tool_use', id, name: 'Bash', input: { command: 'x' } });
const ended = (id: string): SDKMessage =>
  message({
    type: 'user',
    message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: id }] },
  });

test('what stands before or beside a tool call comes with the answer, also within one message', () => {
  const [, , , , answer] = translateAll([
    said('a', words('The bug is in line 43.')),
    said('b', call('t1')),
    // Still the same message of the model: its tool has already ended.
    ended('t1'),
    said('c', words('The test has it, too.')),
    said('d', call('t2')),
    ended('t2'),
    said('e', words('All done.')),
    result({ result: 'All done.' }),
  ]);
  expect(answer).toMatchObject({
    id: 'e',
    text: 'All done.',
    earlier: [
      { id: 'a', text: 'The bug is in line 43.' },
      { id: 'c', text: 'The test has it, too.' },
    ],
  });
});

test('an answer that ends with a tool is what stood before it, once', () => {
  const before = [said('a', words('Found it: a typo.')), said('b', call('t')), ended('t')];
  expect(translateAll([...before, result({ result: 'Found it: a typo.' })]).at(-1)).toMatchObject({
    id: 'p',
    text: '',
    earlier: [{ id: 'a', text: 'Found it: a typo.' }],
  });
  const filler = [said('a', words('Let me look.')), said('b', call('t')), ended('t')];
  expect(translateAll([...filler, result({ result: 'Let me look.' })]).at(-1)).toMatchObject({
    text: 'Let me look.',
    earlier: [],
  });
});

test('a text of which nothing is seen is none: zero width, marks of direction', () => {
  const blank = '\u200B \u200E\uFE0F\n\u2060\u3164\u115F\u034F';
  const [, , answer] = translateAll([
    said('a', words(blank)),
    said('b', call('t1')),
    ended('t1'),
    said('c', words('Done.')),
    said('d', words(blank)),
    result({ result: 'Done.' }),
  ]).filter(({ kind }) => kind !== 'alive');
  expect(answer).toMatchObject({ id: 'c', text: 'Done.', earlier: [] });
});

test('words that are taken out for a question are not in the answer', () => {
  const { translate, takeWords } = createTranslator();
  const all = (...messages: SDKMessage[]) => messages.flatMap((each) => translate(each));
  all(
    said('a', words('Two ways are open.')),
    said('b', words('Let me ask.')),
    said('c', call('t')),
  );
  expect(takeWords()).toEqual([{ id: 'a', text: 'Two ways are open.' }]);
  expect(takeWords()).toEqual([]);
  expect(all(ended('t'), said('d', words('Done.')), result()).at(-1)).toMatchObject({
    text: 'Done.',
    earlier: [],
  });
  // A helper in the background asks between the last text and the result, which repeats it.
  all(said('e', words('I have sent a helper.')));
  expect(takeWords()).toEqual([{ id: 'e', text: 'I have sent a helper.' }]);
  expect(all(result({ result: 'I have sent a helper.' })).at(-1)).toMatchObject({ text: '' });
  expect(all(result({ result: 'The cost is …', num_turns: 0 })).at(-1)).toMatchObject({
    text: 'The cost is …',
  });
});

test('what a helper of Claude says, and what is said a second time, is no part of the answer', () => {
  const [first, second] = translateAll([
    said('a', words('One.')),
    result(),
    message({ ...said('x', words('A helper.')), parent_tool_use_id: 'toolu_1' }),
    said('a', words('One.')),
    result({ uuid: 'r2' }),
  ]);
  expect(first).toMatchObject({ id: 'a', text: 'One.' });
  expect(second).toMatchObject({ id: 'p', text: '' });
});

test('what Claude Code says of its cost is the sum over its models since it last said so', () => {
  const model_usage_since_last_result = {
    opus: { costUSD: 0.25, inputTokens: 1 },
    haiku: { costUSD: 0.5 },
  };
  expect(translateAll([result({ model_usage_since_last_result })])).toMatchObject([
    { kind: 'result', toldUsd: 0.75 },
  ]);
  expect(translateAll([result({ model_usage_since_last_result: { opus: 'free' } })])).toMatchObject(
    [{ kind: 'result', toldUsd: undefined }],
  );
});

test('a refusal of the model proxy is the budget’s, another 402 is the credit’s', () => {
  const refused = (api_error_type: string) =>
    translateAll([
      result({ is_error: true, api_error_status: 402, api_error_type, result: 'no more' }),
    ]);
  expect(refused('budget_error')).toMatchObject([
    { kind: 'failure', failure: { kind: 'budget', message: 'no more' } },
  ]);
  expect(refused('billing_error')).toMatchObject([
    { kind: 'failure', failure: { kind: 'no-credit' } },
  ]);
});

test('an answer to nobody names no prompt, and an end that is told with another is none', () => {
  const own = { user_message_uuids: undefined };
  expect(
    translateAll([said('a', words('It is done.')), result({ ...own, num_turns: 1 })]),
  ).toMatchObject([{ kind: 'result', uuids: [], isSelfBegun: true }]);
  expect(translateAll([result({ ...own, num_turns: 0 })])).toMatchObject([{ isSelfBegun: false }]);
  // A prompt that came meanwhile is answered with it.
  expect(translateAll([result({ origin: { kind: 'task-notification' } })])).toMatchObject([
    { uuids: ['p'], isSelfBegun: false },
  ]);
  expect(
    translateAll([result({ user_message_uuids: undefined, user_message_uuid: 'p1' })]),
  ).toMatchObject([{ uuids: ['p1'] }]);
});

test('a prompt is taken, or passed over', () => {
  expect(
    translateAll([
      lifecycle('p', 'queued'),
      lifecycle('p', 'started'),
      lifecycle('p', 'completed'),
    ]),
  ).toEqual([{ kind: 'taken', uuid: 'p' }]);
  expect(translateAll([lifecycle('p', 'queued'), lifecycle('p', 'completed')])).toEqual([
    { kind: 'passed-over', uuid: 'p' },
  ]);
});

test('a session is named, a retry told, an interruption seen', () => {
  expect(translateAll([message({ type: 'system', subtype: 'init', session_id: 's1' })])).toEqual([
    { kind: 'session', id: 's1' },
  ]);
  expect(
    translateAll([message({ type: 'system', subtype: 'api_retry', error: 'overloaded' })]),
  ).toEqual([{ kind: 'retrying', reason: 'overloaded' }]);
  expect(
    translateAll([
      result({
        subtype: 'error_during_execution',
        is_error: true,
        terminal_reason: 'aborted_tools',
        errors: [],
      }),
    ]),
  ).toEqual([{ kind: 'interrupted' }]);
});

test('a compaction is told, however much it has dropped, and whether the person asked for it', () => {
  const boundary = (trigger: string) =>
    message({
      type: 'system',
      subtype: 'compact_boundary',
      compact_metadata: { trigger, pre_tokens: 180_000, post_tokens: 2638, duration_ms: 24_000 },
    });
  expect(
    translateAll([
      message({ type: 'system', subtype: 'status', status: 'compacting' }),
      boundary('auto'),
      boundary('manual'),
    ]),
  ).toEqual([
    { kind: 'compacted', isAsked: false },
    { kind: 'compacted', isAsked: true },
  ]);
});

test('a failed result is named by what Claude Code said before it', () => {
  const failed = (...before: SDKMessage[]) =>
    translateAll([...before, result({ is_error: true, api_error_status: 400, result: 'words' })]);
  const trouble = (error: string) => message({ ...said('e', words('words')), error });
  expect(failed(trouble('billing_error'))).toMatchObject([
    { kind: 'failure', failure: { kind: 'no-credit', message: 'words' } },
  ]);
  expect(failed(trouble('authentication_failed'))).toMatchObject([
    { failure: { kind: 'signed-out' } },
  ]);
  expect(failed()).toMatchObject([{ failure: { kind: 'refused' } }]);
  expect(failed(trouble('model_not_found'))).toMatchObject([{ failure: { kind: 'no-model' } }]);
  for (const [reason, kind] of [
    ['prompt_too_long', 'too-long'],
    ['image_error', 'unreadable'],
    ['api_error', 'refused'],
  ]) {
    expect(
      translateAll([
        trouble('invalid_request'),
        result({ is_error: true, api_error_status: 400, terminal_reason: reason }),
      ]),
    ).toMatchObject([{ failure: { kind } }]);
  }
  const limit = message({
    type: 'rate_limit_event',
    rate_limit_info: { status: 'rejected', resetsAt: 1_800_000_000 },
  });
  expect(failed(limit, trouble('rate_limit'))).toMatchObject([
    { failure: { kind: 'usage-limit', resetsAt: new Date(1_800_000_000_000) } },
  ]);
  // What fails later for a cause of its own is told as that.
  expect(failed(limit, trouble('authentication_failed'))).toMatchObject([
    { failure: { kind: 'signed-out' } },
  ]);
  expect(
    translateAll([result({ subtype: 'error_max_turns', errors: ['too many'] })]),
  ).toMatchObject([{ failure: { kind: 'broken', message: 'too many' } }]);
});

test('a refusal keeps its status and its request’s id, and the date in its words ends the limit', () => {
  const refused = (result_: string, fields: Record<string, unknown> = {}) =>
    translateAll([
      message({ ...said('e', words(result_)), error: 'unknown', request_id: 'req_1', ...fields }),
      result({ is_error: true, api_error_status: 400, result: result_ }),
    ]);
  const limit =
    'API Error: 400 API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.';
  expect(refused(limit)).toMatchObject([
    {
      failure: {
        kind: 'usage-limit',
        resetsAt: new Date('2026-12-01T00:00:00Z'),
        status: 400,
        requestId: 'req_1',
      },
    },
  ]);
  expect(refused('API Error: 400 {"error":{"message":"top_p: no"}}')).toMatchObject([
    { failure: { kind: 'refused', message: 'top_p: no', status: 400, requestId: 'req_1' } },
  ]);
  expect(refused('words', { api_error: 'tool_history_mismatch' })).toMatchObject([
    { failure: { kind: 'history' } },
  ]);
});

test('what runs in the background is a helper or a command, and what only watches is none', () => {
  const task = (task_id: string, more: Record<string, unknown> = {}) => ({
    task_id,
    task_type: 'local_bash',
    description: `task ${task_id}`,
    ...more,
  });
  const tasks = [
    task('a', { task_type: 'local_agent' }),
    task('b', { description: ' ' }),
    task('c', { ambient: true }),
  ];
  expect(
    translateAll([message({ type: 'system', subtype: 'background_tasks_changed', tasks })]),
  ).toEqual([
    {
      kind: 'background',
      tasks: [
        { id: 'a', kind: 'helper', description: 'task a' },
        { id: 'b', kind: 'command', description: 'a command' },
      ],
    },
  ]);
});

test('kinds of messages that are not known are signs of life', () => {
  const { translate } = createTranslator();
  for (const fields of [
    { type: 'something_new' },
    { type: 'system', subtype: 'something_new' },
    { type: 'user', message: { content: 'text' } },
    { type: 'user', message: { content: [null, 7, {}] } },
  ]) {
    expect(translate(message(fields))).toEqual([{ kind: 'alive' }]);
  }
});
