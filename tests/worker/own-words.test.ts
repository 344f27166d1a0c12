import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Message } from '../../shared/store/message.ts';
import {
  answersByFile,
  readAnswer,
  readSaidAnswer,
  writeAgain,
} from '../../worker/questions/question.ts';
import type { OpenQuestion } from '../../worker/questions/question.ts';
import type { ChatMessage } from '../../simulator/chat.ts';
import { createServiceTranscriber } from '../../worker/media/transcriber-service.ts';
import { askLeave, withLeave } from '../support/leave-bench.ts';
import { password, phone, withPipeline } from '../support/pipeline.ts';
import { tap } from '../support/story-bench.ts';
import { withTranscriptionService } from '../support/transcription-service.ts';
import { until } from '../support/until.ts';

const asked = '2026-01-31T12:00:00.000Z';
const colours: OpenQuestion = {
  id: 'turn.ask.0123456789ab.1',
  kind: 'choice',
  text: 'Which colour?',
  labels: ['Red', 'Green', 'Blue'],
  multiple: false,
  deadline: Infinity,
  at: Date.parse(asked),
};
const permission: OpenQuestion = {
  ...colours,
  kind: 'permission',
  text: 'May I run this command? rm x',
  labels: ['Yes', 'Yes, always', 'No'],
  yes: 'Yes',
  no: 'No',
};
const plan: OpenQuestion = {
  ...colours,
  kind: 'plan',
  text: 'That is my plan. Shall I begin?',
  labels: ['Go', 'Go, edits unasked', 'Keep planning'],
  yes: 'Go',
  no: 'Keep planning',
};
const message = (text: string, more: Partial<Message> = {}): Message => ({
  id: `SM${'1'.repeat(32)}`,
  conversation: phone,
  at: '2026-01-31T12:00:05.000Z',
  text,
  media: [],
  human: true,
  ...more,
});
const picture = [{ url: 'https://x/y', type: 'image/png' }];

test('any text after a question of Claude’s answers it, in the person’s own words', () => {
  const read = (text: string, more: Partial<Message> = {}) =>
    readAnswer(colours, message(text, more), undefined);
  for (const text of ['the green one', 'Green please', 'neither', '/etc/hosts', 'cancel', '7'])
    expect(read(` ${text}\n`)).toEqual([text]);
  for (const text of ['green', ' Green. ', '2.', '#2']) expect(read(text)).toEqual(['Green']);
  expect(['', ' ', '/status', '/new look', '/compact'].map((text) => read(text))).toEqual(
    Array.from({ length: 5 }),
  );
  // What came before the question, quotes another message or was written by no person is about
  // something else.
  expect(read('the green one', { at: '2026-01-31T11:59:59.999Z' })).toBeUndefined();
  expect(read('the green one', { quoted: `SM${'9'.repeat(32)}` })).toBeUndefined();
  expect(read('the green one', { human: false })).toBeUndefined();
  expect(
    readAnswer({ ...colours, at: undefined }, message('the green one'), undefined),
  ).toBeUndefined();
});

test('words to a plan say what should be different; those that only agree approve nothing', () => {
  const read = (text: string, more: Partial<Message> = {}) =>
    readAnswer(plan, message(text, more), undefined);
  const wishes = [
    'use postgres',
    'Use Postgres instead, please.',
    'what does step 2 do?',
    'yes, but use postgres',
    'ok and add tests',
    'go with postgres',
    'ja, aber mit Tests',
    'benutze postgres',
    'utilise postgres',
    'используй postgres',
    '用 postgres',
    'start with the tests',
    'postgres',
  ];
  for (const text of wishes) expect([text, read(text)]).toEqual([text, ['Keep planning', text]]);
  const agreements =
    'yes|Yes!|ok|okay, go ahead|do it|lgtm|looks good to me|Sure, go on|start now please|perfect, thanks|ja bitte|klar|oui|d’accord|vas-y|sí, claro|sim|sì|да|давай|evet|はい|好的|네|نعم|👍|✅👍🏽||?|7|1, 2|4.'.split(
      '|',
    );
  for (const text of agreements) expect([text, read(text)]).toEqual([text, undefined]);
  for (const text of ['/status', '/new use postgres']) expect(read(text)).toBeUndefined();
  // What came before the plan, quotes another message or was written by no person is about
  // something else.
  expect(read('use postgres', { at: '2026-01-31T11:59:59.999Z' })).toBeUndefined();
  expect(read('use postgres', { quoted: `SM${'9'.repeat(32)}` })).toBeUndefined();
  expect(read('use postgres', { human: false })).toBeUndefined();
  // Spoken words, and those under a file, neither approve by a number nor by a label.
  const said = ['use postgres', 'Go.', 'go, edits unasked', '1', 'yes', ''];
  const [wish, ...others] = said.map((words) => readSaidAnswer(plan, words));
  expect(wish).toEqual(['Keep planning', 'use postgres']);
  expect(others.flat()).toEqual([]);
  expect(['like this', 'ok', ''].map((words) => readSaidAnswer(plan, words, 'a file'))).toEqual([
    ['Keep planning', 'like this; a file'],
    [],
    ['Keep planning', 'a file'],
  ]);
});

test('a file answers a question of Claude’s, and its words are read like written ones', () => {
  const isAnswer = (question: OpenQuestion, more: Partial<Message>) =>
    answersByFile(question, message('', more), undefined);
  expect(isAnswer(colours, { media: picture })).toBe(true);
  expect(isAnswer(colours, { location: { latitude: 1, longitude: 2 } })).toBe(true);
  expect(isAnswer(plan, { media: picture })).toBe(true);
  expect(isAnswer(permission, { media: picture })).toBe(false);
  expect(isAnswer(colours, {})).toBe(false);
  expect(isAnswer(colours, { media: picture, human: false })).toBe(false);
  expect(isAnswer(colours, { media: picture, at: '2026-01-31T11:00:00.000Z' })).toBe(false);
  expect(['Green.', 'the green one', ''].map((said) => readSaidAnswer(colours, said))).toEqual([
    ['Green'],
    ['the green one'],
    [],
  ]);
});

test('approval is asked for again with two buttons, and then no number gives it', () => {
  const again = writeAgain(permission);
  expect(again?.choices.items).toEqual([
    { id: `${permission.id}.1`, title: 'Yes, run it' },
    { id: `${permission.id}.3`, title: 'No' },
  ]);
  expect(
    writeAgain({ ...permission, text: 'May I change this file?' })?.choices.items[0]?.title,
  ).toBe('Yes, do it');
  expect(writeAgain(colours)).toBeUndefined();
  const read = (text: string) =>
    readAnswer({ ...permission, again: true }, message(text), undefined);
  // The second button is “No”, and the second answer of the question was “Yes, always”.
  expect(['1', '2', '3'].map(read)).toEqual([undefined, undefined, undefined]);
  expect(['Yes', 'No'].map(read)).toEqual([['Yes'], ['No']]);
  expect(read('no, use yarn')).toEqual(['No', 'no, use yarn']);
});

test('nothing is answered with silence while a question is open, and /status says whose turn it is', async () => {
  await withLeave(async (bench) => {
    const { say, said, texts, redis, replies, quoteWith } = bench;
    await say('colour ?');
    expect((await said('Which?')).text).toContain('Or answer in your own words.');
    await say('/status');
    await quoteWith(await said('I am waiting for you: “Which?” (Red, Blue)'), 'about this');
    await said('I read that as soon as you have answered my question above.');
    const authorization = `Basic ${Buffer.from(`any:${password}`).toString('base64')}`;
    const dashboard = await fetch(`${bench.relayUrl}/admin`, { headers: { authorization } });
    expect(await dashboard.text()).toContain('>Waiting for Phone 0001<');
    await say('the green one');
    await said('colour: the green one');
    await said('prompt [In reply to your message');
    await say('run make');
    expect((await said('May I run this command?')).buttons).toHaveLength(3);
    const asking = (index: number): Promise<ChatMessage> =>
      until(
        `“Shall I run it?” ${index}`,
        () => replies().filter(({ text }) => text.startsWith('Shall I run it?'))[index],
      );
    await say('sure, go on');
    expect((await asking(0)).buttons.map(({ title }) => title)).toEqual(['Yes, run it', 'No']);
    // Under two buttons a “2” is meant for “No”, and would have been “Yes, always”.
    await say('2');
    await tap(bench, await asking(1), 'No');
    await said('make: no');
    await until('all is answered', async () => (await redis.llen(keys.inbox(phone))) === 0);
    expect(texts().filter((text) => text === 'make: yes')).toEqual([]);
    await say('/status');
    await said('Nothing is running for you.');
  });
});

test('a voice message and a picture answer a question or a plan, too; the picture is also shown to Claude', async () => {
  await withTranscriptionService(async (service) => {
    await withPipeline({}, async (pipeline) => {
      const transcribe = createServiceTranscriber({ url: service.url, model: 'm', apiKey: 'k' });
      await pipeline.startWorker({ answer: askLeave, transcribe });
      const send = (bytes: Buffer, type: string, text = ''): Promise<unknown> =>
        pipeline.twin.chat.receive(phone, {
          media: { name: 'file', type, base64: bytes.toString('base64') },
          text,
        });
      const said = (part: string): Promise<unknown> =>
        until(part, () => pipeline.replies().some(({ text }) => text.includes(part)));
      const asked = (count: number): Promise<unknown> =>
        until(
          `question ${count}`,
          () => pipeline.replies().filter(({ text }) => text.startsWith('Which?')).length === count,
        );
      service.answer = () => ({ status: 200, body: JSON.stringify({ text: 'Blue.' }) });
      await pipeline.say('colour ?');
      await asked(1);
      await send(Buffer.from('OggS\0\x02 a voice in OpusHead', 'latin1'), 'audio/ogg');
      await said('colour: Blue');
      await pipeline.say('colour ?');
      await asked(2);
      await send(Buffer.from('a,b'), 'text/plain', 'like this');
      await said('colour: like this, see what the person sends next');
      await said('prompt like this\n[The person sent a file');
      await pipeline.say('plan A');
      await said('That is my plan.');
      const say = async (text: string): Promise<void> => {
        service.answer = () => ({ status: 200, body: JSON.stringify({ text }) });
        await send(Buffer.from('OggS\0\x02 a voice in OpusHead', 'latin1'), 'audio/ogg');
      };
      await say('Go.');
      await said('Shall I begin? Please tap');
      await say('Use Postgres.');
      await said('plan: {"keep":"Use Postgres."}');
      expect(service.asked).toHaveLength(3);
    });
  });
});

test('an answer in one’s own words that came while no worker ran answers the question', async () => {
  await withLeave(
    async ({ say, said, worker, startWorker, texts, redis }) => {
      await say('colour ?');
      await said('Which?');
      await worker.stop();
      await say('the green one');
      await startWorker({ answer: askLeave });
      await said('colour: the green one');
      await until('all is answered', async () => (await redis.llen(keys.inbox(phone))) === 0);
      expect(texts()).toHaveLength(2);
    },
    { environment: { STOP_SECONDS: '1' } },
  );
});
