import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import type { BackgroundEntry } from '../../shared/store/background.ts';
import { readMessage } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Agent } from '../../worker/agent/agent.ts';
import type { BackgroundListener, BackgroundTask } from '../../worker/agent/background.ts';
import { stillWords } from '../../worker/background/describe.ts';
import type { Awake } from '../../worker/background/describe.ts';
import { awakeOf } from '../../worker/config.ts';
import { watchBackground } from '../../worker/background/watch.ts';
import { withPipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

beforeEach(() => void vi.useFakeTimers({ now: Date.parse('2026-11-29T10:00:00Z') }));
afterEach(() => void vi.useRealTimers());

const person = '+15551230001';
/** The same person's other conversation. */
const userId = 'US.13491208655302741918';
const task = (id: string): BackgroundTask => ({
  id,
  kind: 'command',
  description: `task ${id}`,
  request: 'do it',
  startedAt: Date.now(),
});

/** A watch whose stores are lists; `refuse` lets the next so many messages fail. */
function open({
  lost = [] as BackgroundEntry[],
  stored = [] as BackgroundEntry[],
  refuse = 0,
  awake = undefined as Awake,
  mostSessions = 4,
  known = Promise.resolve(),
  accepting = Promise.resolve(),
} = {}) {
  const removed: string[] = [];
  let listener: BackgroundListener | undefined;
  const messages: Message[] = [];
  const ended: string[] = [];
  const notes: BackgroundEntry[] = [];
  const gone = new Set<string>();
  const busy: string[] = [];
  const dismissed: string[] = [];
  let refusals = refuse;
  const watch = watchBackground({
    control: {
      listen: (next) => void (listener = next),
      busy: () => busy,
      dismiss: async (conversation) => void dismissed.push(conversation),
      mostSessions: () => mostSessions,
      end: async (_conversation, _session, id) => {
        ended.push(id);
        return true;
      },
    },
    store: {
      note: async (entry) => void notes.push(entry),
      list: async () => [],
      entries: async () => stored,
      lost: async () => lost,
      remove: async ({ session }) => void removed.push(session),
    },
    accept: async (message: Message) => {
      await accepting;
      if (refusals > 0) {
        refusals -= 1;
        throw new Error('OOM command not allowed');
      }
      if (gone.has(message.conversation)) return { outcome: 'refused' as const, turn: '' };
      messages.push(message);
      return { outcome: 'new' as const, turn: message.id };
    },
    allowed: { has: async (conversation) => !gone.has(conversation) },
    people: {
      idOf: async (conversation) => {
        await known;
        if (refusals > 0) throw new Error('LOADING');
        return conversation === userId ? person : conversation;
      },
    },
    owner: 'vm#1',
    longestMs: 120 * 60_000,
    awake,
    log: createLog('test', 'silent'),
    now: Date.now,
  });
  if (!listener) throw new Error('nobody listens');
  return { listener, messages, ended, notes, removed, gone, busy, dismissed, watch };
}

test('Claude’s wish to speak is a message that the inbox can read, also when Redis refuses at first', async () => {
  const { listener, messages } = open({ refuse: 2 });
  listener.onWanted(person, 's');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(messages).toHaveLength(1);
  expect(readMessage(JSON.stringify(messages[0]))).toMatchObject({
    conversation: person,
    human: false,
    work: { session: 's' },
  });
});

test('Claude begins to speak by itself at most ten times an hour, and is heard later', async () => {
  const { listener, messages, notes } = open();
  for (let time = 0; time < 12; time += 1) {
    listener.onWanted(person, 's');
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(messages).toHaveLength(10);
  // What waits for its hour stays noted: a worker that dies meanwhile does not silence it.
  listener.onChange(person, 'late', [{ ...task('z'), ended: true }]);
  listener.onWanted(person, 'late');
  listener.onChange(person, 'late', []);
  await vi.advanceTimersByTimeAsync(0);
  expect(notes.at(-1)?.tasks.map(({ id }) => id)).toEqual(['z']);
  listener.onWanted('+15551230002', 's');
  await vi.advanceTimersByTimeAsync(0);
  expect(messages).toHaveLength(11);
  await vi.advanceTimersByTimeAsync(3600_000);
  expect(messages).toHaveLength(13);
  expect(messages.at(-1)?.work).toEqual({ session: 'late', about: ['do it'], ended: ['z'] });
  expect(notes.at(-1)?.tasks).toEqual([]);
});

test('a person’s tasks and answers count in all of their conversations together', async () => {
  const { listener, messages, ended } = open();
  const five = (name: string) => Array.from({ length: 5 }, (_, index) => task(`${name}${index}`));
  listener.onChange(person, 's', five('a'));
  listener.onChange(userId, 's', five('b'));
  await vi.advanceTimersByTimeAsync(0);
  expect(ended).toEqual(['b3', 'b4']);
  expect(messages.map(({ conversation }) => conversation)).toEqual([userId]);
  // What is being ended takes no place of the others.
  listener.onChange(person, 's', five('a'));
  await vi.advanceTimersByTimeAsync(0);
  expect(ended).toEqual(['b3', 'b4']);
  for (let time = 0; time < 6; time += 1)
    for (const conversation of [person, userId]) {
      listener.onWanted(conversation, 's');
      await vi.advanceTimersByTimeAsync(1000);
    }
  expect(messages.filter(({ work }) => work?.about !== undefined)).toHaveLength(10);
});

test('each of two homes counts a person’s tasks and answers from when they came, and what the old one holds is said once', async () => {
  const [old, next] = [open(), open()];
  const tasks = (name: string, count: number) =>
    Array.from({ length: count }, (_, index) => task(`${name}${index}`));
  const wish = async ({ listener }: ReturnType<typeof open>, times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) {
      listener.onWanted(person, 's');
      await vi.advanceTimersByTimeAsync(1000);
    }
  };
  const answers = ({ messages }: ReturnType<typeof open>): number =>
    messages.filter(({ work }) => work?.about !== undefined).length;
  old.listener.onChange(person, 's', tasks('a', 8));
  await wish(old, 11);
  expect(answers(old)).toBe(10);
  // A move ends what runs first: never more than eight on both.
  old.listener.onLost(person, 's', tasks('a', 8));
  await vi.advanceTimersByTimeAsync(0);
  expect(old.messages.at(-1)?.work?.tasks).toHaveLength(8);
  next.listener.onChange(person, 's', tasks('b', 9));
  await vi.advanceTimersByTimeAsync(0);
  expect([old.ended, next.ended]).toEqual([[], ['b8']]);
  await wish(next, 12);
  expect([answers(old), answers(next)]).toEqual([10, 10]);
  // The rest comes in one answer, of each once.
  await vi.advanceTimersByTimeAsync(3600_000);
  expect([answers(old), answers(next)]).toEqual([11, 11]);
  await Promise.all([old.watch.stop(), next.watch.stop()]);
});

test('what runs, or waits to be said, for a person who may not write any more is ended within seconds, and nothing of others', async () => {
  const { listener, gone, busy, dismissed, messages, watch } = open();
  busy.push(person, person, '+15551230002');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(dismissed).toEqual([]);
  gone.add(person);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(dismissed).toEqual([person]);
  busy.splice(0, 2);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(dismissed).toEqual([person]);
  // Claude begins to speak before that is looked at: nothing of it is kept for later.
  listener.onWanted(person, 's');
  await vi.advanceTimersByTimeAsync(0);
  expect([dismissed, messages]).toEqual([[person, person], []]);
  listener.onLost(person, 's', [task('a')]);
  await vi.advanceTimersByTimeAsync(0);
  expect(dismissed).toHaveLength(2);
  await watch.stop();
});

test('a task is ended at its cap, a ninth at once, and both are said', async () => {
  const { listener, messages, ended } = open();
  const eight = Array.from({ length: 8 }, (_, index) => task(String(index + 1)));
  listener.onChange(person, 's', eight);
  listener.onChange(person, 'other', [task('9')]);
  // It takes a moment to end, and one more begins meanwhile: neither is said twice.
  listener.onChange(person, 'other', [task('9'), task('10')]);
  await vi.advanceTimersByTimeAsync(0);
  expect(ended).toEqual(['9', '10']);
  expect(messages).toHaveLength(1);
  expect(messages[0]?.work?.say).toContain('“task 9”: 8 things were running');
  listener.onChange(person, 'other', []);
  listener.onChange(person, 's', eight.slice(1));
  await vi.advanceTimersByTimeAsync(120 * 60_000 - 1);
  expect(ended).toEqual(['9', '10']);
  await vi.advanceTimersByTimeAsync(1);
  expect(ended).toEqual(['9', '10', '2', '3', '4', '5', '6', '7', '8']);
  expect(messages.at(-1)?.work?.say).toContain(
    '“task 8”: it had been running in the background for 2 hours',
  );
});

test('no more sessions have work than the memory has room for, whoever they belong to', async () => {
  const { listener, messages, ended } = open({ mostSessions: 2 });
  const third = '+15551230003';
  listener.onChange(person, 's', [task('a')]);
  listener.onChange(person, 'fresh', [task('b')]);
  listener.onChange(third, 's', [task('c')]);
  listener.onChange(person, 's', [task('a'), task('d')]);
  await vi.advanceTimersByTimeAsync(0);
  expect(ended).toEqual(['c']);
  expect(messages.map(({ conversation, work }) => [conversation, work?.say])).toEqual([
    [third, expect.stringMatching(/^I ended “task c”: as much runs in the background already/)],
  ]);
  listener.onChange(third, 's', []);
  listener.onChange(person, 's', []);
  listener.onChange(third, 's', [task('e')]);
  await vi.advanceTimersByTimeAsync(0);
  expect(ended).toEqual(['c']);
});

test('what keeps the computer awake is said once, with all that runs and the price of an hour', async () => {
  const { listener, messages } = open({ awake: { idleMinutes: 60, usdPerHour: 0.057 } });
  listener.onChange(person, 's', [task('a'), task('b')]);
  listener.onChange('+15551230002', 's', [task('theirs')]);
  await vi.advanceTimersByTimeAsync(14 * 60_000);
  listener.onChange(person, 'other', [task('c')]);
  await vi.advanceTimersByTimeAsync(30 * 60_000);
  const said = messages.map(({ conversation, work }) => [conversation, work?.say]);
  expect(said).toEqual([
    [
      person,
      '“task a”, “task b” and “task c” still run in the background and keep the computer awake, which costs about $0.06 an hour. Text “stop” to choose what to end.',
    ],
    [
      '+15551230002',
      '“task theirs” still runs in the background and keeps the computer awake, which costs about $0.06 an hour. Text “stop” to end it.',
    ],
  ]);
  // Another one that comes later is news.
  listener.onChange(person, 'other', []);
  listener.onChange(person, 'other', [task('d')]);
  await vi.advanceTimersByTimeAsync(15 * 60_000);
  expect(messages.map(({ work }) => work?.say).slice(2)).toEqual([
    '“task d” still runs in the background and keeps the computer awake, which costs about $0.06 an hour. Text “stop” to end it.',
  ]);
});

test('no price is named that is not known, and no sleep that does not come', () => {
  expect(stillWords(['Serve'], undefined)).toBe(
    '“Serve” still runs in the background. Text “stop” to end it.',
  );
  expect(stillWords(['Serve'], { idleMinutes: 60, usdPerHour: undefined })).toBe(
    '“Serve” still runs in the background and keeps the computer awake. Text “stop” to end it.',
  );
  expect(stillWords(['Serve'], { idleMinutes: 60, usdPerHour: 0.004 })).toContain(
    'which costs under $0.01 an hour.',
  );
  expect(awakeOf({ IDLE_MINUTES: undefined, VM_USD_PER_HOUR: 0.057 })).toBeUndefined();
  expect(awakeOf({ IDLE_MINUTES: 60, VM_USD_PER_HOUR: 0.057 })).toEqual({
    idleMinutes: 60,
    usdPerHour: 0.057,
  });
});

test('a session that could not be saved is told once, whichever worker notices', async () => {
  const [first, second] = [open(), open()];
  first.listener.onUnsaved(person, 's', 'disk');
  second.listener.onUnsaved(person, 's', 'quota');
  second.listener.onUnsaved(person, 'other', 'quota');
  await vi.advanceTimersByTimeAsync(0);
  expect(first.messages[0]?.work?.say).toMatch(/^This computer’s disk is full, so part of our/);
  expect(second.messages[0]?.work?.say).toMatch(/^My share of this computer’s disk is used up/);
  expect(second.messages[0]?.id).toBe(first.messages[0]?.id);
  expect(second.messages[1]?.id).not.toBe(first.messages[0]?.id);
});

test('what was lost is one message, whoever finds it', async () => {
  const entry = { conversation: person, session: 's', owner: 'vm#0', tasks: [task('a')] };
  const [first, second] = [open({ lost: [entry] }), open({ lost: [entry] })];
  first.watch.recover();
  second.watch.recover();
  await vi.advanceTimersByTimeAsync(0);
  expect(first.messages[0]?.work).toEqual({
    session: 's',
    tasks: [{ id: 'a', description: 'task a', request: 'do it' }],
  });
  expect(second.messages[0]?.id).toBe(first.messages[0]?.id);
});

test('what a process took with it is noted as gone and told', async () => {
  const { listener, messages, notes } = open();
  listener.onChange(person, 's', [task('a')]);
  listener.onLost(person, 's', [task('a')]);
  await vi.advanceTimersByTimeAsync(0);
  expect(notes.map(({ owner, tasks }) => [owner, tasks.length])).toEqual([['vm#1', 1]]);
  expect(messages[0]?.work?.tasks).toEqual([{ id: 'a', description: 'task a', request: 'do it' }]);
});

test('after Redis has come back as an older copy, what is noted is what runs', async () => {
  const entry = (session: string, owner: string) => ({
    conversation: person,
    session,
    owner,
    tasks: [task('old')],
  });
  const { listener, notes, removed, watch } = open({
    stored: [entry('ended', 'vm#1'), entry('s', 'vm#1'), entry('theirs', 'vm#2')],
  });
  listener.onChange(person, 's', [task('a')]);
  watch.refresh();
  await vi.advanceTimersByTimeAsync(0);
  expect(removed).toEqual(['ended']);
  expect(notes.map(({ session, tasks }) => [session, tasks[0]?.id])).toEqual([
    ['s', 'a'],
    ['s', 'a'],
  ]);
});

test('a store that refuses does not keep the worker from starting', async () => {
  const entry = { conversation: person, session: 's', owner: 'vm#0', tasks: [task('a')] };
  const { messages, removed, watch } = open({ lost: [entry], refuse: 3 });
  watch.recover();
  await vi.advanceTimersByTimeAsync(1000);
  expect(messages).toHaveLength(0);
  // The next renewal of the lease finds the same again.
  watch.recover();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(messages).toHaveLength(1);
  expect(removed).toEqual(['s']);
});

test('a stop returns when all that was noted is written', async () => {
  const known = Promise.withResolvers<void>();
  const accepting = Promise.withResolvers<void>();
  const { listener, messages, watch } = open({
    known: known.promise,
    accepting: accepting.promise,
  });
  for (const session of ['a', 'b', 'c']) listener.onUnsaved(person, session, 'disk');
  listener.onWanted(person, 's');
  let isStopped = false;
  const stopping = watch.stop().then(() => (isStopped = true));
  // Whose it is becomes known, and the store still writes.
  known.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect({ isStopped, messages }).toEqual({ isStopped: false, messages: [] });
  accepting.resolve();
  await stopping;
  expect(messages).toHaveLength(4);
});

test('what a session could not save at the worker’s stop is said by the next worker, once', async () => {
  vi.useRealTimers();
  await withPipeline({}, async ({ startWorker, say, replies }) => {
    let listener: BackgroundListener | undefined;
    const createAgent = async (): Promise<Agent> => ({
      // oxlint-disable-next-line require-yield
      async *work() {
        throw new Error('nothing is asked');
      },
      background: {
        listen: (next) => void (listener = next),
        busy: () => [],
        dismiss: async () => undefined,
        mostSessions: () => 4,
        end: async () => false,
      },
      release: async () => undefined,
      stop: async () => listener?.onUnsaved(person, 's', 'disk'),
    });
    // Before they write WhatsApp refuses it; it is sent again then.
    const arrived = (): string[] =>
      replies().flatMap(({ text, status }) => (status === 'failed' ? [] : [text]));
    const worker = await startWorker({ createAgent });
    await worker.stop();
    await startWorker();
    await until('the sentence', () => replies().length === 1, 20_000);
    await say('hello');
    await until('the answer', () => arrived().includes('answer to hello'));
    expect(arrived()).toEqual([
      expect.stringContaining('This computer’s disk is full'),
      'answer to hello',
    ]);
  });
});
