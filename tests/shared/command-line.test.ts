import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readArguments } from '../../shared/runtime/command-line.ts';
import { SetupError } from '../../shared/runtime/errors.ts';
import { listen } from '../../shared/runtime/http/listen.ts';
import { openHttpServer } from '../../worker/process/http.ts';
import { runServer } from '../../relay/http/server.ts';

const root = path.join(import.meta.dirname, '..', '..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

const options = {
  seed: { type: 'string', short: 's' },
  keep: { type: 'boolean', short: 'k' },
} as const;

test.each([
  [['--loud'], 'There is no option --loud.'],
  [['--loud=1'], 'There is no option --loud.'],
  [['-x'], 'There is no option -x.'],
  [['extra'], '“extra” is not an option; this command takes only options.'],
  [['--seed'], '--seed needs a value.'],
  [['--seed', '--keep'], '--seed needs a value.'],
  [['-s', '-1'], '-s needs a value.'],
  [['--keep=1'], '--keep takes no value.'],
])('a wrong command line %j is one sentence', (args, sentence) => {
  expect(() => readArguments(args, options)).toThrow(sentence);
});

test('what is right is read', () => {
  const { values } = readArguments(['--seed=-1', '-k'], options);
  expect(values).toEqual({ seed: '-1', keep: true });
  const { positionals } = readArguments(['hello', 'there'], options, { positionals: true });
  expect(positionals).toEqual(['hello', 'there']);
});

/** The scripts of ours that start a program, with its file. */
const programs = Object.entries(
  (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts,
).flatMap(([script, line]): [string, string][] => {
  const file = /\bnode (?:--\S+ )*(\S+\.ts)/.exec(line)?.[1];
  return file === undefined ? [] : [[script, file]];
});

test('every script that starts a program of ours has help, with the way to call it and its exit codes', () => {
  expect(programs.length).toBeGreaterThan(12);
  for (const [script, file] of programs) {
    const imported = [...read(file).matchAll(/from '(\.\/[\w/-]*options\.ts)'/g)].map(
      ([, name = '']) => read(path.join(path.dirname(file), name)),
    );
    const text = [read(file), ...imported].join('\n');
    expect(text, `${script}: ${file}`).toMatch(/\b(?:readArguments|refuseArguments)\(/);
    expect(text, `${script}: ${file}`).toContain(
      script === 'start' ? 'npm start' : `\n  npm run ${script}`,
    );
    expect(text, `${script}: ${file}`).toMatch(/Exit codes: 0 /);
  }
});

type Ran = { code: number | null; out: string; err: string };

/** Runs a program with these arguments and no variables. */
async function run(file: string, ...args: string[]): Promise<Ran> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file, ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ran: Ran = { code: null, out: '', err: '' };
  child.stdout.on('data', (chunk) => (ran.out += chunk));
  child.stderr.on('data', (chunk) => (ran.err += chunk));
  return new Promise((resolve) => child.once('close', (code) => resolve({ ...ran, code })));
}

test.concurrent.each([
  ['npm start', 'simulator/main.ts'],
  ['npm run relay', 'relay/main.ts'],
  ['npm run worker', 'worker/main.ts'],
])(
  '%s shows its help, and starts nothing for an option that it does not have',
  async (command, file) => {
    const [help, wrong] = await Promise.all([run(file, '--help'), run(file, '--loud')]);
    expect(help).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining(`\n  ${command}`),
    });
    expect(wrong).toEqual({
      code: 2,
      out: '',
      err: `There is no option --loud.\nSee: ${command} -- --help\n`,
    });
  },
);

test('a busy port and an address of another machine are a sentence that says what to set', async () => {
  const busy = createServer();
  const port = await listen(busy, { port: 0, host: '127.0.0.1' });
  try {
    const sentence = `Port ${port} is in use by another program. End that program, or set PORT to another port.`;
    const place = { port, host: '127.0.0.1' };
    const taken = new SetupError(sentence);
    await expect(listen(createServer(), place)).rejects.toThrow(taken);
    const worker = openHttpServer({ ...place, secret: undefined, onWake: () => undefined });
    await expect(worker).rejects.toThrow(taken);
    const unsignedRateLimit = {
      turnsAway: () => false,
      trusts: () => true,
      noteWrong: () => undefined,
      trustsConnection: () => true,
    };
    const relay = runServer({ ...place, listener: () => undefined, unsignedRateLimit });
    await expect(relay).rejects.toThrow(taken);
    await expect(listen(createServer(), { port: 0, host: '203.0.113.1' })).rejects.toThrow(
      new SetupError('HOST: this machine does not have the address 203.0.113.1.'),
    );
  } finally {
    busy.close();
  }
});
