import { expect, test } from 'vitest';
import type { AgentEvent, Prompt } from '../../worker/agent/agent.ts';
import { createPromptTracker } from '../../worker/agent/claude/prompt-tracker.ts';
import { createAsyncQueue } from '../../worker/agent/async-queue.ts';
import { createOpenPrompts } from '../../worker/agent/claude/open-prompts.ts';
import { promptId } from '../../worker/agent/claude/prompt-id.ts';
import { raisedNote, resumeNote } from '../../worker/agent/claude/instructions.ts';
import type { TranscriptEntry } from '../../worker/agent/claude/transcript/transcript.ts';
import type { LiveSession } from '../../worker/agent/claude/session.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createModelSessions } from '../../worker/agent/model/sessions.ts';
import { until } from '../support/until.ts';

const noTools = {
  sendFile: async () => '',
  sendMessage: async () => '',
  say: async () => undefined,
  scheduleTurn: async () => '',
  listSchedules: async () => '',
  cancelSchedule: async () => '',
  ask: async () => [],
  approve: async () => 'yes' as const,
  decidePlan: async () => 'unanswered' as const,
  mayGoOn: async () => true,
};

/** The account of one turn in a session that only writes down what it is given. */
function openAccount(...texts: string[]) {
  return openAccountOf(texts.map((text) => ({ id: text, text })));
}

/** The same for prompts of any kind, in a session with this transcript. */
function openAccountOf(
  asking: Prompt[],
  transcript?: TranscriptEntry[],
  {
    had = [],
    ...process
  }: Partial<Pick<LiveSession, 'open' | 'isSpeaking'>> & {
    had?: readonly string[];
  } = {},
) {
  const given: { uuid: string; text: string }[] = [];
  const sent = new Set<string>();
  const live: LiveSession = {
    id: 's',
    workspace: '/',
    resumed: transcript !== undefined,
    grants: '',
    sent,
    ended: false,
    browser: undefined,
    tools: undefined,
    chat: noTools,
    background: [],
    openTasks: [],
    markTasksTold: () => undefined,
    isBusy: false,
    goesOn: false,
    isSpeaking: false,
    open: { all: () => [], queued: () => [] },
    ...process,
    hasHad: (ids) => ids.length === 0 || ids.some((id) => had.includes(id)),
    takeEnded: () => [],
    endTask: async () => undefined,
    watch: () => undefined,
    quiet: async () => true,
    tell: () => undefined,
    model: createModelSessions({}, createLog('test', 'silent')).create(),
    configure: async () => undefined,
    takeWords: () => [],
    transcript: async () => transcript ?? [],
    listen: () => undefined,
    begin: () => undefined,
    endDetached: async () => undefined,
    done: () => undefined,
    send(uuid, text) {
      sent.add(uuid);
      given.push({ uuid, text });
    },
    interrupt: async () => undefined,
    close: async () => undefined,
  };
  const prompts = createAsyncQueue<Prompt>();
  for (const prompt of asking) prompts.push(prompt);
  prompts.close();
  const events = createAsyncQueue<AgentEvent>();
  const asked = createPromptTracker(
    live,
    {
      id: 't',
      conversation: '+15551230001',
      home: { person: 'somebody', user: undefined, directory: '/', images: '/', temporary: '/' },
      workspace: '/',
      session: undefined,
      prompts,
      taken: () => asking.map(({ id }) => id),
      tools: noTools,
      permissions: 'all',
      model: undefined,
      signal: new AbortController().signal,
    },
    events,
  );
  const fed = asked.feed();
  const uuidOf = async (index: number): Promise<string> =>
    (await until(`text ${index}`, () => given[index])).uuid;
  const answers = async (): Promise<string[][]> => {
    const all: string[][] = [];
    for await (const event of events) if (event.kind === 'answer') all.push(event.prompts);
    return all;
  };
  const say = (uuids: string[], isSelfBegun: boolean): void =>
    asked.answer({
      kind: 'result',
      id: 'a',
      text: 'an answer',
      earlier: [],
      uuids,
      toldUsd: undefined,
      isSelfBegun,
    });
  const answer = (...uuids: string[]): void => say(uuids, false);
  return { asked, given, sent, fed, uuidOf, answers, answer, say, events };
}

test("no two texts ever wait in Claude Code's queue", async () => {
  const { asked, given, fed, uuidOf, answers, answer } = openAccount('one', 'two', 'three');
  const first = await uuidOf(0);
  expect(given).toHaveLength(1);
  asked.take('somebody else');
  asked.take(first);
  const second = await uuidOf(1);
  expect(given).toHaveLength(2);
  answer(first);
  asked.take(second);
  const third = await uuidOf(2);
  asked.take(third);
  await fed;
  answer(second, third);
  expect(await answers()).toEqual([['one'], ['two', 'three']]);
  expect(given.map(({ text }) => text)).toEqual(['one', 'two', 'three']);
});

test('a prompt that Claude Code passes over is gone on with under a new uuid', async () => {
  const { asked, given, uuidOf, answers, answer } = openAccount('one');
  const first = await uuidOf(0);
  asked.askAgain(first);
  const note = await uuidOf(1);
  expect(note).not.toBe(first);
  expect(given[1]?.text).toBe(resumeNote);
  asked.askAgain('somebody else');
  answer(note);
  expect(await answers()).toEqual([['one']]);
});

test('whatever way a prompt is gone on with, the note says what to leave', async () => {
  const recall = 'Leave “zero”.';
  const { asked, given, uuidOf, answers, answer } = openAccountOf([
    { id: 'one', text: 'one', recall },
  ]);
  asked.askAgain(await uuidOf(0));
  asked.take(await uuidOf(1));
  asked.goOn();
  answer(await uuidOf(2));
  expect(await answers()).toEqual([['one']]);
  expect(given.map(({ text }) => text)).toEqual([
    'one',
    `${resumeNote}\n${recall}`,
    `${raisedNote}\n${recall}`,
  ]);
});

test('an answer to nobody, or to another, is no answer to what was asked', async () => {
  const { asked, uuidOf, answers, answer } = openAccount('one');
  const first = await uuidOf(0);
  asked.take(first);
  answer();
  answer('somebody else');
  answer(first);
  expect(await answers()).toEqual([['one']]);
});

const entry = (id: string, kind: TranscriptEntry['kind'], text: string): TranscriptEntry => ({
  id,
  kind,
  text,
});
const task = (id: string, request: string) => ({ id, description: `task ${id}`, request });

test('after a crash an end is told with its heading again, and what has no end is said to be lost', async () => {
  const background = {
    tasks: [task('b1', 'count'), task('b2', 'watch')],
    about: ['look'],
    ended: [],
  };
  const { events } = openAccountOf(
    [{ id: 'work', text: '', background }],
    [entry('n', 'notice', 'b1 has ended'), entry('a', 'answer', 'Seven files.')],
  );
  const told: AgentEvent[] = [];
  for await (const event of events) told.push(event);
  expect(told).toMatchObject([
    { id: 'a', text: 'Seven files.', about: ['look', 'count'], prompts: [], remembered: true },
    { id: 'work', text: expect.stringContaining('“task b2”'), prompts: ['work'] },
  ]);
  expect(told[1]).not.toMatchObject({ text: expect.stringContaining('b1') });
});

test('an answer of an earlier run is told with all messages that it answers, so that they are settled in one step', async () => {
  const { events } = openAccountOf(
    ['one', 'two', 'other'].map((id) => ({ id, text: id })),
    [
      entry(promptId('one'), 'other', 'one'),
      entry(promptId('two'), 'other', 'two'),
      entry('a', 'answer', 'Both are done.'),
      entry(promptId('other'), 'other', 'other'),
      entry('b', 'answer', 'The other, too.'),
    ],
  );
  const told: AgentEvent[] = [];
  for await (const event of events) told.push(event);
  expect(told).toMatchObject([
    { id: 'a', prompts: ['one'], covers: ['two'], remembered: true },
    { id: 'a', prompts: ['two'], covers: ['one'], remembered: true },
    { id: 'b', prompts: ['other'], remembered: true },
  ]);
  expect(told[2]).not.toHaveProperty('covers');
});

test('a process with work of its own looks up what another has left, and leaves its own to itself', async () => {
  const transcript = [
    entry('n1', 'notice', 'b1 has ended'),
    entry('a1', 'answer', 'Seven files.'),
    entry('n3', 'notice', 'b3 has ended'),
  ];
  const about = (name: string, ids: { tasks?: string[]; ended?: string[] }): Prompt => ({
    id: name,
    text: '',
    background: {
      tasks: (ids.tasks ?? []).map((id) => task(id, 'watch')),
      about: [],
      ended: ids.ended ?? [],
    },
  });
  const { events, given } = openAccountOf(
    [
      about('spoken', { ended: ['b1'] }),
      about('lost', { tasks: ['b2'] }),
      about('own', { ended: ['b3'] }),
    ],
    transcript,
    { had: ['b3'] },
  );
  const told: AgentEvent[] = [];
  for await (const event of events) told.push(event);
  expect(told).toMatchObject([
    { id: 'a1', text: 'Seven files.', prompts: [], remembered: true },
    { text: '', prompts: ['spoken'] },
    { id: 'lost', text: expect.stringContaining('“task b2”'), prompts: ['lost'] },
    { text: '', prompts: ['own'] },
  ]);
  expect(given).toEqual([]);
});

test('two messages that name the same lost work say it once', async () => {
  const about = (id: string, ...tasks: string[]): Prompt => ({
    id,
    text: '',
    background: { tasks: tasks.map((name) => task(name, 'x')), about: [], ended: [] },
  });
  const { events } = openAccountOf([about('one', 'b1'), about('two', 'b1', 'b2')], []);
  const told: string[] = [];
  for await (const event of events) if (event.kind === 'answer') told.push(event.text);
  expect(told).toEqual([
    expect.stringContaining('“task b1”'),
    expect.stringMatching(/^(?!.*b1).*“task b2”/),
  ]);
});

test('two messages about an end that has no answer ask Claude once', async () => {
  const { given, uuidOf, answers, answer, fed } = openAccountOf(
    [
      { id: 'lost', text: '', background: { tasks: [task('b1', 'x')], about: [], ended: [] } },
      { id: 'wanted', text: '', background: { tasks: [], about: [], ended: ['b1'] } },
      { id: 'other', text: '', background: { tasks: [task('b2', 'y')], about: [], ended: ['b1'] } },
    ],
    [entry('n', 'notice', 'b1 has ended')],
  );
  const note = await uuidOf(0);
  await fed;
  answer(note);
  expect(await answers()).toEqual([['other'], ['lost', 'wanted']]);
  expect(given).toHaveLength(1);
});

test('what the process goes on with from an ended turn is waited for, and not asked again', async () => {
  const { given, fed, answers, answer } = openAccountOf(
    [{ id: 'one', text: 'one' }],
    [entry(promptId('one'), 'other', 'one')],
    { open: { all: () => [promptId('one')], queued: () => [] } },
  );
  await fed;
  answer(promptId('one'));
  expect([given, await answers()]).toEqual([[], [['one']]]);
});

test('an interrupted prompt is named, and waits, where a newer one of an ended turn is still in the queue', async () => {
  const [one, two] = [promptId('one'), promptId('two')];
  const { asked, given, fed, uuidOf, answers, answer } = openAccountOf(
    ['one', 'two'].map((id) => ({ id, text: id })),
    [entry(one, 'other', 'one'), entry('x', 'break', '')],
    { open: { all: () => [two], queued: () => [two] } },
  );
  for (let time = 0; time < 20; time += 1) await Promise.resolve();
  expect(given).toEqual([]);
  asked.take(two);
  const note = await uuidOf(0);
  expect(given[0]?.text).toContain('an earlier message of the person');
  await fed;
  answer(two);
  answer(note);
  expect(await answers()).toEqual([['two'], ['one']]);
});

/** A prompt whose request has failed, and behind it the end of work in the background. */
const failedPrompt = [
  entry(promptId('one'), 'other', 'one'),
  entry('x', 'failed', 'API Error'),
  entry('n', 'notice', '<task-notification>b1'),
];

test('a prompt whose request failed is answered by what Claude says by itself at the moment', async () => {
  const { given, sent, fed, answers, say } = openAccountOf(
    [{ id: 'one', text: 'one' }],
    failedPrompt,
    { isSpeaking: true },
  );
  sent.add(promptId('one'));
  await fed;
  say([], true);
  expect([given, await answers()]).toEqual([[], [['one']]]);
});

test('a prompt whose request failed is answered by what Claude has just said by itself, before the transcript has it', async () => {
  const { given, sent, fed, answers, say } = openAccountOf(
    [{ id: 'one', text: 'one' }],
    failedPrompt,
  );
  sent.add(promptId('one'));
  say([], true);
  await fed;
  expect([given, await answers()]).toEqual([[], [[], ['one']]]);
});

test('a prompt whose request failed and that is wanted again is asked, whatever Claude has said', async () => {
  const { given, sent, uuidOf, answers, answer, say } = openAccountOf(
    [{ id: 'one', text: 'one', isAskedAgain: true }],
    [...failedPrompt, entry('a', 'answer', 'an answer')],
  );
  sent.add(promptId('one'));
  say([], true);
  answer(await uuidOf(0));
  expect(await answers()).toEqual([[], ['one']]);
  expect(given[0]?.text).toContain('an earlier message of the person');
});

test('a process goes on with a prompt until its result, its failure or its interruption; what waits in its queue outlasts those', () => {
  const open = createOpenPrompts();
  const of = (): string[] => open.all();
  for (const uuid of ['a', 'b', 'c']) open.send(uuid);
  open.note({ kind: 'taken', uuid: 'a' });
  open.note({ kind: 'taken', uuid: 'of another process' });
  expect([of(), open.queued()]).toEqual([
    ['a', 'b', 'c'],
    ['b', 'c'],
  ]);
  open.note({ kind: 'interrupted' });
  expect(of()).toEqual(['b', 'c']);
  open.note({ kind: 'passed-over', uuid: 'b' });
  expect(of()).toEqual(['c']);
  open.note({
    kind: 'result',
    id: 'r',
    text: '',
    earlier: [],
    uuids: ['c'],
    toldUsd: undefined,
    isSelfBegun: false,
  });
  expect(of()).toEqual([]);
});
