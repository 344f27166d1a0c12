import { expect, test } from 'vitest';
import type { Inbox } from '../../shared/store/boxes/inbox.ts';
import type { Message } from '../../shared/store/message.ts';
import type { TurnData } from '../../shared/store/queues.ts';
import { createAttempts } from '../../worker/turn/attempts.ts';
import type { TurnContext } from '../../worker/turn/context.ts';

const conversation = '+15551230001';
const message = (id: string): Message => ({
  id,
  conversation,
  at: '2026-01-31T12:00:00.000Z',
  text: id,
  media: [],
});

type Noted = { data: TurnData; attempts: Record<string, number> };

/** The attempts of a turn, and what they write into Redis. */
function bench(
  opening: { attempts: Record<string, number>; counted?: string },
  inJob: Record<string, number> = {},
) {
  const notes: Noted[] = [];
  const note = async (
    _fence: unknown,
    _turn: string,
    data: TurnData,
    attempts: ReadonlyMap<string, number>,
  ): Promise<void> => void notes.push({ data, attempts: Object.fromEntries(attempts) });
  const messages = Object.entries(inJob).map(([id, attempts]) => ({
    id,
    at: '',
    text: '',
    media: 0,
    attempts,
  }));
  const context = {
    job: { data: { conversation, messages } },
    turn: 'turn',
    fence: { lock: 'lock', token: 'mine' },
  } as unknown as TurnContext;
  const seen = { attempts: new Map(Object.entries(opening.attempts)), counted: opening.counted };
  return {
    attempts: createAttempts({ take: note, recount: note } as unknown as Inbox, context, seen),
    notes,
  };
}

test('the message at the head was counted when it was picked up, each other is when it is taken up', async () => {
  const { attempts, notes } = bench({ attempts: { a: 2, b: 1 }, counted: 'a' });
  expect(['a', 'b', 'c'].map((id) => attempts.before(id))).toEqual([1, 1, 0]);
  await attempts.take(['a', 'b', 'c'].map(message));
  expect(notes.at(-1)?.attempts).toEqual({ a: 2, b: 2, c: 1 });
  expect(notes.at(-1)?.data.messages.map(({ id, attempts }) => [id, attempts])).toEqual([
    ['a', 2],
    ['b', 2],
    ['c', 1],
  ]);
  expect([...attempts.taken()]).toEqual(['a', 'b', 'c']);
});

test('an attempt that was ended from outside is given back, in Redis and in the job; a wait is noted', async () => {
  const { attempts, notes } = bench({ attempts: { a: 2 }, counted: 'a' });
  await attempts.take([message('b')]);
  await attempts.giveBack(3);
  expect(notes.at(-1)).toMatchObject({
    attempts: { a: 1, b: 0 },
    data: { waits: 3, messages: [{ id: 'b', attempts: 0 }] },
  });
  expect(attempts.started().size).toBe(0);
});

test('what the version before has counted in the job counts on', () => {
  const { attempts } = bench({ attempts: { a: 1 }, counted: 'a' }, { a: 3, b: 1 });
  expect(['a', 'b'].map((id) => attempts.before(id))).toEqual([3, 1]);
});
