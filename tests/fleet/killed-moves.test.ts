import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createPeopleStore } from '../../shared/store/people.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import type { Child } from '../../simulator/child-process.ts';
import { fileOf } from '../support/fleet-moves.ts';
import { scaled } from '../support/machine-speed.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { beginWorkerProcess, crash, startRelayProcess } from '../support/processes.ts';
import { noRestic } from '../support/snapshot-bench.ts';
import { until } from '../support/until.ts';
import { accept, runWakeAddress } from '../support/wake-address.ts';

const root = path.join(import.meta.dirname, '..', '..');

/** A computer: its worker is a process, which a call to its address starts unless it runs. */
type Computer = { name: string; dataDir: string; kill(): Promise<void> };

async function startComputer(
  pipeline: Pipeline,
  name: string,
  environment: Record<string, string>,
): Promise<Computer> {
  const dataDir = path.join(path.dirname(pipeline.dataDir), name);
  await mkdir(dataDir, { recursive: true });
  let worker: Promise<Child> | undefined;
  const boot = async (): Promise<void> => {
    worker ??= beginWorkerProcess(
      { ...pipeline, dataDir },
      {
        ...environment,
        DATA_DIR: dataDir,
        HOME_NAME: name,
        WORKER_ID: name,
        WAKE_ADDRESS: wake.url,
        WAKE_SECRET: `secret of ${name}`,
      },
    );
    const child = await worker;
    void child.exited.then(() => (worker = undefined));
  };
  const wake = await runWakeAddress(async (_call, response) => {
    await boot();
    accept(response);
  });
  pipeline.atEnd(() => wake.stop());
  await boot();
  const isThere = async () => (await pipeline.redis.sismember(keys.homes, name)) === 1;
  await until(`${name} registers`, isThere);
  return {
    name,
    dataDir,
    async kill() {
      const child = await worker;
      if (child) await crash(child);
    },
  };
}

type Bench = {
  pipeline: Pipeline;
  person: string;
  /** The step of the last move that has begun; undefined before. */
  step(): Promise<string | undefined>;
  restartRelay(): Promise<void>;
};

/** A move, what is killed meanwhile, and when. */
type Kill = {
  what: string;
  during(bench: Bench, sides: { from: Computer; to: Computer; command: ChildProcess }): unknown;
};

const orderOf: Record<string, number> = { asked: 1, held: 2, saved: 3, moved: 4, done: 5 };

/** Waits until a move is at this step or a later one, and then for so long (ms). */
async function at({ step }: Bench, wanted: string, ms = 0): Promise<void> {
  await until(
    wanted,
    async () => (orderOf[(await step()) ?? ''] ?? 0) >= (orderOf[wanted] ?? 0),
    60_000,
    1,
  );
  await sleep(ms);
}

const kills: Kill[] = [
  ...['held', 'saved', 'moved'].map((step) => ({
    what: `the old computer, which has just taken the step ${step}`,
    during: () => undefined,
  })),
  { what: 'the new computer, which has just taken the step done', during: () => undefined },
  ...[0, 300, 900].flatMap((ms): Kill[] => [
    {
      what: `the old computer, ${ms} ms after the move was asked for`,
      during: async (bench, { from }) => (await at(bench, 'asked', ms), await from.kill()),
    },
    {
      what: `the new computer, ${ms} ms after it has got the person`,
      during: async (bench, { to }) => (await at(bench, 'moved', ms), await to.kill()),
    },
  ]),
  {
    what: 'both computers, while the files are saved',
    during: async (bench, { from, to }) => {
      await at(bench, 'held', 200);
      await Promise.all([from.kill(), to.kill()]);
    },
  },
  ...['asked', 'moved'].flatMap((step): Kill[] => [
    {
      what: `the command, at ${step}`,
      during: async (bench, { command }) => (await at(bench, step), command.kill('SIGKILL')),
    },
    {
      what: `the relay, at ${step}`,
      during: async (bench) => (await at(bench, step), await bench.restartRelay()),
    },
  ]),
];

/** The steps after which a worker kills itself, one in each of the first moves. */
const ownKills = ['to two held', 'to one saved', 'to two moved', 'to one done'].join(', ');

test.skipIf(noRestic !== '')(
  `a move whose workers, relay or command are killed at any step is finished: nothing is lost or doubled, and the files are there${noRestic}`,
  { tags: 'long', timeout: scaled(900_000) },
  async () => {
    await withPipeline(
      { relay: false, environment: { WAKE_HOSTS: '127.0.0.1' } },
      async (pipeline) => {
        const { redis, environment, say, replies } = pipeline;
        const place = path.dirname(pipeline.dataDir);
        const shared = {
          SNAPSHOT_REPOSITORY: path.join(place, 'store'),
          SNAPSHOT_PASSWORD: 'a password of the test',
          TEST_TRANSCRIPTS: path.join(place, 'transcripts'),
          TEST_KILL_AT: ownKills,
        };
        let relay = await startRelayProcess(pipeline);
        const one = await startComputer(pipeline, 'one', shared);
        const two = await startComputer(pipeline, 'two', shared);
        const labels: string[] = [];
        const heard = (): string[] => replies().flatMap(({ text }) => text.match(/m\d+\./g) ?? []);
        const tell = async (): Promise<void> => {
          labels.push(`m${labels.length}.`);
          await say(labels.at(-1) ?? '');
        };
        await tell();
        await until('the first answer', () => heard().length > 0);
        const person = await createPeopleStore(redis).idOf(phone);
        let token: string | null = null;
        const bench: Bench = {
          pipeline,
          person,
          async step() {
            const [own, step] = await redis.hmget(keys.move(person), 'token', 'step');
            return own === token ? undefined : (step ?? undefined);
          },
          async restartRelay() {
            await crash(relay);
            relay = await startRelayProcess(pipeline);
          },
        };
        for (const [round, { what, during }] of kills.entries()) {
          const [from, to] = round % 2 === 0 ? [one, two] : [two, one];
          const kept = fileOf(from, person, 'kept');
          await mkdir(path.dirname(kept), { recursive: true });
          await writeFile(kept, `${round}`);
          token = (await redis.hget(keys.move(person), 'token')) ?? null;
          const command = spawn(
            process.execPath,
            [path.join(root, 'relay/people/main.ts'), 'move', phone, to.name],
            {
              cwd: place,
              env: { PATH: environment['PATH'], REDIS_URL: environment['REDIS_URL'] },
              stdio: 'ignore',
            },
          );
          const ended = new Promise((resolve) => void command.once('close', resolve));
          const killing = during(bench, { from, to, command });
          await at(bench, 'asked');
          await tell();
          await killing;
          await tell();
          await at(bench, 'done');
          await until(
            `all is answered after the end of ${what}`,
            () => heard().length >= labels.length,
          );
          await ended;
          expect([what, heard()]).toEqual([what, labels]);
          expect([what, await readFile(fileOf(to, person, 'kept'), 'utf8')]).toEqual([
            what,
            `${round}`,
          ]);
          expect([what, await redis.hget(keys.person(person), 'move')]).toEqual([what, null]);
        }
        const epoch = await redis.hget(keys.person(person), 'epoch');
        expect(epoch).toBe(String(kills.length));
        expect(
          await Promise.all(['one', 'two'].map((name) => redis.hget(keys.home(name), 'people'))),
        ).toEqual(kills.length % 2 === 0 ? ['1', '0'] : ['0', '1']);
        for (const queue of ['turns', 'turns@two', 'deliveries', 'deliveries@two'])
          await until(`nothing is in ${queue}`, async () => {
            const left = await Promise.all(
              ['wait', 'active'].map((state) => redis.llen(`${prefix}:${queue}:${state}`)),
            );
            return left.every((count) => count === 0);
          });
        // Each of the own kills has come.
        const seen = await Promise.all(
          [one, two].map(async ({ dataDir }) =>
            (await readdir(dataDir)).filter((name) => name.startsWith('seen-')),
          ),
        );
        expect(seen.flat()).toHaveLength(4);
      },
    );
  },
);
