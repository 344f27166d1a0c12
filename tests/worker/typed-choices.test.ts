import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Choices } from '../../shared/store/choices.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Reply } from '../../shared/store/reply.ts';
import type { OpenQuestion } from '../../worker/questions/question.ts';
import { writeLateQuestion } from '../../worker/questions/settled-questions.ts';
import { readTyped } from '../../worker/questions/typed-choice.ts';
import { createTypedTaps } from '../../worker/questions/typed-taps.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { texts } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

const buttons = (titles: string[], more: Partial<Choices> = {}): Choices =>
  ({
    kind: 'buttons',
    items: titles.map((title, index) => ({ id: `/c ${index + 1}`, title })),
    ...more,
  }) as Choices;

test('a text names a choice by its title, its number, a bare yes or a bare no', () => {
  const undo = buttons(['Undo the files', 'Files and chat', 'Leave it']);
  const list: Choices = { ...undo, kind: 'list', button: 'Choose' };
  const long = buttons(['1. Watch the tests of the relay', 'All of them']);
  const cases: [Choices, string, number | undefined][] = [
    ...[
      '1',
      '1.',
      '#1',
      '1)',
      ' 1 ',
      'UNDO THE FILES',
      '“Undo  the files”.',
      'yes',
      'Yes!',
      'Ja',
      '👍🏽',
    ].map((text): [Choices, string, number] => [undo, text, 1]),
    ...['3', 'leave it', 'no', 'Nein.'].map((text): [Choices, string, number] => [undo, text, 3]),
    ...[
      '0',
      '4',
      '1 2',
      '11',
      'undo',
      'yes, but not b.txt',
      'no, use yarn',
      '',
      '?',
      'ok',
      '1!',
    ].map((text): [Choices, string, undefined] => [undo, text, undefined]),
    [list, '2', 2],
    [list, 'files and chat', 2],
    // The question which of several tasks to stop, whose lines have their numbers.
    [
      { ...buttons(['1. tests', '2. build', 'All of them']), kind: 'list', button: 'Choose' },
      '3',
      3,
    ],
    [list, 'yes', undefined],
    // As WhatsApp shows it.
    [long, '1. Watch the tests…', 1],
    [buttons(['/status']), 'yes', 1],
    [buttons(['/status']), 'no', undefined],
    [buttons(['Same', 'same']), 'same', undefined],
    // The text of this message says what to write.
    [buttons(['Opus', 'Sonnet'], { told: true }), 'opus', 1],
    [buttons(['Opus', 'Sonnet'], { told: true }), '1', undefined],
    [buttons(['Opus', 'Sonnet'], { told: true }), 'yes', undefined],
  ];
  expect(cases.map(([choices, text]) => [text, readTyped(choices, text)?.id])).toEqual(
    cases.map(([, text, number]) => [text, number && `/c ${number}`]),
  );
});

const at = (seconds: number): string => new Date(seconds * 1000).toISOString();
const message = (text: string, second: number, more: Partial<Message> = {}): Message => ({
  id: `SM${String(second).padStart(32, '0')}`,
  conversation: phone,
  at: at(second),
  text,
  media: [],
  human: true,
  ...more,
});
const offer = (more: Partial<Reply> = {}): Reply => ({
  id: 'offer',
  conversation: phone,
  turn: 't',
  text: 'Shall I?',
  choices: buttons(['Do it', 'Leave it']),
  status: 'sent',
  attempts: 1,
  repeats: 0,
  notBefore: 0,
  pacedMs: 0,
  at: at(100),
  ...more,
});

test('a text is a tap only where the choices are the last thing said, and for a while', async () => {
  const read = async (
    waiting: Message[],
    {
      reply = offer(),
      until: over,
      open,
      quoted,
    }: {
      reply?: Reply;
      until?: string;
      open?: Partial<OpenQuestion>;
      quoted?: Reply;
    } = {},
  ): Promise<(string | undefined)[]> => {
    const taps = createTypedTaps({ find: async () => reply }, 60_000);
    const quotes = new Map(waiting.map(({ id }) => [id, quoted]));
    const said = { offered: 'offer', offeredUntil: over };
    const found = await taps.read(waiting, said, open as OpenQuestion | undefined, quotes);
    expect(found.filter(({ id }) => taps.has(id))).toEqual(
      found.filter(({ choice }) => choice !== undefined && choice.id !== 'tapped'),
    );
    return found.map(({ choice }) => choice?.id);
  };
  expect(await read([message('1', 101)])).toEqual(['/c 1']);
  // About a late answer, which goes on to Claude in the button’s words.
  const missed = { kind: 'permission', text: 'May I?', digest: 'd', fallback: 'No' } as const;
  const late = writeLateQuestion({
    id: 't.ask.d.1',
    missed: { ...missed, labels: ['Yes', 'No'] },
    label: 'Yes',
  });
  const taps = createTypedTaps({ find: async () => offer({ choices: late.choices }) }, 60_000);
  const said = [message('1.', 101), message('Leave it', 102)];
  expect(
    await taps.read(said, { offered: 'offer', offeredUntil: undefined }, undefined, new Map()),
  ).toMatchObject([
    { text: 'Yes, do it', choice: { id: 'after.t.ask.d.1.1' } },
    { text: 'Leave it', choice: { id: 'after.t.ask.d.1.0' } },
  ]);
  // Written before it, too late, or after something else was said.
  expect(await read([message('1', 99), message('1', 161)])).toEqual([undefined, undefined]);
  expect(await read([message('1', 105), message('1', 111)], { until: at(110) })).toEqual([
    '/c 1',
    undefined,
  ]);
  // Another request has come between; another tap, or a command, has not.
  expect(await read([message('fix it', 101), message('yes', 102)])).toEqual([undefined, undefined]);
  expect(await read([message('2', 101), message('/status', 102), message('2', 103)])).toEqual([
    '/c 2',
    undefined,
    '/c 2',
  ]);
  // An open question of Claude’s that came later is what is meant, and one from before is not.
  expect(await read([message('1', 120)], { open: { at: 110_000 } })).toEqual([undefined]);
  expect(await read([message('1', 120)], { open: {} })).toEqual([undefined]);
  expect(await read([message('1', 120)], { open: { at: 90_000 } })).toEqual(['/c 1']);
  // What was quoted is meant, at any time.
  const quote = { quoted: `SM${'9'.repeat(32)}` };
  const other = offer({ choices: buttons(['Red']) });
  expect(await read([message('1', 999, quote)], { quoted: offer(), until: at(110) })).toEqual([
    '/c 1',
  ]);
  expect(await read([message('leave it', 101, quote)], { quoted: other })).toEqual([undefined]);
  expect(await read([message('1', 101, quote)])).toEqual([undefined]);
  // A stop stays one, whatever a button is called.
  const cancel = offer({ choices: buttons(['Keep', 'Cancel'], { told: true }) });
  expect(await read([message('Cancel', 101), message('keep', 102)], { reply: cancel })).toEqual([
    undefined,
    undefined,
  ]);
  expect(await read([message('keep', 102)], { reply: cancel })).toEqual(['/c 1']);
  // Not a person’s text, not sent yet, Claude’s own question, or a tap alone decides.
  const location = { latitude: 1, longitude: 1 };
  const media = [{ url: 'https://example.org/a', type: 'audio/ogg' }];
  for (const more of [
    { human: false },
    { location },
    { media },
    { choice: { id: 'tapped', title: '1' } },
  ])
    expect(await read([message('1', 101, more)])).toEqual([more.choice?.id]);
  for (const status of ['waiting', 'parked', 'failed', 'withdrawn'] as const)
    expect(await read([message('1', 101)], { reply: offer({ status }) })).toEqual([undefined]);
  const asked: Choices = { kind: 'buttons', items: [{ id: 't.ask.d.1.1', title: 'Red' }] };
  for (const choices of [asked, buttons(['Do it'], { tapOnly: true })])
    expect(await read([message('1', 101)], { reply: offer({ choices }) })).toEqual([undefined]);
});

test('where WhatsApp shows no buttons, each command’s choices are answered by text', async () => {
  await withPipeline({}, async (pipeline) => {
    pipeline.twin.faults.set('content-refused', {});
    const [gate, working] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await pipeline.startWorker({
      answer: async (text, { workspace, beforeTool }, tool) => {
        if (text.startsWith('write ')) {
          await beforeTool?.('Write');
          tool('Write');
          writeFileSync(path.join(workspace, 'a.txt'), text);
        }
        if (text === 'work') {
          working.resolve();
          await gate.promise;
        }
        return `answer to ${text}`;
      },
    });

    /** Writes a text, and waits for a new reply that has these words. */
    const exchange = async (text: string, words: string): Promise<string> => {
      const from = texts(pipeline).length;

      await pipeline.say(text);
      return await until(`${text} → ${words}`, () =>
        texts(pipeline)
          .slice(from)
          .find((reply) => reply.includes(words)),
      );
    };
    await exchange('write one', '· /undo');
    expect(await exchange('/undo', 'Take back')).toContain(
      '1. Undo the files\n2. Files and chat\n3. Leave it\n\nAnswer with a number.',
    );
    await exchange('3.', 'I leave everything as it is.');
    await exchange('/undo', 'Take back');
    await exchange('YES', 'Done: 1 file removed.');
    // A second one is a second tap.
    await exchange('1', 'That is taken back already.');
    await exchange('/redo', 'Bring back');
    await exchange('bring it back', 'Done: 1 file back again.');
    await exchange('/statu', 'Did you mean /status?');
    await exchange('yes', 'Nothing is running');
    await exchange('/model', 'The model is the usual one.');
    await exchange('opus', 'The model opus from now on.');
    // The numbers are not shown there, so one is Claude’s, after what it is told of the undo.
    await exchange('1', '\n1');
    await exchange('/permissions', 'without asking');
    await exchange('Edits', 'I change files by myself');
    await exchange('/effort', 'The effort is');
    await exchange('high', 'The effort is high');
    await exchange('/forget', 'Shall I forget everything?');
    await exchange('no', 'All right, I keep everything.');
    // What Claude said since then is what a text is about.
    await exchange('hello', 'answer to hello');
    await exchange('yes', 'answer to yes');
    // While Claude works: the question whether to stop.
    await pipeline.say('work');
    await working.promise;
    await exchange('stop that thing or not I wonder', 'Shall I stop what I am doing?');
    await exchange('1', 'Stopped');
    await exchange('/forget', 'Shall I forget everything?');
    await exchange('Forget everything', 'Forgotten:');
    gate.resolve();
  });
});
