import { access, chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseWorkerConfig } from '../../../worker/config.ts';
import { splitCommand } from '../../../worker/media/program.ts';
import { createCommandTranscriber } from '../../../worker/media/transcriber-command.ts';
import {
  createServiceTranscriber,
  transcriptionsAddress,
} from '../../../worker/media/transcriber-service.ts';
import { createTranscriber } from '../../../worker/media/transcriber.ts';
import { withTranscriptionService } from '../../support/transcription-service.ts';
import { until } from '../../support/until.ts';

const never = new AbortController().signal;
const bytes = Buffer.from('OggS\0\x02 a voice OpusHead', 'latin1');
const voice = { bytes, name: 'voice.ogg', type: 'audio/ogg' };

/** A directory, and what writes a program there. */
async function workshop(): Promise<{ dir: string; program: (script: string) => Promise<string> }> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket transcriber-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return {
    dir,
    async program(script) {
      const file = path.join(dir, 'transcribe it');
      await writeFile(file, `#!/bin/sh\n${script}\n`);
      await chmod(file, 0o755);
      return `"${file}"`;
    },
  };
}

test('a service gets the file, the model and the key, and its text comes back', async () => {
  await withTranscriptionService(async (service) => {
    service.answer = () => ({
      status: 200,
      body: JSON.stringify({ text: ' Look at the\nlogin page. ', usage: {} }),
    });
    const transcribe = createTranscriber(
      { TRANSCRIBE_URL: service.url, TRANSCRIBE_MODEL: 'whisper-1', TRANSCRIBE_API_KEY: 'sk-key' },
      {},
    );
    expect(await transcribe?.(voice, never)).toBe('Look at the login page.');
    expect(service.asked).toEqual([
      {
        path: '/v1/audio/transcriptions',
        authorization: 'Bearer sk-key',
        model: 'whisper-1',
        format: 'json',
        file: { name: 'voice.ogg', type: 'audio/ogg', bytes },
      },
    ]);
    await createServiceTranscriber({ url: service.url, model: 'm', apiKey: undefined })(
      voice,
      never,
    );
    expect(service.asked[1]).toMatchObject({ authorization: undefined, model: 'm' });
  });
});

test('what goes wrong at a service is said in a plain clause', async () => {
  await withTranscriptionService(async (service) => {
    const settings = { url: service.url, model: 'm', apiKey: undefined };
    const transcribe = createServiceTranscriber(settings);
    const outcomes: [() => ReturnType<typeof service.answer>, string][] = [
      [
        () => ({ status: 401, body: '{"error":{"message":"Incorrect API key provided: sk-…"}}' }),
        'the transcriber refused it (error 401)',
      ],
      [() => ({ status: 200, body: '<html>' }), 'the transcriber’s answer makes no sense'],
      [
        () => ({ status: 200, body: `{"text":"${'a '.repeat(600_000)}"}` }),
        'the transcriber’s answer is too large',
      ],
      [() => ({ status: 200, body: '{"text":" "}' }), 'there are no words in it'],
    ];
    for (const [answer, words] of outcomes) {
      service.answer = answer;
      await expect(transcribe(voice, never)).rejects.toThrow(words);
    }
    service.answer = () => new Promise(() => undefined);
    await expect(
      createServiceTranscriber({ ...settings, patienceMs: 300 })(voice, never),
    ).rejects.toThrow('the transcriber took too long');
    const stop = new AbortController();
    const stopped = createServiceTranscriber({ url: service.url, model: 'm', apiKey: undefined })(
      voice,
      stop.signal,
    );
    stop.abort(new Error('stopped'));
    await expect(stopped).rejects.toThrow('stopped');
  });
  await expect(
    createServiceTranscriber({ url: 'http://127.0.0.1:9', model: 'm', apiKey: undefined })(
      voice,
      never,
    ),
  ).rejects.toThrow('the transcriber cannot be reached');
});

test.each([
  ['https://api.openai.com', 'https://api.openai.com/v1/audio/transcriptions'],
  ['http://whisper:9000/v1', 'http://whisper:9000/v1/audio/transcriptions'],
  ['https://api.groq.com/openai', 'https://api.groq.com/openai/v1/audio/transcriptions'],
  ['http://whisper/audio/transcriptions', 'http://whisper/audio/transcriptions'],
])('the address %s', (url, address) => {
  expect(transcriptionsAddress(url)).toBe(address);
});

test('a command gets the path last or in its place, sees no secret, and what it prints is the text', async () => {
  const { program } = await workshop();
  const command = await program(
    'echo "$1 | $(basename "$2") | $SECRET | $(cat "$2" | wc -c | tr -d " ")"',
  );
  const host = { PATH: process.env['PATH'], SECRET: 'sk-secret' };
  expect(
    await createTranscriber(
      { TRANSCRIBE_MODEL: 'm', TRANSCRIBE_COMMAND: `${command} --quick` },
      host,
    )?.(voice, never),
  ).toBe(`--quick | voice.ogg | | ${bytes.byteLength}`);
  const other = await program('echo "$1"');
  const printed = await createTranscriber(
    { TRANSCRIBE_MODEL: 'm', TRANSCRIBE_COMMAND: `${other} -f={file} --quick` },
    host,
  )?.(voice, never);
  expect(printed).toMatch(/^-f=\/.*\/voice\.ogg$/);
  // Nobody's voice is left lying about.
  await expect(access(printed?.slice(3) ?? '')).rejects.toThrow('ENOENT');
  expect(createTranscriber({ TRANSCRIBE_MODEL: 'm' }, host)).toBeUndefined();
});

test('no shell reads the command', () => {
  expect(splitCommand(`whisper-cli -m "/models/base en.bin" --prompt='a "b"' $HOME; rm x`)).toEqual(
    ['whisper-cli', '-m', '/models/base en.bin', '--prompt=a "b"', '$HOME;', 'rm', 'x'],
  );
});

test('a command that fails, prints nothing, is missing or hangs is given up with all it has started', async () => {
  const { dir, program } = await workshop();
  const run = async (script: string, patienceMs?: number) =>
    createCommandTranscriber({
      command: await program(script),
      environment: { PATH: process.env['PATH'] ?? '' },
      ...(patienceMs === undefined ? {} : { patienceMs }),
    })(voice, never);
  await expect(run('echo half; exit 3')).rejects.toThrow('the transcriber failed');
  await expect(run('true')).rejects.toThrow('there are no words in it');
  await expect(
    createCommandTranscriber({ command: '/no/such/program', environment: {} })(voice, never),
  ).rejects.toThrow('the transcriber could not be started');
  const pidFile = path.join(dir, 'pid');
  await expect(run(`sleep 300 & echo $! > "${pidFile}"; wait`, 1500)).rejects.toThrow(
    'the transcriber took too long',
  );
  const left = Number(await readFile(pidFile, 'utf8'));
  await until('the end of what it had started', () => !isAlive(left));
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('one way of transcribing is set up, not two', () => {
  expect(() =>
    parseWorkerConfig({ TRANSCRIBE_URL: 'http://whisper', TRANSCRIBE_COMMAND: 'whisper' }),
  ).toThrow('TRANSCRIBE_COMMAND: cannot be set together with TRANSCRIBE_URL');
  expect(() => parseWorkerConfig({ TRANSCRIBE_URL: 'whisper' })).toThrow(
    'TRANSCRIBE_URL: must be an http(s) address',
  );
});
