import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compiledDirectory } from '../../shared/runtime/compile-cache.ts';
import { runTwin } from '../../simulator/twilio/twin.ts';
import type { Twin, TwinOptions } from '../../simulator/twilio/twin.ts';
import type { FlyState } from './fake-fly.ts';
import { runFlyProgram } from './fly-program.ts';

export const root = path.join(import.meta.dirname, '..', '..');

/** What stands where the deployed relay, the VM's wake address and the model's API would. */
export type Outside = {
  url: string;
  /** Whether the relay answers, and reaches Redis. */
  relay: { alive: boolean; ready: boolean };
  /** The bearer tokens that the wake address was called with; it takes any. */
  wakes: (string | undefined)[];
  /** The keys that the model's API accepts. */
  modelKeys: Set<string>;
};

export type FlyBench = {
  twin: Twin;
  outside: Outside;
  /** Values of an owner's .env, with a secret in each that is one. */
  owner: Record<string, string>;
  /** The account on Fly. */
  fly: FlyState;
  /** With it the program fly is the fake one. */
  environment: Record<string, string>;
  /**
   * Runs one of the commands with the fake fly on the PATH and nothing else from here in its
   * environment.
   */
  run(
    entry: string,
    args: string[],
    environment?: Record<string, string>,
  ): Promise<{ code: number; output: string }>;
};

/**
 * A machine with a fake fly, a Twilio twin and something to answer in the place of what is
 * deployed, for as long as `test` takes.
 */
export async function withFly(
  options: Partial<TwinOptions>,
  test: (bench: FlyBench) => Promise<void>,
): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-fly-'));
  const { outside, stop } = await runOutside();
  const account = {
    accountSid: `AC${'2'.repeat(32)}`,
    authToken: 'secret-auth-token',
    number: '+15550100000',
  };
  const twin = await runTwin({
    ...account,
    phones: ['+15551230001'],
    webhookUrl: 'https://old.example.com/hook',
    pace: { sentMs: 5, deliveredMs: 10, readMs: 0 },
    ...options,
  });
  const program = await runFlyProgram(dir);
  outside.modelKeys.add('secret-model-key');
  const environment = { PATH: `${program.directory}:${process.env['PATH'] ?? ''}`, HOME: dir };
  try {
    await test({
      twin,
      outside,
      environment,
      fly: program.state,
      owner: {
        TWILIO_ACCOUNT_SID: account.accountSid,
        TWILIO_AUTH_TOKEN: account.authToken,
        TWILIO_WHATSAPP_NUMBER: options.number ?? account.number,
        ALLOWED_SENDERS: '+15551230001',
        ANTHROPIC_API_KEY: 'secret-model-key',
        GITHUB_TOKEN: 'secret-github-token',
        ANTHROPIC_BASE_URL: outside.url,
        TWILIO_API_URL: twin.url,
      },
      run: async (entry, args, further = {}) =>
        await runEntry(entry, args, dir, { ...environment, ...further }),
    });
  } finally {
    await program.stop();
    await twin.stop();
    await stop();
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Runs an entry point with no terminal, in a directory without a .env, until it ends. */
export async function runEntry(
  entry: string,
  args: string[],
  directory: string,
  environment: Record<string, string>,
): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [path.join(root, entry), ...args], {
    cwd: directory,
    env: { NODE_COMPILE_CACHE: compiledDirectory, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => void child.once('close', resolve));
  return { code: code ?? -1, output };
}

async function runOutside(): Promise<{ outside: Outside; stop: () => Promise<void> }> {
  const outside: Outside = {
    url: '',
    relay: { alive: true, ready: true },
    wakes: [],
    modelKeys: new Set(),
  };
  const answer = (request: IncomingMessage): number => {
    switch (new URL(request.url ?? '/', 'http://x').pathname) {
      case '/health':
        return outside.relay.alive ? 200 : 502;
      case '/ready':
        return outside.relay.ready ? 200 : 503;
      case '/wake':
        return (outside.wakes.push(request.headers.authorization), 204);
      case '/v1/models':
        return outside.modelKeys.has(String(request.headers['x-api-key'])) ? 200 : 401;
      default:
        return 404;
    }
  };
  const server = createServer((request, response) => {
    const status = answer(request);
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(status === 204 ? undefined : JSON.stringify({ status: status === 200 ? 'ok' : 'away' }));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  outside.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    outside,
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
