import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { chooseWithdrawn } from '../../shared/runtime/withdrawn-environment.ts';
import { freePort } from '../../simulator/free-port.ts';
import { withPipeline } from '../support/pipeline.ts';
import { freeUid } from '../support/free-uid.ts';
import { until } from '../support/until.ts';

const root = path.join(import.meta.dirname, '..', '..');
const isRoot = process.platform === 'linux' && process.getuid?.() === 0;

test.each<{ name: string; environment: Record<string, string>; gone: string[] }>([
  { name: 'nothing secret', environment: { PATH: '/bin', DATA_DIR: '/data' }, gone: [] },
  {
    name: 'a token beside others',
    environment: { PATH: '/bin', HOME: '/h', DATA_DIR: '/data', TWILIO_AUTH_TOKEN: 'x' },
    gone: ['DATA_DIR', 'TWILIO_AUTH_TOKEN'],
  },
  {
    name: 'a password in an address',
    environment: { LANG: 'C', REDIS_URL: 'redis://default:word@here' },
    gone: ['REDIS_URL'],
  },
  {
    name: 'a secret by a name like a system’s',
    environment: { NODE_OPTIONS: '', NODE_AUTH_TOKEN: 'x', FLY_API_TOKEN: 'y', FLY_REGION: 'iad' },
    gone: ['FLY_API_TOKEN', 'NODE_AUTH_TOKEN'],
  },
  {
    name: 'headers for a collector',
    environment: {
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=x',
      LC_ALL: 'C',
      LD_LIBRARY_PATH: '/lib',
    },
    gone: ['OTEL_EXPORTER_OTLP_HEADERS'],
  },
  {
    name: 'a proxy that Node reads first',
    environment: { HTTPS_PROXY: 'http://user:word@proxy', ADMIN_PASSWORD: 'x' },
    gone: ['ADMIN_PASSWORD'],
  },
])('of an environment with $name goes what has to', ({ environment, gone }) => {
  expect(Object.keys(chooseWithdrawn(environment)).sort()).toEqual(gone);
});

test.skipIf(process.platform !== 'linux')(
  'a program starts anew in place: the same id, arguments, options and output, any value, and its exit code',
  async () => {
    const secret = 'quote " back ` dollar $HOME \\ é 🌱\nEND\nline';
    const program = `
    import { withdrawEnvironment } from ${JSON.stringify(path.join(root, 'shared', 'runtime', 'withdrawn-environment.ts'))};
    import { readFileSync } from 'node:fs';
    withdrawEnvironment(process.env);
    process.stdin.once('data', (said) => {
      console.log(JSON.stringify({ pid: process.pid, secret: process.env.A_SECRET, long: process.env.LONG.length, argv: process.argv.slice(1), options: process.execArgv, shown: readFileSync('/proc/self/environ', 'utf8'), said: String(said) }));
      process.exit(7);
    });`;
    const child = spawn(
      process.execPath,
      ['--disable-warning=X', '--input-type=module', '--eval', program, 'one', 'two words'],
      {
        env: { PATH: process.env['PATH'], A_SECRET: secret, LONG: 'x'.repeat(120_000) },
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
    child.stdin.write('hello');
    expect(await once(child, 'close')).toEqual([7, null]);
    const told: unknown = JSON.parse(output.join(''));
    expect(told).toMatchObject({
      pid: child.pid,
      secret,
      long: 120_000,
      argv: ['one', 'two words'],
      said: 'hello',
    });
    expect(told).toMatchObject({
      options: expect.arrayContaining(['--disable-warning=X']),
      shown: expect.not.stringMatching(/A_SECRET|quote|xxxx/),
    });
  },
);

test.skipIf(!isRoot)(
  `no secret is in what /proc shows of a worker or a relay, as root and as a plain user${isRoot ? '' : ' (not here: needs Linux and root)'}`,
  { tags: 'long' },
  async () => {
    const secrets = [
      'twilio-secret',
      'model-secret',
      'wake-secret',
      'transcriber-secret',
      'github_secret',
      'admin-secret',
    ];
    await withPipeline({ relay: false }, async ({ environment, dataDir }) => {
      const given = {
        ...environment,
        TWILIO_AUTH_TOKEN: 'twilio-secret',
        ANTHROPIC_API_KEY: 'model-secret',
        WAKE_SECRET: 'wake-secret',
        TRANSCRIBE_API_KEY: 'transcriber-secret',
        GITHUB_TOKEN: 'github_secret',
        ADMIN_PASSWORD: 'admin-secret',
      };
      const uid = freeUid();
      const plainDir = `${dataDir}-plain`;
      await mkdir(plainDir);
      await chown(plainDir, uid, uid);
      const starts = [
        { entry: 'worker/main.ts', user: 0 },
        { entry: 'worker/main.ts', user: uid },
        { entry: 'relay/main.ts', user: uid },
      ];
      // All of them end before the test does, also when one fails.
      const outcomes = await Promise.allSettled(
        starts.map(async ({ entry, user }) => {
          const port = await freePort(0);
          const env = {
            PATH: process.env['PATH'],
            HOME: '/',
            ...given,
            PORT: String(port),
            WORKER_ID: `w${user}`,
            DATA_DIR: user === 0 ? dataDir : plainDir,
          };
          const child = spawn(process.execPath, [path.join(root, entry)], {
            cwd: '/',
            env,
            uid: user,
            gid: user,
            stdio: 'ignore',
          });
          const ended = once(child, 'close');
          try {
            await until(
              `${entry} as ${user}`,
              async () =>
                (await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined))?.ok,
              60_000,
            );
            const shown = await readFile(`/proc/${child.pid ?? 0}/environ`, 'latin1');
            expect(shown).toContain('PATH=');
            expect(
              secrets.filter((secret) => shown.includes(secret)),
              `${entry} as ${user}`,
            ).toEqual([]);
            child.kill('SIGTERM');
            expect(await ended).toEqual([0, null]);
          } finally {
            child.kill('SIGKILL');
            await ended;
          }
        }),
      );
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
    });
  },
);
