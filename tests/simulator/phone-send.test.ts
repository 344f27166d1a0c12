import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ANNA, BERT, PIXEL, withPhone } from '../support/phone-bench.ts';
import type { PhoneBench } from '../support/phone-bench.ts';
import { parseSendOptions } from '../../simulator/phone/send-options.ts';
import { until } from '../support/until.ts';

const SEND = join(import.meta.dirname, '../../simulator/send.ts');

type Run = { code: number | null; out: string; err: string };

/** Runs the command in a folder of its own, which says where the phone is when there is one. */
async function inProject<Result>(
  phoneUrl: string | null,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'send-'));
  try {
    await mkdir(join(folder, '.sidepocket'));
    if (phoneUrl)
      await writeFile(
        join(folder, '.sidepocket/running.json'),
        JSON.stringify({ phoneUrl, pid: 1 }),
      );
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function start(folder: string, args: string[]) {
  const child = spawn(process.execPath, [SEND, ...args], { cwd: folder });
  const run: Run = { code: null, out: '', err: '' };
  child.stdout.on('data', (chunk) => (run.out += chunk));
  child.stderr.on('data', (chunk) => (run.err += chunk));
  const done = new Promise<Run>((resolve) =>
    child.on('close', (code) => resolve({ ...run, code })),
  );
  return { child, run, done };
}

const send = (bench: PhoneBench | null, ...args: string[]) =>
  inProject(bench?.phone.url ?? null, (folder) => start(folder, args).done);

// Most of them wait for a process, one for ten seconds: they do it together.
test.concurrent('prints every reply of the turn and exits 0', () =>
  withPhone(async (bench) => {
    bench.chat.put(ANNA, { text: 'from before' });
    bench.chat.onReceive = (phone, _input, sid) => {
      bench.turns.set(sid, 'working');
      bench.chat.put(phone, { text: 'first' });
      setTimeout(() => {
        bench.chat.put(phone, {
          text: 'second',
          media: [{ url: `${bench.phone.url}/a.png`, type: 'image/png', name: 'a.png', size: 1 }],
          buttons: [{ id: 'a', title: 'Go on' }],
        });
        bench.turns.set(sid, 'answered');
      }, 700);
    };
    const run = await send(bench, 'hello', 'there');
    expect(run).toEqual({
      code: 0,
      out: `first\nsecond\n${bench.phone.url}/a.png\n  [Go on]\n`,
      err: '',
    });
    expect(bench.chat.received).toMatchObject([{ phone: ANNA, input: { text: 'hello there' } }]);
  }),
);

test.concurrent('sends a file as another phone; a failed turn exits 1', { tags: 'long' }, () =>
  withPhone((bench) =>
    inProject(bench.phone.url, async (folder) => {
      await writeFile(join(folder, 'pixel.png'), PIXEL);
      bench.chat.onReceive = (phone, _input, sid) => {
        bench.chat.put(phone, { text: 'sorry' });
        bench.turns.set(sid, 'failed');
      };
      const run = await start(folder, ['--media', 'pixel.png', '--from', BERT]).done;
      expect(run).toEqual({ code: 1, out: 'sorry\n', err: 'The turn failed.\n' });
      expect(bench.chat.received).toMatchObject([
        {
          phone: BERT,
          input: {
            media: { name: 'pixel.png', type: 'image/png', base64: PIXEL.toString('base64') },
          },
        },
      ]);
    }),
  ),
);

test.each([
  [[], /nothing to send/],
  [['hi', '--from', '555'], /not a phone number/],
  [['hi', '--timeout', 'soon'], /not a number of seconds/],
  [['hi', '--loud'], /no option --loud/],
])('wrong usage %j is a sentence', { tags: 'long' }, (args, sentence) => {
  expect(() => parseSendOptions(args)).toThrow(sentence);
});

test.concurrent('a file that is not there is wrong usage, which exits 2', async () => {
  const run = await send(null, 'hi', '--media', 'missing.png');
  expect([run.code, run.out]).toEqual([2, '']);
  expect(run.err).toMatch(/^There is no file missing\.png\.\nSee: npm run send -- --help\n$/);
});

test('what is right is read', () => {
  expect(parseSendOptions(['hi', 'there', '--timeout', '2', '--from', ANNA])).toEqual({
    text: 'hi there',
    media: undefined,
    from: ANNA,
    timeoutMs: 2000,
  });
  expect(parseSendOptions(['-h'])).toBe('help');
});

test.concurrent('a refused webhook and a time that runs out exit 1', () =>
  withPhone(async (bench) => {
    const late = await send(bench, 'hi', '--timeout', '0.5');
    expect([late.code, late.err]).toEqual([1, expect.stringMatching(/^No answer within 0\.5 s/)]);
    bench.chat.answer = 503;
    const refused = await send(bench, 'hi');
    expect([refused.code, refused.err]).toEqual([
      1,
      'Sidepocket refused the message: its webhook answered 503.\n',
    ]);
  }),
);

test.concurrent(
  'after ten quiet seconds it says that it still waits; Ctrl-C exits 130',
  { tags: 'long' },
  () =>
    withPhone((bench) =>
      inProject(bench.phone.url, async (folder) => {
        const { child, run, done } = start(folder, ['hi']);
        await until('that it waits', () => run.err.includes('Still waiting for its turn'));
        child.kill('SIGINT');
        expect((await done).code).toBe(130);
      }),
    ),
);

// Alone: nothing else may be given the address that has gone.
test('without a running system it says how to start one', async () => {
  const sentence = 'Sidepocket is not running here. Start it with: npm start\n';
  expect(await send(null, 'hi')).toEqual({ code: 1, out: '', err: sentence });
  const gone = await withPhone(async (bench) => bench);
  expect(await send(gone, 'hi')).toEqual({ code: 1, out: '', err: sentence });
});
