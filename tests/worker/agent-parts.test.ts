import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { expect, test } from 'vitest';
import { applyEffort } from '../../worker/agent/claude/effort.ts';
import { browserCommand, findChromium } from '../../worker/agent/mcp/browser.ts';
import { agentEnvironment } from '../../worker/agent/sandbox/environment.ts';
import {
  endedNote,
  overtakenNote,
  raisedNote,
  resumeNote,
} from '../../worker/agent/claude/instructions.ts';
import { createMark, isOfSession, isOfWorker } from '../../worker/agent/sandbox/processes.ts';
import { promptId } from '../../worker/agent/claude/prompt-id.ts';
import {
  findPrompt,
  findReports,
  findUnspoken,
  joinBlocks,
  readEntry,
  readTranscript,
} from '../../worker/agent/claude/transcript/transcript.ts';
import type { TranscriptEntry } from '../../worker/agent/claude/transcript/transcript.ts';

/** A transcript written as `id kind text`, one entry a string. */
function transcript(...lines: string[]): TranscriptEntry[] {
  return lines.map((line) => {
    const [id = '', kind = 'other', ...words] = line.split(' ');
    const mark = kind === 'notice' ? '<task-notification>' : '';
    return { id, kind: kind as TranscriptEntry['kind'], text: `${mark}${words.join(' ')}` };
  });
}

test.each<{ name: string; entries: TranscriptEntry[]; expected: object }>([
  {
    name: 'it never arrived',
    entries: transcript('B other', 'b answer hi'),
    expected: { state: 'absent' },
  },
  {
    name: 'it arrived last',
    entries: transcript('B other', 'b answer hi', 'A other'),
    expected: { state: 'unanswered', overtaken: false, earlier: [] },
  },
  {
    name: 'a tool was called',
    entries: transcript('A other', 't other'),
    expected: { state: 'unanswered', overtaken: false, earlier: [] },
  },
  {
    name: 'it was answered',
    entries: transcript('A other', 't other', 'a answer hi', 'B other', 'b answer no'),
    expected: { state: 'answered', id: 'a', text: 'hi', earlier: [] },
  },
  {
    name: 'the answer has several blocks',
    entries: transcript('A other', 'a1 answer one', 'a2 answer two', 'a3 answer'),
    expected: { state: 'answered', id: 'a2', text: 'one\n\ntwo', earlier: [] },
  },
  {
    name: 'the answer is empty',
    entries: transcript('A other', 'a answer'),
    expected: { state: 'answered', id: 'A', text: '', earlier: [] },
  },
  {
    name: 'another was steered in',
    entries: transcript('A other', 't other', 'B other', 'a answer both'),
    expected: { state: 'answered', id: 'a', text: 'both', earlier: [] },
  },
  {
    name: 'the model failed',
    entries: transcript('A other', 'x break Overloaded'),
    expected: { state: 'unanswered', overtaken: false, earlier: [] },
  },
  {
    name: 'it was broken off and another answered',
    entries: transcript('A other', 'x break', 'B other', 'b answer no'),
    expected: { state: 'unanswered', overtaken: true, earlier: [] },
  },
  {
    name: 'it was broken off and gone on with',
    entries: transcript('A other', 'x break', 'n note', 'a answer hi'),
    expected: { state: 'answered', id: 'a', text: 'hi', earlier: [] },
  },
  {
    name: 'going on was broken off too',
    entries: transcript('A other', 'x break', 'n note', 'y break', 'B other', 'b answer no'),
    expected: { state: 'unanswered', overtaken: true, earlier: [] },
  },
  {
    name: 'it was gone on with after another',
    entries: transcript(
      'A other',
      'x break',
      'B other',
      'b answer no',
      `n note ${overtakenNote('A', 'A')}`,
      'a answer hi',
    ),
    expected: { state: 'answered', id: 'a', text: 'hi', earlier: [] },
  },
  {
    name: 'another that was broken off with it was gone on with',
    entries: transcript(
      'B other',
      'A other',
      'x break',
      `n note ${overtakenNote('A', 'B')}`,
      'b answer no',
    ),
    expected: { state: 'unanswered', overtaken: true, earlier: [] },
  },
  {
    name: 'a later one was broken off and gone on with',
    entries: transcript(
      'A other',
      'x break',
      'B other',
      'b answer no',
      'C other',
      'y break',
      `n note ${resumeNote}\nrecall`,
      'c answer no',
    ),
    expected: { state: 'unanswered', overtaken: true, earlier: [] },
  },
  {
    name: 'the report on work in the background was gone on with',
    entries: transcript('N notice', 'A other', 'x break', `n note ${endedNote([])}`, 'w answer no'),
    expected: { state: 'unanswered', overtaken: true, earlier: [] },
  },
  {
    name: 'the budget was raised',
    entries: transcript('A other', 'x break', 'w answer no', `n note ${raisedNote}`, 'a answer hi'),
    expected: { state: 'answered', id: 'a', text: 'hi', earlier: [] },
  },
  {
    name: 'a request failed, and Claude has begun by itself to tell of work that had ended',
    entries: transcript('A other', 'x failed', 'N notice', 'y failed', 'M notice', 'm answer both'),
    expected: { state: 'answered', id: 'm', text: 'both', earlier: [] },
  },
  {
    name: 'a request failed, and Claude has not spoken of what had ended',
    entries: transcript('A other', 'x failed', 'N notice'),
    expected: { state: 'unanswered', overtaken: false, isOpen: true, earlier: [] },
  },
  {
    name: 'a request failed, and another prompt came behind what had ended',
    entries: transcript('A other', 'x failed', 'N notice', 'B other', 'b answer no'),
    expected: { state: 'unanswered', overtaken: true, earlier: [] },
  },
  {
    name: 'a request failed, and another was answered',
    entries: transcript('A other', 'x failed', 'B other', 'b answer no', 'N notice', 'n answer no'),
    expected: { state: 'unanswered', overtaken: true, earlier: [] },
  },
  {
    name: 'it was broken off, and Claude has told of work that had ended',
    entries: transcript('A other', 'x break', 'N notice', 'n answer no'),
    expected: { state: 'unanswered', overtaken: true, earlier: [] },
  },
  {
    name: 'Claude spoke before its tools',
    entries: transcript('A other', 'w words The bug is in line 43.', 'a answer hi'),
    expected: {
      state: 'answered',
      id: 'a',
      text: 'hi',
      earlier: [{ id: 'w', text: 'The bug is in line 43.' }],
    },
  },
  {
    name: 'Claude spoke before it was broken off, and another was answered',
    entries: transcript(
      'A other',
      'v words Let me look.',
      'w words Found it.',
      'x break',
      'B other',
      'z words Of the other.',
      'b answer no',
    ),
    expected: { state: 'unanswered', overtaken: true, earlier: [{ id: 'w', text: 'Found it.' }] },
  },
])('what became of a prompt when $name', ({ entries, expected }) => {
  expect(findPrompt(entries, 'A')).toEqual(expected);
});

test('what a failed prompt shares with work that has ended is no answer when it is asked again', () => {
  const entries = transcript('A other', 'x failed', 'N notice', 'n answer both');
  expect(findPrompt(entries, 'A', true)).toEqual({
    state: 'unanswered',
    overtaken: true,
    earlier: [],
  });
});

test('all that Claude has said of ended work since the first of the tasks is found', () => {
  const entries = transcript(
    'K notice task-0',
    'k answer of the first',
    'L notice task-1',
    'l answer of task-1',
    'M notice task-2',
    'N notice task-3',
    'n answer of two',
    'O notice task-4',
    'o answer of one that was not noted',
    'P notice task-5',
  );
  const found = (ids: string[]): [string, string[]][] =>
    findReports(entries, ids).map(({ answer, ids: told }) => [answer.id, told]);
  expect(found(['task-1', 'task-2', 'task-3'])).toEqual([
    ['l', ['task-1']],
    ['n', ['task-2', 'task-3']],
    ['o', []],
  ]);
  expect(found(['task-9'])).toEqual([]);
  // The latest one has no answer yet.
  expect(found([])).toEqual([]);
  expect(findReports(entries.slice(0, -1), []).map(({ answer }) => answer.id)).toEqual(['o']);
});

test('a report on work in the background is gone on with by a note about such work, or a raised budget', () => {
  const after = (note: string): string | undefined =>
    findUnspoken(transcript('N notice', 'x break', `n note ${note}`, 'a answer hi'), [])?.state;
  expect([endedNote([]), raisedNote, resumeNote, overtakenNote('x', 'N')].map(after)).toEqual([
    'answered',
    'answered',
    'unanswered',
    'unanswered',
  ]);
});

test('an entry is what Claude Code wrote it as', () => {
  const said = (text: string) => [{ type: 'text', text }];
  expect(
    readEntry('assistant', { model: 'claude', stop_reason: 'end_turn', content: said('hi') }),
  ).toEqual({ kind: 'answer', by: 'claude', text: 'hi' });
  expect(
    readEntry('assistant', { model: 'claude', stop_reason: 'tool_use', content: said('first') }),
  ).toEqual({ kind: 'words', by: 'claude', text: 'first' });
  const kindAfter = (stop_reason: string | null) =>
    readEntry('assistant', { model: 'claude', stop_reason, content: said('hi') }).kind;
  expect(
    ['max_tokens', 'model_context_window_exceeded', 'pause_turn', 'refusal'].map(kindAfter),
  ).toEqual(['words', 'words', 'words', 'words']);
  // What was cut off in the middle of a sentence is said again.
  expect(['stop_sequence', null].map(kindAfter)).toEqual(['answer', 'other']);
  expect(
    readEntry('assistant', {
      model: '<synthetic>',
      stop_reason: 'stop_sequence',
      content: said('No response requested.'),
    }),
  ).toMatchObject({ kind: 'break' });
  expect(
    readEntry('user', { content: said('[Request interrupted by user for tool use]') }),
  ).toMatchObject({ kind: 'break' });
  const notice = (status: string): string =>
    `<task-notification>\n<task-id>b1</task-id>\n<status>${status}</status>\n</task-notification>`;
  expect(readEntry('user', { content: notice('completed') })).toMatchObject({ kind: 'notice' });
  // A resumed session says this of work that was cut off.
  expect(readEntry('user', { content: notice('stopped') })).toMatchObject({ kind: 'other' });
  expect(readEntry('user', { content: resumeNote })).toMatchObject({ kind: 'note' });
  expect(readEntry('user', { content: overtakenNote('x'.repeat(1000), 'A') })).toMatchObject({
    kind: 'note',
  });
  expect(readEntry('user', { content: 'hello' })).toEqual({
    kind: 'other',
    by: 'person',
    text: 'hello',
  });
  expect(readEntry('system', { content: 'hello' })).toMatchObject({ kind: 'other' });
  for (const broken of [undefined, null, 7, {}, { content: 7 }])
    expect(readEntry('assistant', broken)).toEqual({ kind: 'other', text: '' });
});

test('an answer whose stream was cut off behind a whole text is complete when it has gone on', async () => {
  const entry = (
    uuid: string,
    parentUuid: string | null,
    type: string,
    content: string,
    isMeta = false,
  ) => ({
    type,
    uuid,
    parentUuid,
    isMeta,
    message: {
      role: type,
      content,
      ...(type === 'assistant' ? { model: 'm', stop_reason: 'end_turn', id: `m-${uuid}` } : {}),
    },
  });
  const note = 'Your response above was cut off mid-stream. Resume directly from where it stops.';
  const half = [
    entry('p', null, 'user', 'look'),
    entry('a', 'p', 'assistant', 'One half.'),
    entry('n', 'a', 'user', note, true),
  ];
  const stateOf = async (entries: SessionStoreEntry[]): Promise<object> => {
    const store = { load: async () => entries, append: async () => undefined };
    const session = '00000000-0000-4000-8000-000000000000';
    return findPrompt(await readTranscript(session, '/nowhere', store), 'p');
  };
  const earlier = [{ id: 'a', text: 'One half.' }];
  expect(await stateOf(half)).toEqual({ state: 'unanswered', overtaken: false, earlier });
  expect(await stateOf([...half, entry('b', 'n', 'assistant', 'The other.')])).toEqual({
    state: 'answered',
    id: 'b',
    text: 'The other.',
    earlier,
  });
});

test('what Claude Code writes where a request failed is no interruption', async () => {
  const entries = [
    { type: 'user', uuid: 'p', parentUuid: null, message: { role: 'user', content: 'look' } },
    {
      type: 'assistant',
      uuid: 'x',
      parentUuid: 'p',
      isApiErrorMessage: true,
      message: { role: 'assistant', model: '<synthetic>', content: 'API Error: 529' },
    },
  ];
  const store = { load: async () => entries, append: async () => undefined };
  const session = '00000000-0000-4000-8000-000000000000';
  expect((await readTranscript(session, '/nowhere', store)).map(({ kind }) => kind)).toEqual([
    'other',
    'failed',
  ]);
});

test('blocks are joined as paragraphs, empty ones left out', () => {
  expect(joinBlocks([' one ', '', '  ', 'two\n'])).toBe('one\n\ntwo');
  expect(joinBlocks([])).toBe('');
});

test("a prompt's uuid is valid, the same each time, and another for another message", () => {
  const ids = Array.from({ length: 500 }, (_, index) => promptId(`SM${index}`));
  // RFC 9562: version 8, variant 10.
  for (const id of ids)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(500);
  expect(promptId('SM1')).toBe(ids[1]);
  // Transcripts outlive a deployment: the number may never change.
  expect(promptId('SM00000000000000000000000000000001')).toBe(
    '669f1d83-66bf-84ea-ba21-fe85eb654ad3',
  );
});

test('the environment holds what was named and nothing else', () => {
  const host = {
    PATH: '/bin',
    TZ: 'Europe/Berlin',
    TWILIO_AUTH_TOKEN: 'secret',
    REDIS_URL: 'redis://secret',
    ADMIN_PASSWORD: 'secret',
    HOME: '/root',
    NODE_OPTIONS: '--inspect',
  };
  const place = { directory: '/data', temporary: '/data/tmp' };
  const environment = agentEnvironment(
    host,
    place,
    { ANTHROPIC_API_KEY: 'key', GITHUB_TOKEN: undefined },
    { mark: 'vm#1/s', isRoot: true },
  );
  expect(environment).toEqual({
    PATH: '/bin',
    TZ: 'Europe/Berlin',
    ANTHROPIC_API_KEY: 'key',
    HOME: '/data/home',
    TMPDIR: '/data/tmp',
    CLAUDE_CONFIG_DIR: '/data/claude',
    SIDEPOCKET_AGENT: 'vm#1/s',
    IS_SANDBOX: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_AGENT_SDK_CLIENT_APP: 'sidepocket',
    CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST: '1',
  });
  expect(agentEnvironment(host, place, {}, { mark: 'vm#1/s', isRoot: false })).not.toHaveProperty(
    'IS_SANDBOX',
  );
});

test('a Chromium is found on the PATH, the first directory first, and only one that can be run', async () => {
  const [first, second] = await Promise.all([
    mkdtemp(path.join(tmpdir(), 'sidepocket-path-')),
    mkdtemp(path.join(tmpdir(), 'sidepocket-path-')),
  ]);
  try {
    await writeFile(path.join(first, 'chromium'), '');
    await chmod(path.join(first, 'chromium'), 0o644);
    await writeFile(path.join(second, 'google-chrome'), '');
    await chmod(path.join(second, 'google-chrome'), 0o755);
    expect(await findChromium([first, second].join(path.delimiter))).toBe(
      path.join(second, 'google-chrome'),
    );
    await chmod(path.join(first, 'chromium'), 0o755);
    expect(await findChromium([first, second].join(path.delimiter))).toBe(
      path.join(first, 'chromium'),
    );
  } finally {
    await Promise.all([first, second].map((directory) => rm(directory, { recursive: true })));
  }
});

test("the browser's server runs without a window and keeps its pictures where it is told", () => {
  const { command, args } = browserCommand('/usr/bin/chromium', '/data/images/1');
  expect(command).toBe(process.execPath);
  expect(args.slice(1)).toEqual([
    '--headless',
    '--no-sandbox',
    '--isolated',
    '--output-dir',
    '/data/images/1',
    '--file-paths',
    'absolute',
    '--executable-path',
    '/usr/bin/chromium',
  ]);
  expect(browserCommand(undefined, '/data/images/1').args).not.toContain('--executable-path');
});

test('a worker ends what its own earlier boots left, and nothing of another system on the machine', () => {
  const mark = createMark('vm#3', 'session-1', '/data');
  expect(isOfWorker(mark, 'vm', '/data')).toBe(true);
  expect(isOfWorker(mark, 'vm', '/elsewhere/data')).toBe(false);
  expect(isOfWorker(mark, 'v', '/data')).toBe(false);
  expect(isOfSession(createMark('other#1', 'session-1', '/data'), 'session-1', '/data')).toBe(true);
  expect(isOfSession(mark, 'session-2', '/data')).toBe(false);
});

test('another effort is told to the open process, and the same one is not', async () => {
  const told: unknown[] = [];
  const claude = { applyFlagSettings: async (settings: unknown) => void told.push(settings) };
  await applyEffort(claude, 'low', undefined);
  await applyEffort(claude, 'low', 'low');
  await applyEffort(claude, undefined, 'low');
  expect(told).toEqual([{ effortLevel: 'low' }, { effortLevel: null }]);
});
