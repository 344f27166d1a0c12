import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterEach, describe, expect, test } from 'vitest';
import { createLog } from '../../../shared/runtime/log.ts';
import { createFileReader } from '../../../worker/reading/file-reader.ts';
import type { FileReader, FileReaderOptions } from '../../../worker/reading/file-reader.ts';
import type { Seen, View } from '../../../worker/reading/answer.ts';
import { checkAnswer } from '../../../worker/reading/check-answer.ts';
import { readFile } from '../../../worker/reading/work.ts';
import { readProcessTable } from '../../../worker/agent/sandbox/process-table.ts';
import { freeUid } from '../../support/free-uid.ts';
import type { Emit } from '../../../worker/reading/work.ts';
import { drawingSeconds, endlessDrawing, hostileFiles } from '../../support/hostile-files.ts';
import { scaled } from '../../support/machine-speed.ts';
import { noisePicture, plainPicture } from '../../support/made-pictures.ts';
import { until } from '../../support/until.ts';

const signal = new AbortController().signal;
const takenOver = path.join(import.meta.dirname, '..', '..', 'support', 'reading-child.ts');
const readers: FileReader[] = [];

function open(options: Partial<FileReaderOptions> = {}): FileReader {
  const reader = createFileReader({ log: createLog('test', 'silent'), ...options });
  readers.push(reader);
  return reader;
}

/** The processes that this one has started to read files and that live. */
function children(): number[] {
  const statusOf = (pid: string): string =>
    existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'latin1') : '';
  return readdirSync('/proc')
    .filter((pid) => {
      try {
        const [state, parent] = statusOf(pid)
          .slice(statusOf(pid).lastIndexOf(')') + 2)
          .split(' ');
        return (
          state !== 'Z' &&
          Number(parent) === process.pid &&
          /reading-child\.ts|reading\/child\.ts/.test(
            readFileSync(`/proc/${pid}/cmdline`, 'latin1'),
          )
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

const linux = process.platform === 'linux';

afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.stop()));
  if (linux) await until('no child is left', () => children().length === 0);
});

test(
  'hostile files are read or given up in time, while the event loop is free and the memory stays',
  { tags: 'long' },
  async () => {
    const [reader, impatient] = [open(), open({ processorSeconds: drawingSeconds })];
    const files = hostileFiles.map((file) => ({ ...file, bytes: file.bytes() }));
    globalThis.gc?.();
    const [before, delay] = [process.memoryUsage().rss, monitorEventLoopDelay({ resolution: 5 })];
    delay.enable();
    const readings = await Promise.all(
      files.map(({ bytes, type }) =>
        (bytes === endlessDrawing ? impatient : reader).receive(bytes, type, signal),
      ),
    );
    delay.disable();
    const kinds = new Map(files.map(({ what }, index) => [what, readings[index]?.view]));
    expect(kinds.get('comments without a drawing after them')).toEqual({ kind: 'nothing' });
    expect(kinds.get('a drawing that takes for ever')).toEqual({ kind: 'fault', fault: 'time' });
    expect(kinds.get('a card with one number of many kinds')).toMatchObject({ kind: 'contacts' });
    expect(kinds.get('a card with very many numbers')).toMatchObject({
      kind: 'contacts',
      contacts: [expect.stringMatching(/^Ada, (1, ){10}and 24990 more entries$/)],
    });
    expect(kinds.get('object streams without an end')).toMatchObject({ kind: 'pdf', whole: false });
    expect(kinds.get('names of object streams')).toMatchObject({ kind: 'pdf', whole: true });
    expect(['pictures', 'fault']).toContain(kinds.get('a small file of very many pixels')?.kind);
    // What a busy machine does to it is not ours: a file in this process held it up for as long as
    // it took.
    expect(delay.max / 1e6).toBeLessThan(scaled(3000));
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  },
);

test('the same files are sent, or not, in time', async () => {
  const [reader, impatient] = [open(), open({ processorSeconds: drawingSeconds })];
  const wanted = hostileFiles.filter(({ name }) =>
    ['notes.txt', 'drawing.svg', 'many.vcf', 'streams.pdf'].includes(name),
  );
  const readings = await Promise.all(
    wanted.map(({ bytes, name, type }) =>
      (type === 'image/svg+xml' ? impatient : reader).send(bytes(), name, signal),
    ),
  );
  const kindOf = (view: (typeof readings)[number]['view']): string =>
    view.kind === 'fault' ? view.fault : view.kind;
  expect(readings.map(({ seen, view }) => [seen.type, kindOf(view)])).toEqual([
    ['text/plain; charset=utf-8', 'nothing'],
    // It heard that its time was up: one that is killed cannot say why.
    ['image/svg+xml', 'time'],
    ['text/vcard', 'nothing'],
    ['application/pdf', 'nothing'],
  ]);
});

test.each([
  ['silence', 'unread'],
  ['noise', 'unread'],
  ['flood', 'unread'],
  ['half a frame', 'fault'],
  ['another form', 'unread'],
  ['a huge picture', 'fault'],
  ['words of its own', 'fault'],
  ['another picture', 'fault'],
  ['too many pictures', 'fault'],
  ['a helper', 'fault'],
  ['for ever', 'unread'],
  ['abort', 'unread'],
])('of a child that answers with %s nothing is believed', async (wish, kind) => {
  const reader = open({
    program: takenOver,
    patienceMs: wish === 'for ever' || wish === 'a helper' ? 1500 : 15_000,
  });
  const { view, blobs, seen } = await reader.receive(
    Buffer.from(wish),
    kind === 'fault' ? 'image/png' : 'application/pdf',
    signal,
  );
  expect({ kind: view.kind, blobs, type: seen.type }).toEqual({
    kind,
    blobs: [],
    type: kind === 'fault' ? 'image/png' : 'application/pdf',
  });
});

describe.runIf(linux)('a child', () => {
  test('has none of the worker’s environment, and bounds', async () => {
    const reader = open({ program: takenOver });
    const { view } = await reader.receive(Buffer.from('surroundings'), 'text/vcard', signal);
    const { env, limits } = JSON.parse(
      view.kind === 'contacts' ? (view.contacts[0] ?? '') : '{}',
    ) as { env: string[]; limits: string };
    // The shell adds its directory.
    expect(env.filter((name) => name !== 'PWD')).toEqual(['LANG', 'PATH']);
    expect(limits).toMatch(/^Max cpu time +25 +26 +seconds/m);
    expect(limits).toMatch(
      new RegExp(`^Max address space +${3072 * 2 ** 20} +${3072 * 2 ** 20} +bytes`, 'm'),
    );
    expect(limits).toMatch(/^Max file size +0 +0 +bytes/m);
    expect(limits).toMatch(/^Max core file size +0 +0 +bytes/m);
  });

  test.runIf(process.getuid?.() === 0)(
    'has a user that no other living one has, where the worker may switch, and reads all the same',
    async () => {
      const first = freeUid();
      const userOf = (number: number) => ({
        name: 'reader',
        uid: first + number,
        gid: first + number,
      });
      const { view } = await open({ program: takenOver, userOf }).receive(
        Buffer.from('surroundings'),
        'text/vcard',
        signal,
      );
      expect(view.kind === 'contacts' && JSON.parse(view.contacts[0] ?? '{}')).toMatchObject({
        uid: first,
      });
      const reader = open({ userOf, most: 2 });
      expect(
        (await reader.receive(await plainPicture(40, 30).png().toBuffer(), 'image/png', signal))
          .view,
      ).toMatchObject({ kind: 'pictures', types: ['image/png'] });
      // Its end is in the worker's hands.
      const stop = new AbortController();
      const endless = reader.receive(endlessDrawing, 'image/svg+xml', stop.signal);
      const beside = reader.receive(endlessDrawing, 'image/svg+xml', stop.signal);
      await until('two readers', () => {
        const uids = new Set(readProcessTable().map(({ uid }) => uid));
        return [0, 1, 2, 3].filter((number) => uids.has(first + number)).length === 2;
      });
      stop.abort(new Error('stopped'));
      await expect(endless).rejects.toThrow('stopped');
      await expect(beside).rejects.toThrow('stopped');
    },
  );

  test('ends with what it was for, and only so many live at once', async () => {
    const reader = open({ most: 2 });
    const stop = new AbortController();
    const reading = [1, 2, 3, 4].map(() =>
      reader.receive(endlessDrawing, 'image/svg+xml', stop.signal),
    );
    await until('two children', () => children().length === 2);
    // The others wait their turn.
    expect(children()).toHaveLength(2);
    stop.abort(new Error('stopped'));
    expect(await Promise.allSettled(reading)).toMatchObject(
      [1, 2, 3, 4].map(() => ({ status: 'rejected', reason: new Error('stopped') })),
    );
    await until('none is left', () => children().length === 0);
    // The places are free again.
    expect((await reader.receive(Buffer.from('hello'), 'text/plain', signal)).view).toEqual({
      kind: 'nothing',
    });
  });

  test('waits in advance, serves the next file, and ends with the reader', async () => {
    const reader = open();
    await reader.warm();
    const [prewarmed] = children();
    const photo = await noisePicture(300, 200).jpeg().toBuffer();
    expect((await reader.receive(photo, 'image/jpeg', signal)).view).toMatchObject({
      kind: 'pictures',
    });
    await until('another waits', () => children().length === 1 && children()[0] !== prewarmed);
    // A prewarmed process that has ended is no loss.
    process.kill(children()[0] ?? 0, 'SIGKILL');
    await until('it has ended', () => children().length === 0);
    expect((await reader.receive(photo, 'image/jpeg', signal)).view).toMatchObject({
      kind: 'pictures',
    });
    const endless = reader.receive(endlessDrawing, 'image/svg+xml', signal);
    await until('at work', () => children().length > 0);
    await reader.stop();
    expect((await endless).view).toEqual({ kind: 'fault', fault: 'broken' });
    expect(children()).toEqual([]);
  });
});

test('a card with more words than fit is told as far as they do', async () => {
  const places = `ADR:;;${Array.from({ length: 8 }, () => 'x'.repeat(190)).join(';')}\n`.repeat(10);
  const parts: [unknown, Buffer[]][] = [];
  const emit: Emit = (part, blobs = []) => void parts.push([part, blobs]);
  const card = Buffer.from(`BEGIN:VCARD\nFN:Ada\n${places}END:VCARD`);
  await readFile({ task: 'receive', claimed: 'text/vcard' }, card, emit);
  const { view } = checkAnswer(parts.map(([head, blobs]) => ({ head, blobs })));
  expect(view).toEqual({ kind: 'contacts', contacts: [expect.stringMatching(/^Ada, x/)], more: 0 });
});

test('texts of other encodings are handed over in UTF-8', async () => {
  const reader = open();
  const text = 'Größe;Preis\r\n1;5 €\r\n';
  const [little, big] = [Buffer.from(text, 'utf16le'), Buffer.from(text, 'utf16le').swap16()];
  const files: [Buffer, string][] = [
    [Buffer.concat([Buffer.from([0xff, 0xfe]), little]), 'utf-16le'],
    [little, 'utf-16le'],
    [Buffer.concat([Buffer.from([0xfe, 0xff]), big]), 'utf-16be'],
    [big, 'utf-16be'],
    [Buffer.from(text.replace('€', '\x80'), 'latin1'), 'windows-1252'],
  ];
  const isRead = (seen: Seen, view: { kind: string }, blobs: Buffer[]): unknown[] => [
    seen.type,
    seen.encoding,
    view.kind,
    blobs[0]?.toString('utf8'),
  ];
  for (const [bytes, encoding] of files) {
    // What the child does with its file, here: a child for each would show nothing more.
    const parts: [unknown, Buffer[]][] = [];
    const emit: Emit = (part, blobs = []) => void parts.push([part, blobs]);
    await readFile({ task: 'receive', claimed: 'text/csv' }, bytes, emit);
    const [[seen] = [], [view, blobs = []] = []] = parts;
    expect(isRead(seen as Seen, view as View, blobs)).toEqual(['text/csv', encoding, 'text', text]);
  }
  const { seen, view, blobs } = await reader.receive(little, 'text/csv', signal);
  expect(isRead(seen, view, blobs)).toEqual(['text/csv', 'utf-16le', 'text', text]);
});
