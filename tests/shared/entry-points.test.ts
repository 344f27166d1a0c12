import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parseRelayConfig } from '../../relay/config.ts';
import { parseWorkerConfig } from '../../worker/config.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { freePort } from '../../simulator/free-port.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

const root = path.join(import.meta.dirname, '..', '..');

type Ran = {
  pid: number;
  output: { stdout: string; stderr: string };
  signal: (name: NodeJS.Signals) => void;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
};

/**
 * Runs an entry point with this environment and nothing else for as long as `use` takes; it is
 * killed at the end.
 */
async function withEntry(
  entry: string,
  environment: Record<string, string>,
  use: (ran: Ran) => Promise<void>,
): Promise<void> {
  const child = spawn(process.execPath, [path.join(root, entry)], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const exited = once(child, 'close').then(([code, signal]: unknown[]) => ({
    code: typeof code === 'number' ? code : null,
    signal: (signal ?? null) as NodeJS.Signals | null,
  }));
  try {
    await use({ pid: child.pid ?? 0, output, signal: (name) => void child.kill(name), exited });
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  }
}

const broken = {
  PORT: '99999',
  PUBLIC_URL: 'relay.example.com',
  REDIS_URL: 'http://topsecret@redis',
  TWILIO_ACCOUNT_SID: 'topsecret-sid',
  TWILIO_AUTH_TOKEN: '  ',
  TWILIO_WHATSAPP_NUMBER: '12 topsecret',
  TWILIO_API_URL: 'ftp://topsecret',
  LOG_LEVEL: 'loud',
};

test.each([
  [
    'relay/main.ts',
    { ALLOWED_SENDERS: 'topsecret,+15551230001', TWILIO_TEMPLATE_SID: 'topsecret' },
  ],
  ['worker/main.ts', { STOP_SECONDS: 'topsecret', WORKER_ID: 'top secret' }],
] as const)(
  '%s names every problem of a broken environment at once, shows no value, and exits 1 before it listens',
  async (entry, own) => {
    const environment = { ...broken, ...own };
    await withEntry(entry, environment, async ({ output, exited }) => {
      expect(await exited).toEqual({ code: 1, signal: null });
      const named = output.stderr
        .split('\n')
        .flatMap((line) => /^ {2}([A-Z_]+): \S/.exec(line)?.[1] ?? []);
      expect(named.sort()).toEqual(
        [
          ...Object.keys(environment),
          ...(entry.startsWith('worker') ? ['ANTHROPIC_API_KEY'] : []),
        ].sort(),
      );
      expect(output.stderr).toContain('TWILIO_AUTH_TOKEN: is missing');
      expect(output.stderr).not.toContain('    at ');
      expect(output.stdout + output.stderr).not.toMatch(/top ?secret|listens|is ready/);
    });
  },
);

test.each([
  ['relay', parseRelayConfig, 'ALLOWED_SENDERS'],
  ['worker', parseWorkerConfig, 'ANTHROPIC_API_KEY'],
] as const)('the %s without any environment names what it demands', (_what, parse, own) => {
  const common = [
    'PUBLIC_URL',
    'REDIS_URL',
    'TWILIO_ACCOUNT_SID',
    'TWILIO_AUTH_TOKEN',
    'TWILIO_WHATSAPP_NUMBER',
  ];
  for (const name of [...common, own]) expect(() => parse({})).toThrow(`${name}: is missing`);
});

/** Every variable of the contract, for both processes alike. */
function everything(environment: Record<string, string>, port: number): Record<string, string> {
  return {
    ...environment,
    PORT: String(port),
    ALLOWED_SENDERS: ` ${phone} , +15551230002,`,
    TWILIO_WHATSAPP_NUMBER: `whatsapp:${environment['TWILIO_WHATSAPP_NUMBER'] ?? ''}`,
    ANTHROPIC_API_KEY: 'key',
    CLAUDE_CODE_OAUTH_TOKEN: 'token',
    ANTHROPIC_BASE_URL: 'http://127.0.0.1:1',
    ANTHROPIC_MODEL: 'model',
    GITHUB_TOKEN: 'token',
    IMAGES_DIR: path.join(environment['DATA_DIR'] ?? '', 'images'),
    ADMIN_PASSWORD: 'word',
    CHROMIUM_PATH: '/usr/bin/chromium',
    LOG_LEVEL: 'info',
    HOME: environment['DATA_DIR'] ?? '',
  };
}

/** A request whose body is still to come. */
const unfinished = [
  'POST /webhook HTTP/1.1',
  'Host: x',
  'Content-Type: application/x-www-form-urlencoded',
  'Content-Length: 3',
  'Expect: 100-continue',
  '\r\n',
].join('\r\n');

const isHealthy = async (port: number): Promise<boolean> =>
  (await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined))?.status === 200;

/** The command lines of a process's children. */
function childrenOf(pid: number): string[] {
  const ids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return ids
    .filter((id) => id !== '' && existsSync(`/proc/${id}`))
    .map((id) => readFileSync(`/proc/${id}/cmdline`, 'utf8'));
}

/** Waits for the guard of a process's event loop, where its children are to be seen. */
async function expectGuard(pid: number): Promise<void> {
  if (!existsSync('/proc/self/task')) return;
  await until('its guard', () =>
    childrenOf(pid).some((command) => command.includes('event-loop-guard.sh')),
  );
}

test(
  'the worker takes the whole list of variables, runs, and exits 0 at SIGTERM',
  { tags: 'long' },
  async () => {
    await withPipeline({ relay: false }, async ({ environment }) => {
      const port = await freePort(0);
      await withEntry(
        'worker/main.ts',
        everything(environment, port),
        async ({ pid, output, signal, exited }) => {
          await until(`the worker is healthy: ${output.stderr}`, () => isHealthy(port));
          await expectGuard(pid);
          signal('SIGTERM');
          expect(await exited, `after ${output.stdout}${output.stderr}`).toEqual({
            code: 0,
            signal: null,
          });
          expect(output.stderr).toBe('');
        },
      );
    });
  },
);

test(
  'so does the relay, and it answers what it has begun before it goes; a second signal ends it at once',
  { tags: 'long' },
  async () => {
    await withPipeline({ relay: false }, async ({ environment }) => {
      const port = await freePort(0);
      await withEntry(
        'relay/main.ts',
        everything(environment, port),
        async ({ pid, output, signal, exited }) => {
          await until(`the relay is healthy: ${output.stderr}`, () => isHealthy(port));
          await expectGuard(pid);
          const socket = connect(port, '127.0.0.1');
          socket.on('error', () => undefined);
          let answer = '';
          socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
          socket.write(unfinished);
          await until('the relay reads the body', () => answer.includes('100 Continue'));
          signal('SIGTERM');
          await until('the relay stops', () => output.stdout.includes('"stopping"'));
          await until('it takes no new connection', async () => !(await isHealthy(port)));
          socket.write('a=1');
          await until('the answer', () => answer.includes('403 Forbidden'));
          socket.destroy();
          expect(await exited, `after ${output.stdout}${output.stderr}`).toEqual({
            code: 0,
            signal: null,
          });
          expect(output.stderr).toBe('');
        },
      );
      await withEntry(
        'relay/main.ts',
        everything(environment, port),
        async ({ output, signal, exited }) => {
          await until('the relay is healthy', () => isHealthy(port));
          const socket = connect(port, '127.0.0.1');
          socket.on('error', () => undefined);
          socket.write(unfinished);
          await once(socket, 'data');
          signal('SIGTERM');
          await until('the relay stops', () => output.stdout.includes('"stopping"'));
          const start = performance.now();
          signal('SIGINT');
          expect((await exited).code).toBe(130);
          expect(performance.now() - start).toBeLessThan(scaled(2000));
          socket.destroy();
        },
      );
    });
  },
);

test(
  'a worker whose stop takes long, since Redis is frozen, ends at once at a second signal',
  { tags: 'long' },
  async () => {
    await withPipeline({ relay: false }, async ({ environment, redisServer }) => {
      const port = await freePort(0);
      await withEntry(
        'worker/main.ts',
        everything(environment, port),
        async ({ output, signal, exited }) => {
          await until('the worker is healthy', () => isHealthy(port));
          process.kill(redisServer.pid, 'SIGSTOP');
          try {
            signal('SIGTERM');
            await until('the worker stops', () => output.stdout.includes('"stopping"'));
            signal('SIGTERM');
            expect((await exited).code).toBe(130);
          } finally {
            process.kill(redisServer.pid, 'SIGCONT');
          }
        },
      );
    });
  },
);

test('the relay starts and answers while Redis is away', { tags: 'long' }, async () => {
  await withPipeline({ relay: false }, async ({ environment }) => {
    const [port, nobody] = [await freePort(0), await freePort(0)];
    await withEntry(
      'relay/main.ts',
      { ...everything(environment, port), REDIS_URL: `redis://127.0.0.1:${nobody}` },
      async ({ output, signal, exited }) => {
        await until(`the relay is healthy: ${output.stderr}`, () => isHealthy(port));
        expect((await fetch(`http://127.0.0.1:${port}/ready`)).status).toBe(503);
        signal('SIGTERM');
        expect((await exited).code, `after ${output.stdout}`).toBe(0);
      },
    );
  });
});
