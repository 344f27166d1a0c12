import { z } from 'zod';
import { suffixOf } from '../homes/routes.ts';
import type { HomeSuffix } from '../redis/keys.ts';
import { keys, prefix } from '../redis/keys.ts';
import { readMessage } from '../message.ts';
import type { Message } from '../message.ts';
import type { Redis } from '../redis/redis.ts';
import { fieldsOf, runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/**
 * The state of a turn: of its messages' states the one needing a person most. `parked`: its
 * answer waits until the person writes. `unknown`: the store has lost the states of its messages.
 */
export const TurnState = z.enum([
  'waiting for you',
  'working',
  'waiting',
  'failed',
  'set aside',
  'parked',
  'answered',
  'unknown',
]);
export type TurnState = z.infer<typeof TurnState>;

/** A message of a turn; `message` is undefined when its text is no longer kept. */
export type TurnPart = {
  id: string;
  state: string | undefined;
  attempts: number;
  message: Message | undefined;
};

/** What is known of a reply's way to the person. Times are ms since 1970. */
export type ReplyLine = {
  status: string;
  at: number | undefined;
  postedAt: number | undefined;
  deliveredAt: number | undefined;
  /** How long the send rate has held it back (ms). */
  pacedMs: number;
  /** It accompanies an answer, such as a progress note. */
  isAside: boolean;
  code: number | undefined;
};

/** A turn's current state. Times are ms since 1970; `at` is when its first message was accepted. */
export type Turn = {
  id: string;
  conversation: string;
  /** The home of the conversation; undefined where only the job is left of the turn. */
  home: HomeSuffix | undefined;
  state: TurnState;
  at: number;
  /** When it resumes, if it is put off. */
  dueAt: number | undefined;
  /** Its model requests so far, over all of its attempts. */
  costUsd: number;
  begunAt: number | undefined;
  settledAt: number | undefined;
  /** Why messages of it were given up: the kind of the failure, and its message. */
  failure: string | undefined;
  /** The turn that has taken its messages over. */
  next: string | undefined;
  messages: TurnPart[];
  replies: ReplyLine[];
};

/**
 * What a list of turns is asked for. `words` are looked for in the texts, numbers and profile names
 * of the messages; `before` and `since` bound the time (ms since 1970); `after` is the last turn of
 * the page before.
 */
export type TurnQuery = {
  conversation?: string | undefined;
  words?: string | undefined;
  state?: TurnState | undefined;
  /** The home of the conversation; all of them unless given. */
  home?: HomeSuffix | undefined;
  since?: number | undefined;
  before?: number | undefined;
  after?: TurnCursor | undefined;
  most: number;
};
export type TurnCursor = { id: string; at: number };

/** A page of turns, newest first. `next` continues it; undefined at the end. */
export type TurnPage = { turns: Turn[]; next: TurnCursor | undefined };

/** The inbox of a conversation. `dueAt` is ms since 1970. */
export type WaitingInbox = {
  conversation: string;
  home: HomeSuffix;
  /** The number of entries, unreadable ones included. */
  size: number;
  /** When its turn resumes, if it is put off. */
  dueAt: number | undefined;
  /** The first messages that no turn has taken up yet. */
  messages: Message[];
  /** The turns that have taken up the others. */
  turns: string[];
};

/** What is not over: the inboxes, and the turns of parked answers and of messages set aside. */
export type OpenTurns = { inboxes: WaitingInbox[]; parked: string[]; setAside: string[] };

/** The turns of the last RETENTION_DAYS, from the newest. */
export type TurnList = {
  /**
   * Reads a page in at most `mostSteps` commands. A search that has not found enough by then ends
   * with a cursor.
   */
  find(query: TurnQuery): Promise<TurnPage>;
  /** The turn; undefined if none of its messages is known. */
  read(id: string): Promise<Turn | undefined>;
  /** Those of these turns that are known, newest first. */
  readAll(ids: string[]): Promise<Turn[]>;
  /** How many turns are listed, of all conversations or of one. */
  count(conversation?: string): Promise<number>;
  /** What is not over, of at most 100 conversations and 50 messages of each. */
  open(): Promise<OpenTurns>;
};

/** How many turns one command reads at most: it blocks Redis for some milliseconds. */
const mostRead = 5000;
/** How many commands a page may cost. */
const mostSteps = 8;

const turnsScript = loadScript(new URL('lua/turns.lua', import.meta.url), {
  keys: ['index', 'parking', 'turnWords'],
  args: [
    'prefix',
    'ids',
    'words',
    'states',
    'before',
    'since',
    'after',
    'afterMs',
    'most',
    'mostRead',
    'wantedHome',
  ],
});

const openScript = loadScript(new URL('lua/open-turns.lua', import.meta.url), {
  keys: ['conversations', 'homes', 'firstHome', 'parking', 'allowed'],
  args: ['prefix', 'mostConversations', 'mostMessages'],
});

const text = z.string().nullish();
const moment = z
  .string()
  .nullish()
  .transform((words) => {
    const ms = words ? (/^\d+$/.test(words) ? Number(words) : Date.parse(words)) : Number.NaN;
    return Number.isNaN(ms) ? undefined : ms;
  });
/** BullMQ's score of a delayed job: its time, and a counter in the last twelve bits. */
const due = text.transform((score) => (score ? Math.floor(Number(score) / 0x1000) : undefined));

const ReplyRow = z
  .tuple([text, moment, moment, moment, text, text, text])
  .or(z.tuple([z.literal('unreadable')]))
  .transform((row): ReplyLine => {
    const [status, at, postedAt, deliveredAt, pacedMs, aside, code] = row;
    return {
      status: status ?? 'unknown',
      at,
      postedAt,
      deliveredAt,
      pacedMs: Number(pacedMs ?? 0),
      isAside: Boolean(aside),
      code: code ? Number(code) : undefined,
    };
  });

const TurnRow = z
  .tuple([
    z.string(),
    text,
    TurnState,
    due,
    text,
    z.array(z.string()),
    z.array(z.tuple([z.string(), text, text, text])),
    z.array(ReplyRow),
    z.string(),
  ])
  .transform(([id, score, state, dueAt, micros, flat, rows, replies, home]): Turn => {
    const { conversation = '', begunAt, settledAt, failure, next } = fieldsOf(flat);
    const messages = rows.map(([message, known, attempts, raw]) => ({
      id: message,
      state: known ?? undefined,
      attempts: Number(attempts ?? 0),
      message: readMessage(raw ?? ''),
    }));
    const times = messages.flatMap(({ message }) => (message ? [Date.parse(message.at)] : []));
    return {
      id,
      conversation,
      home: suffixOf(home),
      state,
      at: Math.min(
        ...times,
        Number(score ?? Number.POSITIVE_INFINITY),
        Number(begunAt ?? Date.now()),
      ),
      dueAt,
      costUsd: Number(micros ?? 0) / 1e6,
      begunAt: begunAt ? Number(begunAt) : undefined,
      settledAt: settledAt ? Number(settledAt) : undefined,
      failure,
      next,
      messages,
      replies,
    };
  });

const Page = z.tuple([z.array(TurnRow), z.number()]).rest(z.string());

const ids = z.array(z.string()).transform((all) => [...new Set(all)]);
const Open = z
  .tuple([
    z.array(
      z
        .tuple([z.string(), z.number(), due, z.array(z.string()), ids, z.string()])
        .transform(([conversation, size, dueAt, raw, turns, home]): WaitingInbox => {
          const messages = raw.flatMap((entry) => readMessage(entry) ?? []);
          return { conversation, home: suffixOf(home), size, dueAt, messages, turns };
        }),
    ),
    ids,
    ids,
  ])
  .transform(([inboxes, parked, setAside]): OpenTurns => ({ inboxes, parked, setAside }));

export function createTurnList(redis: Redis): TurnList {
  const indexOf = ({ conversation, state }: TurnQuery): string => {
    if (conversation !== undefined) return keys.turnsOf(conversation);
    return state === 'failed' ? keys.turnsFailed : keys.turnTimes;
  };
  const step = async (query: TurnQuery, among?: string[]): Promise<z.infer<typeof Page>> =>
    Page.parse(
      await runScript(redis, turnsScript, {
        keys: { index: indexOf(query), parking: keys.parking, turnWords: keys.turnWords },
        args: {
          prefix,
          ids: among ? JSON.stringify(among) : '',
          words: JSON.stringify(spellingsOf(query.words ?? '')),
          states: JSON.stringify(query.state ? [query.state] : []),
          before: query.before ?? '',
          since: query.since ?? '',
          after: query.after?.id ?? '',
          afterMs: query.after?.at ?? '',
          most: query.most,
          mostRead,
          wantedHome: query.home ?? 'any',
        },
      }),
    );
  const open = async (): Promise<OpenTurns> =>
    Open.parse(
      await runScript(redis, openScript, {
        keys: {
          conversations: keys.conversations,
          homes: keys.homes,
          firstHome: keys.firstHome,
          parking: keys.parking,
          allowed: keys.allowed,
        },
        args: { prefix, mostConversations: 100, mostMessages: 50 },
      }),
    );
  /** Few turns are not over: they are looked up by name. */
  const findOpen = async (query: TurnQuery): Promise<TurnPage> => {
    const { inboxes, parked, setAside } = await open();
    const among = [...inboxes.flatMap(({ turns }) => turns), ...parked, ...setAside];
    const [found] = await step(query, [...new Set(among)]);
    const turns = found
      .filter((turn) => fits(turn, query))
      .toSorted((a, b) => b.at - a.at)
      .slice(0, query.most);
    return { turns, next: undefined };
  };
  return {
    open,
    async find(query) {
      if (query.state !== undefined && openStates.has(query.state)) return await findOpen(query);
      const turns: Turn[] = [];
      let { after } = query;
      for (let steps = 0; steps < mostSteps; steps += 1) {
        const most = query.most - turns.length;
        const [found, isMore, id = '', at = '0'] = await step({ ...query, after, most });
        turns.push(...found);
        if (isMore === 0) return { turns, next: undefined };
        after = { id, at: Number(at) };
        if (turns.length >= query.most) break;
      }
      return { turns, next: after };
    },
    async read(id) {
      const [[turn]] = await step({ most: 1 }, [id]);
      return turn && turn.messages.length > 0 ? turn : undefined;
    },
    async readAll(all) {
      if (all.length === 0) return [];
      const [found] = await step({ most: all.length }, all);
      return found.filter(({ messages }) => messages.length > 0).toSorted((a, b) => b.at - a.at);
    },
    count: (conversation) =>
      redis.zcard(conversation === undefined ? keys.turnTimes : keys.turnsOf(conversation)),
  };
}

/** The states of turns that are not over. */
const openStates: ReadonlySet<TurnState> = new Set([
  'waiting for you',
  'working',
  'waiting',
  'set aside',
  'parked',
] as const);

function fits(
  { conversation, at }: Turn,
  { conversation: wanted, since = 0, before = Number.POSITIVE_INFINITY }: TurnQuery,
): boolean {
  return (wanted === undefined || wanted === conversation) && at >= since && at < before;
}

/**
 * The spellings in which words are looked for: Redis lowers ASCII letters only, so others are
 * looked for as written, in small, in capital letters, and with a capital first letter.
 */
export function spellingsOf(words: string): string[] {
  const trimmed = words.trim().normalize('NFC').toWellFormed();
  if (trimmed === '') return [];
  const small = trimmed.toLowerCase();
  const [first = ''] = small;
  return [
    ...new Set(
      [trimmed, small, trimmed.toUpperCase(), first.toUpperCase() + small.slice(first.length)].map(
        (spelling) => spelling.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()),
      ),
    ),
  ];
}
