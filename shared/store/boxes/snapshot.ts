import { z } from 'zod';
import { NotAllowedError } from '../allowed.ts';
import { Conversation } from '../conversation.ts';
import { epochMemory } from '../redis/epoch.ts';
import { FencedError } from './inbox.ts';
import type { Fence } from './inbox.ts';
import { parseJson } from '../../runtime/json.ts';
import { keys, prefix } from '../redis/keys.ts';
import type { HomeSuffix } from '../redis/keys.ts';
import { readMessage } from '../message.ts';
import type { Message } from '../message.ts';
import { parsePerson } from '../people.ts';
import type { Person } from '../people.ts';
import type { Redis } from '../redis/redis.ts';
import { setAsideSeconds } from '../redis/retention.ts';
import { fieldsOf, runScriptForBytes } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/** The state that a turn decides by, read at one moment. */
export type Snapshot = {
  /** The waiting messages, oldest first. */
  messages: Message[];
  /** The unreadable entries of the inbox, byte for byte. */
  unreadable: Buffer[];
  /** The stored state of the conversation. */
  conversation: Conversation;
  /** The conversation's person; undefined without a record, as before their first turn. */
  person: Person | undefined;
  /** The given-up messages that can be retried, the latest last. */
  givenUp: Message[];
  /** The number of replies parked until the person writes. */
  parked: number;
  /**
   * Since when the store has its current data (ISO 8601, or ''): lost writes may have answered
   * older messages.
   */
  since: string;
  /**
   * How often a worker has started each message, by its id; includes this pick-up for the message
   * named `counted`.
   */
  attempts: ReadonlyMap<string, number>;
  counted: string | undefined;
};

export type Snapshots = {
  /**
   * Reads a conversation's snapshot in one trip to Redis: at the start of a turn, and again
   * whenever a message arrives. `pickUp` names a run of the turn: the first read with it counts an
   * attempt of the message at the head, in the same step, before anything can throw. Without it
   * nothing is counted. If the person may no longer write, sets their waiting work aside and throws
   * NotAllowedError. Throws FencedError, ElsewhereError when the conversation has another home, and
   * for a pick-up MovingError while its person moves.
   */
  read(conversation: string, fence: Fence, pickUp?: string): Promise<Snapshot>;
};

/** The conversation has another home than the queue of this job: the job has nothing to do. */
export class ElsewhereError extends Error {
  override name = 'ElsewhereError';
}

/** The conversation's person moves to another home: their turn begins there. */
export class MovingError extends Error {
  override name = 'MovingError';
}

const snapshotScript = loadScript(new URL('lua/snapshot.lua', import.meta.url), {
  keys: ['inbox', 'conversationKey', 'parked', 'attempts', 'allowed', 'epoch'],
  args: ['pickUp', 'prefix', 'conversation', 'now', 'seen', 'setAsideSeconds', 'home'],
  fence: 'required',
});

const bytes = z.instanceof(Buffer);
const text = bytes.transform(String);

const Found = z.union([
  z.tuple([text.pipe(z.literal('fenced'))]),
  z.tuple([text.pipe(z.literal('elsewhere'))]),
  z.tuple([text.pipe(z.literal('moving'))]),
  z.tuple([text.pipe(z.literal('not allowed'))]),
  z.tuple([
    text.pipe(z.literal('open')),
    z.array(bytes),
    z.array(text),
    z.number(),
    z.array(text),
    text,
    z.number(),
    text,
    z.array(text),
  ]),
]);

/** How many parsed entries are cached: a long inbox is read again and again. */
const mostRemembered = 5000;

/** The snapshots of the conversations of a home. */
export function createSnapshots(redis: Redis, home: HomeSuffix = ''): Snapshots {
  const parsed = new Map<string, Message | undefined>();
  const parse = (entry: string): Message | undefined => {
    const known = parsed.get(entry);
    if (known) return known;
    if (parsed.size >= mostRemembered) parsed.clear();
    const message = readMessage(entry);
    parsed.set(entry, message);
    return message;
  };
  return {
    async read(conversation, fence, pickUp = '') {
      const epoch = epochMemory(redis);
      const reply = await runScriptForBytes(redis, snapshotScript, {
        fence,
        keys: {
          inbox: keys.inbox(conversation),
          conversationKey: keys.conversation(conversation),
          parked: keys.parked(conversation),
          attempts: keys.attempts(conversation),
          allowed: keys.allowed,
          epoch: keys.epoch,
        },
        args: {
          pickUp,
          prefix,
          conversation,
          now: new Date().toISOString(),
          seen: epoch.seen,
          setAsideSeconds,
          home,
        },
      });
      const found = Found.parse(reply);
      if (found[0] === 'fenced') throw new FencedError('another worker has this turn');
      if (found[0] === 'elsewhere') throw new ElsewhereError('the conversation has another home');
      if (found[0] === 'moving') throw new MovingError('the person moves to another home');
      if (found[0] === 'not allowed')
        throw new NotAllowedError('the person may not write any more');
      const [, inbox, fields, parked, counts, since, count, id, facts] = found;
      epoch.seen = count;
      const remembered = fieldsOf(fields);
      const read = inbox.map((entry) => ({ entry, message: parse(String(entry)) }));
      const { run = '', ...attempts } = fieldsOf(counts);
      const [by, counted] = run.split(' ');
      return {
        messages: read.flatMap(({ message }) => message ?? []),
        unreadable: read.flatMap(({ entry, message }) => (message ? [] : entry)),
        conversation: Conversation.parse(remembered),
        person: id === '' ? undefined : parsePerson(id, fieldsOf(facts)),
        givenUp: entriesOf(remembered['failed']).flatMap((entry) => parse(entry) ?? []),
        parked,
        since,
        attempts: new Map(Object.entries(attempts).map(([id, count]) => [id, Number(count) || 0])),
        counted: pickUp !== '' && by === pickUp ? counted : undefined,
      };
    },
  };
}

/** The entries of a list stored as JSON. */
function entriesOf(list: string | undefined): string[] {
  const entries = parseJson(list ?? '[]');
  return Array.isArray(entries) ? entries.map(String) : [];
}
