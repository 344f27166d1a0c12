import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createHomeSnapshots } from '../../shared/store/home-snapshots.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { createHomes } from '../../worker/agent/homes/homes.ts';
import { createNotes } from '../../worker/snapshots/notes.ts';
import { createPlace } from '../../worker/snapshots/place.ts';
import { finishSwap } from '../../worker/snapshots/restore.ts';
import { runEntry } from '../support/fly-bench.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { isInstalled, noRestic, withSnapshotBench } from '../support/snapshot-bench.ts';
import { installS3Server, withRestServer, withS3Server } from '../support/store-servers.ts';
import type { StoreServer } from '../support/store-servers.ts';
import { until } from '../support/until.ts';

const noon = Date.UTC(2026, 10, 30, 12);
const main = path.join(import.meta.dirname, '..', 'support', 'killed-snapshots-main.ts');

/** Why tests that need rclone are left out here; '' where they run. */
const noRclone = noRestic || (isInstalled('rclone') ? '' : ' (not here: rclone is not installed)');

/** The commands of docs/operations.md below a heading in bold letters. */
async function documented(heading: string): Promise<string[]> {
  const file = path.join(import.meta.dirname, '..', '..', 'docs', 'operations.md');
  const text = await readFile(file, 'utf8');
  const [, block = ''] =
    new RegExp(`\\*\\*${heading}[^]*?\`\`\`sh\\n([^]*?)\`\`\``).exec(text) ?? [];
  return block.split('\n').flatMap((line) => line.replace(/\s+#.*$/, '').trim() || []);
}

/** Saves a person's files there, spoils them, and brings them back by the documented commands. */
async function restoreByCommands({ repository, environment }: StoreServer): Promise<void> {
  await withPipeline({}, async ({ redis, redisServer, dataDir, say, replies, startWorker }) => {
    const disk = path.join(path.dirname(dataDir), 'disk');
    const password = 'a password of the test';
    await startWorker({
      snapshots: { quietMs: 1, apartMs: 1, overdueMs: 1e9, againMs: [100] },
      environment: {
        DATA_DIR: disk,
        SNAPSHOT_REPOSITORY: repository,
        SNAPSHOT_PASSWORD: password,
        ...environment,
      },
    });
    const person = await createPeopleStore(redis).idOf(phone);
    const file = path.join(disk, 'people', person, 'home', 'kept');
    const answered = async (text: string): Promise<void> => {
      await say(text);
      await until(`the answer to ${text}`, () =>
        replies().some((reply) => reply.text === `answer to ${text}`),
      );
    };
    const snapshotAfter = async (at: number): Promise<number> =>
      await until('a snapshot', async () => {
        const last = await createHomeSnapshots(redis).last(person);
        return last && last.at > at ? last.at : undefined;
      });
    await answered('one');
    const first = await snapshotAfter(0);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, 'saved');
    await answered('two');
    const second = await snapshotAfter(first);
    await writeFile(file, 'spoilt');

    const commands = await documented('Restoring one person');
    expect(commands).toHaveLength(3);
    const outputs: string[] = [];
    const found: string[] = [];
    for (const command of commands) {
      const words = command
        .replace('npm run people -- ', '')
        .replace('+15551230001', phone)
        .replace(/(?<=--before ).*/, new Date(second + 1000).toISOString())
        .split(' ');
      const { code, output } = await runEntry('relay/people/main.ts', words, tmpdir(), {
        PATH: process.env['PATH'] ?? '',
        REDIS_URL: redisServer.url,
      });
      expect([command, code]).toEqual([command, 0]);
      outputs.push(output);
      found.push(await readFile(file, 'utf8'));
      await writeFile(file, 'spoilt');
    }
    expect(found).toEqual(['spoilt', 'saved', 'saved']);
    const moment = new Date(second).toISOString();
    expect(outputs[0]).toContain(`The last snapshot is of ${moment}`);
    expect(outputs[2]).toContain(`Done: restored from ${moment}.`);

    const byHand = (await documented('By hand')).join('\n');
    const shell = spawn(
      'sh',
      [
        '-euc',
        byHand.replaceAll(/p-[0-9a-f]{20}/g, person).replaceAll(`/${person}`, `/${person}/`),
      ],
      {
        env: {
          PATH: process.env['PATH'],
          HOME: path.dirname(disk),
          SNAPSHOT_REPOSITORY: repository,
          SNAPSHOT_PASSWORD: password,
          SNAPSHOT_KEY_ID: '',
          SNAPSHOT_KEY_SECRET: '',
          ...environment,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let listed = '';
    shell.stdout.on('data', (chunk: Buffer) => (listed += chunk.toString()));
    expect(await new Promise((resolve) => void shell.once('close', resolve))).toBe(0);
    expect(listed.split('\n')).toContain('home/kept');
  });
}

test.skipIf(noRclone !== '')(
  `a person’s files are saved to a REST server, and come back by the documented commands alone${noRclone}`,
  { tags: 'long' },
  async () => {
    await withRestServer(restoreByCommands);
  },
);

test.skipIf(noRestic !== '')(
  `a person’s files are saved to S3, and come back by the documented commands alone${noRestic}`,
  { tags: 'long' },
  async ({ skip }) => {
    const entry = await installS3Server().catch((error: unknown) =>
      skip(`npm does not give the S3 server: ${String(error).slice(0, 200)}`),
    );
    await withS3Server(entry, restoreByCommands);
  },
);

/** Runs the process until it ends by itself or the time is over (ms). Returns whether it was killed. */
async function killAfter(child: ChildProcess, ms: number): Promise<boolean> {
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  const code = await new Promise<number | null>((resolve) => void child.once('close', resolve));
  clearTimeout(timer);
  if (code !== null && code !== 0) throw new Error(`it ended with ${code}`);
  return code === null;
}

test.skipIf(noRestic !== '')(
  `a worker that is killed at any moment of a snapshot or a restore leaves an old whole one or a new whole one${noRestic}`,
  { tags: 'long' },
  async () => {
    await withSnapshotBench(async ({ directory, store, repository }) => {
      const dataDir = path.join(directory, 'disk');
      const homes = createHomes({ dataDir, imagesDir: path.join(dataDir, 'images') });
      const disk = { place: createPlace(homes), notes: createNotes(dataDir) };
      await disk.notes.prepare();
      const home = await homes.of('p-1');
      const [half, other] = ['a', 'b'].map((name) => path.join(home.directory, 'home', name));
      const write = async (text: string): Promise<void> => {
        await mkdir(path.join(home.directory, 'home'), { recursive: true });
        for (const file of [half, other]) await writeFile(file ?? '', text.repeat(20_000));
      };
      const state = async (): Promise<string> => {
        const texts = await Promise.all([half, other].map((file) => readFile(file ?? '', 'utf8')));
        const [text = ''] = texts;
        return texts.every((one) => one === text && one === text.slice(0, 4).repeat(20_000))
          ? text.slice(0, 4)
          : 'neither';
      };
      const start = (action: string, at: number): ChildProcess =>
        spawn(
          process.execPath,
          [main, action, dataDir, store.repository, store.password, String(at)],
          {
            stdio: ['ignore', 'ignore', 'inherit'],
          },
        );
      await write('s000');
      await killAfter(start('take', noon), 1e9);
      const seen = new Set<string>();
      let rounds = 0;
      for (let isKilled = true; isKilled; rounds += 1) {
        const [at, text] = [noon + (rounds + 1) * 1000, `s${String(rounds + 1).padStart(3, '0')}`];
        await write(text);
        isKilled = await killAfter(start('take', at), rounds * 70);
        const newest = await repository.newest('p-1');
        seen.add(newest?.at === at ? 'a new snapshot' : 'an old snapshot');
        // What counts is whole: it comes back as it was at its moment.
        await write('gone');
        await killAfter(start('restore', 0), 1e9);
        expect(await state()).toBe(
          `s${String(((newest?.at ?? 0) - noon) / 1000).padStart(3, '0')}`,
        );
      }
      const whole = await state();
      for (let isKilled = true, ms = 0; isKilled; ms += 70, rounds += 1) {
        await write('rest');
        isKilled = await killAfter(start('restore', 0), ms);
        await finishSwap(disk, home);
        const now = await state();
        expect(['rest', whole]).toContain(now);
        seen.add(now === whole ? 'a new home' : 'an old home');
        for (const name of await readdir(path.join(dataDir, 'people')))
          if (name.startsWith('.aside-'))
            await rm(path.join(dataDir, 'people', name), { recursive: true });
      }
      expect([...seen].toSorted()).toEqual([
        'a new home',
        'a new snapshot',
        'an old home',
        'an old snapshot',
      ]);
      expect(rounds).toBeGreaterThan(10);
    });
  },
);
