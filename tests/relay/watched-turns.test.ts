import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { expect, test } from 'vitest';
import { html } from '../../relay/admin/frame/html.ts';
import type { TurnStory } from '../../relay/admin/turns/turn-story.ts';
import { createWatchedTurns } from '../../relay/watch/watched-turns.ts';
import { turnParts } from '../../relay/watch/turn-view.ts';
import type { TurnLook } from '../../relay/watch/turn-view.ts';
import { createRecordReader } from '../../relay/watch/turn-record.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { RecordEntry } from '../../shared/store/turns/records.ts';
import { until } from '../support/until.ts';

const story: TurnStory = {
  turn: {
    id: 'T',
    conversation: '+15551230001',
    state: 'working',
    at: 0,
    dueAt: undefined,
    costUsd: 0,
    begunAt: 0,
    settledAt: undefined,
    failure: undefined,
    next: undefined,
    messages: [],
    replies: [],
    home: undefined,
  },
  worker: undefined,
  steps: [],
  hasLog: true,
  replies: [],
  question: undefined,
  use: {
    input: 0,
    output: 0,
    cacheWrite5m: 0,
    cacheWrite1h: 0,
    cacheRead: 0,
    webSearches: 0,
    requests: 0,
    costUsd: 0,
    unsettled: 0,
    unsettledUsd: 0,
  },
  retryable: [],
};

test('a turn is read once for all who follow it; beyond the most a page is refused, and one that is not read gets the rest in one piece', async () => {
  const entries: RecordEntry[] = [{ kind: 'run', at: 0 }];
  const listeners = new Set<() => void>();
  let reads = 0;
  const closing = new AbortController();
  const watched = createWatchedTurns({
    records: {
      read: async (_turn, from = 0) => {
        reads += 1;
        return entries.slice(from);
      },
    },
    news: {
      count: () => listeners.size,
      follow(_turn, onNews) {
        listeners.add(onNews);
        return () => listeners.delete(onNews);
      },
    },
    readStory: async () => story,
    write: async ({ record: { length } }) => [
      { id: 'w-now', html: () => html`<p>${length}${'x'.repeat(length > 2 ? 1_000_000 : 0)}</p>` },
    ],
    most: 3,
    closing: closing.signal,
    log: createLog('test', 'silent'),
  });
  const app = express();
  app.get('/', async (_request, response) => {
    await watched.follow({ turn: 'T', from: 0, response, mayLook: async () => true });
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  try {
    const streams = await Promise.all([1, 2, 3].map(() => fetch(url)));
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect([watched.count(), listeners.size, reads]).toEqual([3, 1, 1]);
    expect((await fetch(url)).status).toBe(204);
    await streams[0]?.body?.cancel();
    await until('room', () => watched.count() === 2);
    const again = await fetch(url);
    expect([again.status, reads]).toEqual([200, 1]);

    // Two of three streams are not read: they get the rest in one piece when they are.
    let got = 0;
    const reader = again.body?.getReader();
    const read = async (): Promise<void> => {
      for (let part = await reader?.read(); part && !part.done; part = await reader?.read())
        got += part.value.byteLength;
    };
    const reading = read();
    const rounds = 15;
    for (let round = 1; round <= rounds; round += 1) {
      entries.push({ kind: 'news', at: 0 }, { kind: 'news', at: 0 });
      for (const onNews of listeners) onNews();
      await until('the round', () => got > round * 1_000_000);
    }
    const late = streams[1]?.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes(`id: ${1 + 2 * rounds}`)) text += (await late?.read())?.value ?? '';
    expect(text.match(/^id: /gm)?.length).toBeLessThan(rounds - 3);
    await Promise.all([late?.cancel(), streams[2]?.body?.cancel()]);
    closing.abort();
    await reading;
    await until('the end', () => listeners.size === 0 && watched.count() === 0);
    expect((await fetch(url)).status).toBe(204);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('a turn of commands alone has no card of what was asked; a request has one', () => {
  const look = { zone: 'UTC', now: 0 } as TurnLook;
  const asked = (text: string): string => {
    const message = {
      id: 'SM1',
      conversation: story.turn.conversation,
      at: '2026-11-30T09:00:00.000Z',
      text,
      media: [],
      human: true as const,
    };
    const messages = [
      { id: message.id, state: 'answered', message },
    ] as unknown as TurnStory['turn']['messages'];
    const parts = turnParts(
      { ...story, turn: { ...story.turn, messages } },
      createRecordReader().record,
      look,
    );
    return parts.find(({ id }) => id === 'w-asked')?.html().text ?? '';
  };
  expect(asked('/help')).toBe('<section id="w-asked" hidden></section>');
  expect(asked('look at the login page')).toContain('You asked');
});
