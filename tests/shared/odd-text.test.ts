import { randomBytes } from 'node:crypto';
import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  integer,
  oneof,
  property,
  string,
} from 'fast-check';
import { expect, test } from 'vitest';
import { createConversations } from '../../shared/store/conversation.ts';
import { cut, cutLines, head } from '../../shared/runtime/cut.ts';
import { createDeadLetters } from '../../shared/store/boxes/dead-letters.ts';
import { createNextDeliveries } from '../../shared/store/boxes/next-delivery.ts';
import { createFailedMessages } from '../../shared/store/boxes/failed-messages.ts';
import { createFileStore } from '../../shared/store/files.ts';
import { createInbox } from '../../shared/store/boxes/inbox.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { parseJson, toJson, wellFormedJson } from '../../shared/runtime/json.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLedger } from '../../shared/store/boxes/ledger.ts';
import type { Message } from '../../shared/store/message.ts';
import { createSnapshots } from '../../shared/store/boxes/snapshot.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import { createDeliveries, createTurns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { Schedule, createSchedules } from '../../shared/store/schedules.ts';
import {
  callOf,
  defineScript,
  runScript,
  runScriptForBytes,
  toLua,
} from '../../shared/store/redis/script.ts';
import { createSessions } from '../../shared/store/sessions.ts';
import { createScheduleTools } from '../../worker/schedules/tools.ts';
import { tickText } from '../../worker/schedules/describe.ts';
import { withPipeline } from '../support/pipeline.ts';
import { withRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { anyCharacter } from '../support/any-character.ts';

const conversation = '+15551230001';

/** Any UTF-16, with what is cut wrongly most often in the foreground. */
const odd = array(
  oneof(
    string({ unit: anyCharacter }),
    constantFrom(
      '\u0000',
      '\u2028',
      '😀',
      '\ud83d',
      '\ude00',
      '👩‍👩‍👧‍👦',
      '\\ud83d',
      '"',
      '{',
      '\u001b[31m',
      'é',
    ),
  ),
  { maxLength: 60 },
).map((pieces) => pieces.join(''));

const newId = (): string => `SM${randomBytes(16).toString('hex')}`;
const message = (text: string, more: Partial<Message> = {}): Message => ({
  id: newId(),
  conversation,
  at: new Date().toISOString(),
  text,
  media: [],
  human: true,
  ...more,
});

test('a cut text is as short as wanted, well formed, and ends with a whole grapheme cluster', () => {
  const clusters = (text: string): string[] =>
    [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
  assert(
    property(odd, integer({ min: 1, max: 150 }), (text, length) => {
      for (const short of [cut(text, length), cutLines(text, length), head(text, length)]) {
        expect(short.length).toBeLessThanOrEqual(length);
        expect(short.isWellFormed()).toBe(true);
      }
      const kept = clusters(head(text, length));
      const whole = clusters(text.toWellFormed());
      // A cluster of more marks than any script writes may be cut.
      const isHeap = whole.some((cluster) => cluster.length >= 64);
      expect(isHeap || kept.join('') === whole.slice(0, kept.length).join('')).toBe(true);
    }),
    { numRuns: 300 },
  );
  expect(head('🇩🇪'.repeat(50), 101)).toBe('🇩🇪'.repeat(25));
  expect(cut(`${'a'.repeat(98)}😀 and more`, 100)).toBe(`${'a'.repeat(98)}…`);
});

test('JSON for Lua has no half of a surrogate pair, at any depth, and what is text stays as it is', () => {
  assert(
    property(odd, odd, (key, text) => {
      const value = { [key]: [{ text }], nested: toJson({ text }) };
      for (const json of [toJson(value), String(toLua(JSON.stringify(value)))]) {
        expect(JSON.parse(json)).toEqual({
          [key.toWellFormed()]: [{ text: text.toWellFormed() }],
          nested: toJson({ text }),
        });
      }
      expect(parseJson(JSON.stringify({ text }))).toEqual({ text: text.toWellFormed() });
      expect(toLua(`- ${text}`)).toBe(`- ${text.toWellFormed()}`);
    }),
    { numRuns: 200 },
  );
  expect(wellFormedJson(String.raw`"\ud83d\ude00 \\ud83d \ud83d\n \ude00"`)).toBe(
    String.raw`"\ud83d\ude00 \\ud83d \ufffd\n \ufffd"`,
  );
  expect(toLua(String.raw`[a page about \ud83d](x)`)).toBe(String.raw`[a page about \ud83d](x)`);
});

/** A conversation's parts on one Redis, with the locks of a turn and of a delivery in hand. */
async function withParts(
  test: (parts: ReturnType<typeof partsOn>, redis: Redis) => Promise<void>,
): Promise<void> {
  await withRedis(async (redis) => {
    const parts = partsOn(redis);
    await redis.set(parts.fence.lock, parts.fence.token);
    try {
      await test(parts, redis);
    } finally {
      await Promise.all([parts.turns.close(), parts.deliveries.close(), parts.schedules.close()]);
    }
  });
}

function partsOn(redis: Redis) {
  const [turns, deliveries, schedules] = [
    createTurns(redis),
    createDeliveries(redis),
    createSchedules(redis),
  ];
  const outbox = createOutbox(redis, deliveries);
  const fence = { lock: keys.jobLock('turns', 'held'), token: 'mine' };
  const conversations = createConversations(redis);
  return {
    turns,
    deliveries,
    schedules,
    outbox,
    fence,
    conversations,
    accept: createIntake(turns),
    inbox: createInbox(redis),
    failed: createFailedMessages(redis, turns),
    read: createSnapshots(redis).read,
    ledger: createLedger(redis),
    nextDeliveries: createNextDeliveries(redis, { intervalMs: 1, burst: 1000 }),
    sessions: createSessions(redis),
    dead: createDeadLetters(redis),
    pages: createPageStore(redis),
    files: createFileStore(redis),
    tools: createScheduleTools(
      { schedules, conversations, outbox },
      { turn: 'held', run: 1, conversation, fence },
      { limits: { minutesApart: 15, runsPerDay: 100 }, hasTemplate: false },
      Date.now,
    ),
  };
}

test('any UTF-16 goes through the inbox, the outbox, schedules, sessions, files and pages, and the conversation goes on', async () => {
  await withParts(
    async (
      {
        accept,
        read,
        inbox,
        failed,
        outbox,
        nextDeliveries,
        ledger,
        sessions,
        conversations,
        dead,
        pages,
        files,
        tools,
        schedules,
        fence,
      },
      redis,
    ) => {
      const send = async (): Promise<string[]> => {
        const texts: string[] = [];
        for (;;) {
          const next = await nextDeliveries.next(conversation, fence, Date.now());
          if (next.kind !== 'send') return texts;
          await ledger.accepted(next.reply, newId(), next.reply.attempts);
          texts.push(
            next.reply.text,
            next.reply.file?.name ?? '',
            next.reply.choices?.items[0]?.title ?? '',
          );
        }
      };
      await assert(
        asyncProperty(odd, async (text) => {
          await redis.flushdb();
          await redis.set(fence.lock, fence.token);
          const more = {
            profileName: text,
            choice: { id: text, title: text },
            location: { latitude: 1, longitude: 1, label: text, address: text },
          };
          const [asked, stays] = [message(text, more), message(`/queue ${text}`)];
          const sender = { address: conversation, conversation, proven: [], rivals: [] };
          for (const entry of [asked, stays])
            expect((await accept(entry, sender)).outcome).toBe('new');
          const { messages, unreadable } = await read(conversation, fence);
          expect(unreadable).toEqual([]);
          expect(messages.map((entry) => entry.text)).toEqual(
            [asked, stays].map((entry) => entry.text.toWellFormed()),
          );
          const data = {
            conversation,
            messages: [{ id: asked.id, at: asked.at, text, media: 0, attempts: 1 }],
          };
          await inbox.take(fence, 'held', data, new Map([[asked.id, 1]]));
          await sessions.note(conversation, fence, {
            id: newId(),
            title: text,
            usedAt: Date.now(),
          });
          await conversations.write(conversation, fence, {
            trusted: JSON.stringify({ [text]: text }),
            questions: JSON.stringify([text]),
          });
          const file = await files.put(
            Buffer.from('x'),
            { type: 'text/plain', name: text },
            conversation,
          );
          expect(await pages.put(newId(), text)).toBeDefined();
          await dead.add('schedules', conversation, JSON.stringify({ text }));
          expect(
            await tools.scheduleTurn({ prompt: `p${text}`, cron: '0 9 * * *', timezone: 'UTC' }),
          ).toContain('Scheduled as number');
          const [planned] = await schedules.list(conversation);
          expect((await accept(message(tickText(Schedule.parse(planned), 0, 0)))).outcome).toBe(
            'new',
          );
          await schedules.cancel(conversation, planned?.number ?? 0);
          const choices = { kind: 'buttons' as const, items: [{ id: 'a', title: text }] };
          const reply = {
            id: newId(),
            conversation,
            turn: 'held',
            text,
            file: { ...file, name: text },
            choices,
          };
          await outbox.put([reply], fence, {
            conversation,
            ids: [asked.id],
            state: 'failed',
            kept: [asked.id],
          });
          const said = await send();
          expect(said.slice(-3)).toEqual(Array(3).fill(text.toWellFormed()));
          expect(said.every((words) => words.isWellFormed())).toBe(true);
          expect(await failed.retry(conversation, [asked.id])).toBe(1);
          const ids = (await inbox.read(conversation)).map(({ id }) => id);
          expect(
            (
              await outbox.put([{ ...reply, id: newId() }], fence, {
                conversation,
                ids,
                state: 'answered',
              })
            ).left,
          ).toBe(0);
          await send();
        }),
        { numRuns: 15 },
      );
    },
  );
});

test('every way to a script makes text well formed, also within JSON', async () => {
  const lua = `return cjson.decode(json).text .. text .. others[1]`;
  const echo = defineScript({ name: 'testEcho', args: ['json', 'text'], rest: 'others', lua });
  const input = {
    args: { json: JSON.stringify({ text: 'a \ud83d' }), text: 'b \ude00' },
    rest: ['\ud83d'],
  };
  await withParts(async ({ turns }, redis) => {
    const said = 'a \ufffdb \ufffd\ufffd';
    expect(await runScript(redis, echo, input)).toBe(said);
    expect(String(await runScriptForBytes(redis, echo, input))).toBe(said);
    expect((await turns.runAndAdd({ call: () => callOf(echo, input) }, conversation)).reply).toBe(
      said,
    );
  });
});

test('half an emoji that an earlier version has stored sticks nothing: in the inbox, among what was given up, in a reply', async () => {
  await withParts(async ({ accept, read, failed, outbox, nextDeliveries, fence }, redis) => {
    const halved = message('half \ud83d');
    // The id is not the first field, as when another program has written the entry.
    const entries = [
      JSON.stringify(halved),
      JSON.stringify({ ...message('other half \ude00'), at: halved.at }, [
        'text',
        'media',
        'at',
        'conversation',
        'id',
      ]),
    ];
    await redis.rpush(keys.inbox(conversation), ...entries);
    await redis.hset(
      keys.conversation(conversation),
      'failed',
      JSON.stringify([JSON.stringify(message('given up \ud83d'))]),
    );
    const broken = newId();
    await redis.hset(keys.reply(broken), {
      id: broken,
      conversation,
      turn: 'held',
      text: 'asks',
      choices: '{"kind":"buttons","items":[{"id":"a","title":"\\ud83d"}]}',
      status: 'waiting',
      at: halved.at,
      seq: 1,
    });
    await redis.rpush(keys.outbox(conversation), broken);
    await accept(message('late', { at: new Date(Date.now() - 60_000).toISOString() }));
    const { messages } = await read(conversation, fence, 'held:1');
    expect(messages.map(({ text }) => text).toSorted()).toEqual([
      'half \ufffd',
      'late',
      'other half \ufffd',
    ]);
    const ids = messages.map(({ id }) => id);
    expect(
      (
        await outbox.put([{ id: newId(), conversation, turn: 'held', text: 'answer' }], fence, {
          conversation,
          ids,
          state: 'failed',
          kept: ids,
        })
      ).left,
    ).toBe(0);
    expect(await failed.list(conversation)).toHaveLength(4);
    const next = await nextDeliveries.next(conversation, fence, Date.now());
    expect(next).toMatchObject({
      kind: 'send',
      reply: { choices: { items: [{ title: '\ufffd' }] } },
    });
  });
});

test('commands with emoji at every place are answered, and what is at work goes on', async () => {
  await withPipeline({}, async ({ say, replies, startWorker, redis }) => {
    let ended = false;
    await startWorker({
      answer: async (text) => {
        if (!ended && text.includes('long')) await until('the end', () => ended);
        return `answer to ${[...text].slice(0, 5).join('')}`;
      },
    });
    for (const shift of ['', 'x']) {
      ended = false;
      const emoji = `${shift}${'😀'.repeat(700)}`;
      const before = replies().length;
      await say(`long ${emoji}`);
      await until(
        'the turn',
        async () =>
          (await redis.hget(keys.conversation(conversation), 'session')) !== null &&
          (await redis.llen(keys.active('turns'))) > 0,
      );
      for (const command of ['/queue ', '/model ', '/schedules cancel '])
        await say(command + emoji);
      await say('/status');
      await until('the status', () =>
        replies()
          .slice(before)
          .some(({ text }) => text.includes('Working for')),
      );
      ended = true;
      await until(
        'the answers',
        () =>
          replies()
            .slice(before)
            .filter(({ text }) => text.startsWith('answer to')).length >= 2,
      );
      expect(replies().every(({ text }) => text.isWellFormed() && !text.includes('\ufffd'))).toBe(
        true,
      );
    }
    await say(`/resume ${'😀'.repeat(100)}`);
    await say('hello');
    await until('its answer', () => replies().at(-1)?.text === 'answer to hello');
    expect(replies().every(({ text }) => text.isWellFormed() && !text.includes('\ufffd'))).toBe(
      true,
    );
  });
});
