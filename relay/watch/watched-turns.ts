import type { Response } from 'express';
import type { Log } from '../../shared/runtime/log.ts';
import type { RecordEntry, TurnRecords } from '../../shared/store/turns/records.ts';
import { createYoungCollector } from '../small-heap.ts';
import { noteStream } from '../http/unsigned-rate-limit.ts';
import type { TurnStory } from '../admin/turns/turn-story.ts';
import type { TurnNews } from './turn-news.ts';
import { createRecordReader } from './turn-record.ts';
import type { RecordReader, TurnRecord } from './turn-record.ts';
import { isUnderWay } from './turn-view.ts';
import type { Part } from './turn-view.ts';

/** How many pages may be followed at once; a further one loads itself again now and then. */
export const mostFollowed = 300;

/** How soon after news a page is written again (ms): several steps may begin at once. */
const gatherMs = 250;

/** The least time between two reads of what the record does not hold, such as the cost (ms). */
const storyMs = 1000;

/** How often a silent stream says that it lives, and its right to look is checked (ms); Fly closes after 60 s. */
const beatMs = 15_000;

/** How long a browser may read nothing before its stream is cut off (ms). */
const mostUnreadMs = 60_000;

/** How much is sent before the buffers of what was sent are collected (bytes). */
const collectBytes = 8 * 1024 * 1024;

/** A turn as it is now. */
export type TurnNow = { story: TurnStory; record: TurnRecord };

export type WatchedTurnsDeps = {
  records: Pick<TurnRecords, 'read'>;
  news: TurnNews;
  /** Reads a turn besides its record; undefined when it is not known. */
  readStory: (turn: string) => Promise<TurnStory | undefined>;
  /** The pieces of the page. */
  write: (now: TurnNow) => Promise<Part[]>;
  /** How many pages may be followed at once. */
  most?: number;
  /** Aborts when the relay stops: the streams end. */
  closing: AbortSignal;
  log: Log;
};

/** One stream to a browser. */
export type Follower = {
  turn: string;
  /** How much of the record the page has (entries). */
  from: number;
  response: Response;
  /** Whether it may look any longer. */
  mayLook: () => Promise<boolean>;
};

/** The turns that are looked at. What is read of a turn is read once for all who follow it. */
export type WatchedTurns = {
  read(turn: string): Promise<TurnNow | undefined>;
  /** Sends what has changed since the page was written, until the response ends or the turn is over. */
  follow(follower: Follower): Promise<void>;
  /** How many streams are open. */
  count(): number;
};

/** A turn with at least one follower. */
type Watched = {
  turn: string;
  reader: RecordReader;
  story: TurnStory;
  parts: Part[];
  /** What each piece was when it was last sent: a step's `touched`, or the HTML. */
  sent: Map<string, string | number>;
  followers: Map<Follower, Standing>;
};

/**
 * Where a follower stands: how much of the record it was sent (entries), and since when it is
 * `behind` (ms since 1970): it has not read what was sent, and gets the rest in one piece when it
 * has.
 */
type Standing = { has: number; behind?: number };

/** A turn that is being read or watched; the last of those who want it ends that. */
type Entry = { wanted: number; ready: Promise<{ of: Watched; end: () => void } | undefined> };

export function createWatchedTurns(deps: WatchedTurnsDeps): WatchedTurns {
  const { records, readStory, write, closing, most = mostFollowed } = deps;
  const entries = new Map<string, Entry>();
  const streams = new Set<Response>();
  closing.addEventListener('abort', () => {
    for (const response of streams) response.end();
  });

  const readNow = async (
    turn: string,
  ): Promise<{ story: TurnStory; reader: RecordReader } | undefined> => {
    const [story, found] = await Promise.all([readStory(turn), records.read(turn)]);
    const reader = createRecordReader();
    reader.add(found);
    return story && { story, reader };
  };
  const begin = async (turn: string): Promise<Awaited<Entry['ready']>> => {
    const now = await readNow(turn);
    if (!now) return undefined;
    const parts = await write({ story: now.story, record: now.reader.record });
    const of: Watched = { turn, ...now, parts, sent: new Map(), followers: new Map() };
    noteSent(of, parts);
    return { of, end: keepCurrent(of, deps) };
  };
  const want = (turn: string): Entry => {
    const entry = entries.get(turn) ?? { wanted: 0, ready: begin(turn) };
    entry.ready.catch(() => undefined);
    entries.set(turn, entry);
    entry.wanted += 1;
    return entry;
  };
  const leave = (turn: string, entry: Entry): void => {
    entry.wanted -= 1;
    if (entry.wanted > 0) return;
    entries.delete(turn);
    entry.ready.then(
      (ready) => ready?.end(),
      () => undefined,
    );
  };
  return {
    count: () => streams.size,
    async read(turn) {
      const now = await readNow(turn);
      return now && { story: now.story, record: now.reader.record };
    },
    async follow(follower) {
      const { turn, from, response } = follower;
      // EventSource tries again after an error, and never after 204.
      if (streams.size >= most || closing.aborted) return void response.status(204).end();
      streams.add(response);
      const entry = want(turn);
      response.once('close', () => {
        streams.delete(response);
        leave(turn, entry);
      });
      const of = (await entry.ready.catch(() => undefined))?.of;
      if (response.closed) return;
      if (!of || closing.aborted) return void response.status(204).end();
      of.followers.set(follower, { has: of.reader.record.length });
      response.once('close', () => of.followers.delete(follower));
      noteStream(response);
      response.writeHead(200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-cache, no-transform',
        'X-Accel-Buffering': 'no',
      });
      response.on('drain', () => catchUp(of, follower));
      response.write(`retry: 1000\n\n${message(of, since(of, from))}`);
      if (isOver(of)) response.end();
    },
  };
}

/** Reads a watched turn when there is news of it, and sends what has changed. Returns what ends that. */
function keepCurrent(
  of: Watched,
  { records, news, readStory, write, log }: WatchedTurnsDeps,
): () => void {
  const { turn } = of;
  let timer: NodeJS.Timeout | undefined;
  let [dueAt, storyAt, isReading, isEnded] = [Number.POSITIVE_INFINITY, Date.now(), false, false];

  /** Looks in `ms`, or before that if it is due earlier. */
  const soon = (ms: number): void => {
    if (isEnded || dueAt <= Date.now() + ms) return;
    dueAt = Date.now() + ms;
    clearTimeout(timer);
    if (!isReading) timer = setTimeout(() => void run(), ms);
  };
  const look = async (): Promise<void> => {
    const { length } = of.reader.record;
    // With the last known entry: a store that was restored may have lost it.
    const found = await records.read(turn, Math.max(length - 1, 0));
    if (length > 0 && found.length === 0) return send(of, 'data: {"reload":true}\n\n');
    const fresh = found.slice(length > 0 ? 1 : 0);
    of.reader.add(fresh);
    if (fresh.some(concernsStory) || Date.now() - storyAt >= storyMs) {
      storyAt = Date.now();
      of.story = (await readStory(turn)) ?? of.story;
    } else if (fresh.length > 0) soon(storyMs);
    of.parts = await write({ story: of.story, record: of.reader.record });
    const changed = of.parts.filter((part) => hasChanged(of, part));
    noteSent(of, changed);
    if (changed.length > 0) send(of, message(of, changed));
    if (isOver(of))
      for (const [{ response }, { behind }] of of.followers)
        if (behind === undefined) response.end();
  };
  const run = async (): Promise<void> => {
    [dueAt, isReading] = [Number.POSITIVE_INFINITY, true];
    // Redis may be away for a while: the page stays as it is.
    await look().catch((error: unknown) => log.debug({ err: error }, 'a live page was not read'));
    isReading = false;
    if (!isEnded && dueAt < Number.POSITIVE_INFINITY)
      timer = setTimeout(() => void run(), Math.max(dueAt - Date.now(), 0));
  };
  const check = async ({ response, mayLook }: Follower): Promise<void> => {
    // While Redis is away nothing is shown that was not shown before.
    const isAllowed = await mayLook().catch(() => true);
    if (response.writableEnded) return;
    if (!isAllowed) response.end();
    else if (!response.writableNeedDrain) response.write(': still here\n\n');
  };
  const endNews = news.follow(turn, () => soon(gatherMs));
  const beat = setInterval(() => {
    for (const [follower, { behind }] of of.followers)
      if (behind !== undefined && Date.now() - behind > mostUnreadMs) follower.response.destroy();
      else void check(follower);
    soon(gatherMs);
  }, beatMs);
  return () => {
    isEnded = true;
    clearTimeout(timer);
    clearInterval(beat);
    endNews();
  };
}

/** Whether something has happened that the record only points to. */
function concernsStory(entry: RecordEntry | undefined): boolean {
  return (
    entry === undefined || ['run', 'news', 'asks', 'asked', 'done', 'task-end'].includes(entry.kind)
  );
}

/** Nothing more is to come. */
function isOver({ story, reader }: Watched): boolean {
  return !isUnderWay(story) && !reader.record.isAtWork;
}

/** What counts as a change of a piece: everything but how long something has taken so far. */
const withoutTimes = (text: string): string => text.replaceAll(/<time [^<]*<\/time>/g, '');

function hasChanged({ sent }: Watched, { id, touched, html }: Part): boolean {
  return sent.get(id) !== (touched ?? withoutTimes(html().text));
}

function noteSent({ sent }: Watched, parts: Part[]): void {
  for (const { id, touched, html } of parts) sent.set(id, touched ?? withoutTimes(html().text));
}

function message(of: Watched, parts: Part[]): string {
  const pieces = parts.map(({ id, into, html }) => ({ id, into, html: html().text }));
  const data = JSON.stringify({ parts: pieces, over: isOver(of) });
  return `id: ${of.reader.record.length}\ndata: ${data}\n\n`;
}

/** The pieces that a page lacks which stands at this entry; all if the record is not so long. */
function since({ parts, reader }: Watched, from: number): Part[] {
  const has = from > reader.record.length ? 0 : from;
  return parts.filter(({ touched }) => touched === undefined || touched > has);
}

const collect = createYoungCollector(collectBytes);

/** Sends the same bytes to all who have read what they were sent before; the others wait for it. */
function send({ reader, followers }: Watched, text: string): void {
  const bytes = Buffer.from(text);
  for (const [{ response }, standing] of followers)
    if (response.writableEnded) continue;
    else if (response.writableNeedDrain) standing.behind ??= Date.now();
    else {
      response.write(bytes);
      standing.has = reader.record.length;
    }
  collect(bytes.byteLength);
}

/** Sends what has changed since a follower has stopped reading. */
function catchUp(of: Watched, follower: Follower): void {
  const standing = of.followers.get(follower);
  if (standing?.behind === undefined || follower.response.writableEnded) return;
  follower.response.write(message(of, since(of, standing.has)));
  delete standing.behind;
  standing.has = of.reader.record.length;
  if (isOver(of)) follower.response.end();
}
