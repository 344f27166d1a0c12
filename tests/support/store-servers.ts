import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../simulator/free-port.ts';
import { until } from './until.ts';

const run = promisify(execFile);

/** An address for SNAPSHOT_REPOSITORY, and the variables that open it. */
export type StoreServer = { repository: string; environment: Record<string, string> };

/** Starts a server with a directory for its data, for as long as `use` takes. */
async function withServer(
  command: (port: number, directory: string) => string[],
  use: (port: number) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'sidepocket-store-'));
  const port = await freePort(0);
  const [program = '', ...args] = command(port, directory);
  const server = spawn(program, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => void server.once('close', resolve));
  try {
    await until('the server', () =>
      fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false,
      ),
    );
    await use(port);
  } finally {
    server.kill('SIGKILL');
    await ended;
    await rm(directory, { recursive: true, force: true });
  }
}

/** A REST server of restic's protocol. */
export async function withRestServer(use: (store: StoreServer) => Promise<void>): Promise<void> {
  await withServer(
    (port, directory) => ['rclone', 'serve', 'restic', '--addr', `127.0.0.1:${port}`, directory],
    (port) => use({ repository: `rest:http://127.0.0.1:${port}`, environment: {} }),
  );
}

/** The S3 server from npm: no dependency of the project, since nothing else needs it. */
const s3Server = { name: '@20minutes/s3rver', version: '5.0.0' };
const s3Key = 'S3RVER';

/**
 * Its signatures are not compared: restic signs the bucket's path with a slash, which that server
 * does not expect.
 */
const s3Script = `
const { default: S3rver } = await import(process.argv[1]);
await new S3rver({ address: '127.0.0.1', port: Number(process.argv[2]), directory: process.argv[3],
  silent: true, allowMismatchedSignatures: true }).run();`;

/** Installs the S3 server beside the project's caches. Throws when npm cannot be reached. */
export async function installS3Server(): Promise<string> {
  const { name, version } = s3Server;
  const place = path.join(import.meta.dirname, `../../node_modules/.cache/s3-server-${version}`);
  const entry = path.join(place, 'node_modules', name, 'lib/s3rver.js');
  if (existsSync(entry)) return entry;
  // Whole or not at all: another run may be at it, and a kill may come.
  const staging = `${place}.${process.pid}`;
  try {
    await mkdir(staging, { recursive: true });
    const args = ['install', '--prefix', staging, '--no-save', '--no-audit', '--ignore-scripts'];
    await run('npm', [...args, '--fetch-retries=0', `${name}@${version}`], { timeout: 120_000 });
    await run('mv', ['-T', staging, place]).catch((error: unknown) => {
      if (!existsSync(entry)) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return entry;
}

/** An S3 server, whose bucket restic makes. */
export async function withS3Server(
  entry: string,
  use: (store: StoreServer) => Promise<void>,
): Promise<void> {
  await withServer(
    (port, directory) => [
      process.execPath,
      '--input-type=module',
      '--eval',
      s3Script,
      entry,
      String(port),
      directory,
    ],
    (port) =>
      use({
        repository: `s3:http://127.0.0.1:${port}/homes`,
        environment: { SNAPSHOT_KEY_ID: s3Key, SNAPSHOT_KEY_SECRET: s3Key },
      }),
  );
}
