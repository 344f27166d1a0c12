import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { text } from '../../simulator/model/answer.ts';
import { runScriptedModel, type ScriptedModel } from '../../simulator/model/scripted-model.ts';

let model: ScriptedModel;

beforeEach(async () => {
  model = await runScriptedModel({ quiet: true });
});

afterEach(() => model.stop());

function post(
  body: unknown,
  { path = '/v1/messages?beta=true', signal }: { path?: string; signal?: AbortSignal } = {},
): Promise<Response> {
  const content = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(model.url + path, { method: 'POST', body: content, ...(signal ? { signal } : {}) });
}

function ask(words: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    model: 'claude-opus-5-5',
    max_tokens: 99,
    tools: [{ name: 'Bash' }],
    messages: [{ role: 'user', content: words }],
    ...more,
  };
}

function parseEvents(stream: string): Record<string, unknown>[] {
  return stream
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => {
      const [event, data] = block.split('\n');
      const parsed: Record<string, unknown> = JSON.parse(data?.replace('data: ', '') ?? '');
      expect(event).toBe(`event: ${String(parsed.type)}`);
      return parsed;
    });
}

describe('the Messages API', () => {
  test('answers in one piece', async () => {
    const answer = await (await post(ask('say hi'))).json();
    expect(answer).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: 'claude-opus-5-5',
      stop_reason: 'end_turn',
      content: [{ type: 'text', text: 'hi' }],
    });
    expect(answer.id).toMatch(/^msg_[0-9a-f]{24}$/);
    expect(answer.usage.input_tokens).toBeGreaterThan(10);
    expect(model.requests).toMatchObject([
      {
        kind: 'turn',
        stream: false,
        fault: undefined,
        view: { texts: [{ text: 'say hi' }] },
        answer: text('hi'),
      },
    ]);
  });

  test('streams words in several pieces', async () => {
    const words = 'a sentence of several words 😀 and a half';
    const response = await post(ask(`say ${words}`, { stream: true }));
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = parseEvents(await response.text());
    const deltas = events.filter(({ type }) => type === 'content_block_delta');
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.map(({ delta }) => Object(delta).text).join('')).toBe(words);
    expect(events.map(({ type }) => type).filter((type) => type !== 'content_block_delta')).toEqual(
      [
        'message_start',
        'ping',
        'content_block_start',
        'content_block_stop',
        'message_delta',
        'message_stop',
      ],
    );
  });

  test('streams a tool call as JSON in pieces', async () => {
    const events = parseEvents(await (await post(ask('run: echo 1', { stream: true }))).text());
    expect(events.find(({ type }) => type === 'content_block_start')).toMatchObject({
      content_block: { type: 'tool_use', name: 'Bash', input: {} },
    });
    const json = events
      .filter(({ type }) => type === 'content_block_delta')
      .map(({ delta }) => Object(delta).partial_json);
    expect(JSON.parse(json.join(''))).toMatchObject({ command: 'echo 1' });
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' } });
  });

  test('serves the small requests beside a conversation', async () => {
    expect(await (await post(ask('quota', { max_tokens: 1 }))).json()).toMatchObject({
      content: [{ text: 'ok' }],
    });
    const title = await (await post(ask('Write a title', { tools: [] }))).json();
    expect(JSON.parse(title.content[0].text)).toHaveProperty('title');
    expect(model.requests.map(({ kind }) => kind)).toEqual(['side', 'side']);
    expect(
      (await (await post(ask('x'), { path: '/v1/messages/count_tokens' })).json()).input_tokens,
    ).toBeGreaterThan(1);
    expect((await (await fetch(`${model.url}/v1/models`)).json()).data[0]).toMatchObject({
      type: 'model',
    });
    const one = await fetch(`${model.url}/v1/models/claude-sonnet-4-5`);
    expect((await one.json()).id).toBe('claude-sonnet-4-5-20250929');
    const none = await fetch(`${model.url}/v1/models/opuss`);
    expect([none.status, (await none.json()).error.type]).toEqual([404, 'not_found_error']);
    expect(model.lookups).toHaveLength(3);
    expect((await fetch(model.url, { method: 'HEAD' })).status).toBe(200);
  });

  test.each([
    ['{', 'not valid JSON'],
    ['{"model":"m"}', 'messages'],
    ['{"model":"m","messages":[]}', 'messages'],
    ['{"messages":[{"role":"user","content":"x"}]}', 'model'],
  ])('refuses %s as the real API does', async (body, reason) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      type: 'error',
      error: { type: 'invalid_request_error', message: expect.stringContaining(reason) },
    });
  });

  test('knows no other path', async () => {
    const response = await fetch(`${model.url}/v1/nothing`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      type: 'error',
      error: { type: 'not_found_error' },
    });
  });

  test('asks the stories of a test first, and reports one that throws', async () => {
    const own = await runScriptedModel({
      quiet: true,
      stories: [
        { matches: (asked) => asked === 'mine', next: () => text('yours') },
        {
          matches: (asked) => asked === 'broken',
          next: () => {
            throw new Error('no such page in the script');
          },
        },
      ],
    });
    const send = (words: string) =>
      fetch(`${own.url}/v1/messages`, { method: 'POST', body: JSON.stringify(ask(words)) });
    expect(await (await send('mine')).json()).toMatchObject({ content: [{ text: 'yours' }] });
    const broken = await send('broken');
    expect([broken.status, await broken.json()]).toMatchObject([
      500,
      { error: { type: 'api_error', message: 'no such page in the script' } },
    ]);
    await own.stop();
  });

  test('a port that is taken is reported; stopping twice is fine', async () => {
    await expect(runScriptedModel({ port: Number(new URL(model.url).port) })).rejects.toThrow(
      'cannot listen on 127.0.0.1',
    );
    await model.stop();
    await model.stop();
  });
});

describe('faults', () => {
  test.each([
    ['overloaded', 529, 'overloaded_error'],
    ['internalError', 500, 'api_error'],
    ['unauthorized', 401, 'authentication_error'],
    ['creditTooLow', 400, 'invalid_request_error'],
    ['noModel', 404, 'not_found_error'],
    ['promptTooLong', 400, 'invalid_request_error'],
    ['requestTooLarge', 413, 'request_too_large'],
    ['rateLimited', 429, 'rate_limit_error'],
  ] as const)('%s is %i as often as asked', async (fault, status, type) => {
    model.faults[fault] = 2;
    const first = await post(ask('say x'));
    expect(first.status).toBe(status);
    expect(await first.json()).toMatchObject({ type: 'error', error: { type } });
    expect((await post(ask('say x'))).status).toBe(status);
    expect((await post(ask('say x'))).status).toBe(200);
    expect(model.requests.map((request) => request.fault)).toEqual(['refuse', 'refuse', undefined]);
  });

  test('a rate limit names its end', async () => {
    model.faults.rateLimited = Infinity;
    model.faults.rateLimitResetsAt = Date.now() + 60_000;
    const { headers } = await post(ask('say x'));
    expect(Number(headers.get('anthropic-ratelimit-unified-reset'))).toBe(
      Math.ceil(model.faults.rateLimitResetsAt / 1000),
    );
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(50);
    expect((await post(ask('say x'))).status).toBe(429);
  });

  test('a model that is down, hangs or is cut gives no answer', async () => {
    model.faults.down = true;
    await expect(post(ask('say x'))).rejects.toThrow('fetch failed');
    model.faults.down = false;
    model.faults.hang = 1;
    await expect(post(ask('say x'), { signal: AbortSignal.timeout(200) })).rejects.toThrow(
      /abort|timeout/i,
    );
    model.faults.cut = 1;
    const cut = await post(ask('say x', { stream: true }));
    await expect(cut.text()).rejects.toThrow('terminated');
    expect(await (await post(ask('say x'))).json()).toMatchObject({ content: [{ text: 'x' }] });
    expect(model.requests.map(({ fault }) => fault)).toEqual(['drop', 'hang', 'cut', undefined]);
  });

  test('tokens can be slow, and stopping ends an open answer', async () => {
    model.faults.deltaMs = 60_000;
    const slow = await post(ask('say x', { stream: true }));
    const ended = slow.text().catch((error: unknown) => error);
    await model.stop();
    expect(String(await ended)).toContain('terminated');
  });
});
