import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createShutdown } from '../../shared/runtime/lifecycle.ts';
import type { Running } from '../../shared/runtime/lifecycle.ts';
import { createQueues } from '../../shared/store/all-queues.ts';
import { createIntake } from '../../shared/store/boxes/intake.ts';
import { suffixOf } from '../../shared/store/homes/routes.ts';
import { keys, ofHome } from '../../shared/store/redis/keys.ts';
import { endWithUs } from '../../simulator/child-process.ts';
import { runRedisServer } from '../../simulator/redis-server.ts';
import { phoneOf } from '../backlog-message.ts';
import { cpuMicrosOf } from '../cpu-time.ts';
import type { BenchOptions } from '../section.ts';
import { machineTimes, shareOf } from './machine-times.ts';

/** What a home's computer is given; `lanes` is how many agents work at once. */
export type HomeJob = { variables: Record<string, string>; lanes: number };

/** What it answers to any message: how many answers it has sent, and when the last (ms since 1970). */
export type HomeLook = { answered: number; lastAt: number };

/** How many agents of a home work at once, and how many people it takes. */
export type HomesSize = { lanes: number; peopleOfHome: number };

/**
 * One load: `seconds` from the first message to the last answer, the part of the machine's cores
 * that our processes took, and the part that was in use at all (0 to 1).
 */
export type HomesRound = { turns: number; seconds: number; ours: number; machine: number };

/** A fleet of homes that grows. */
export type Homes = {
  /** Adds homes until there are this many, each with a worker and a disk of its own. */
  growTo(count: number): Promise<void>;
  /**
   * Each person of each home writes one message, all at once, whose answer takes an agent `waitMs`;
   * resolves when all are answered. Throws when a home has answered other than its own people.
   */
  load(waitMs: number): Promise<HomesRound>;
};

/** How long a load, or the start of a worker, may take (ms). */
const patienceMs = 120_000;

/** How many messages are accepted concurrently. */
const atOnce = 10;

type Home = Running & { pid: number; look(): Promise<HomeLook> };

/** Runs a Redis as in production for as long as `play` takes. */
export async function withHomes<T>(
  { searchPath, log, signal }: BenchOptions,
  size: HomesSize,
  play: (homes: Homes) => Promise<T>,
): Promise<T> {
  const shutdown = createShutdown(log);
  try {
    const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-bench-'));
    shutdown.add('directory', () => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
    const server = await runRedisServer({ dir: path.join(dir, 'redis') });
    shutdown.add('redis server', () => server.stop());
    const redis = new Redis(server.url);
    redis.on('error', () => undefined);
    shutdown.add('redis', () => redis.disconnect());
    const queues = createQueues(redis, {});
    shutdown.add('queues', () => queues.close());
    const accept = createIntake(queues.turns);
    const homes: Home[] = [];
    let messages = 0;

    const acceptOne = async (person: number, text: string): Promise<void> => {
      const conversation = phoneOf(person);
      const message = {
        id: `SM${(messages += 1).toString(16).padStart(32, '0')}`,
        conversation,
        at: new Date().toISOString(),
        text,
        media: [],
      };
      const sender = { address: conversation, conversation, proven: [], rivals: [] };
      const { outcome } = await accept(message, sender);
      if (outcome !== 'new') throw new Error(`a message was taken for a ${outcome}`);
    };
    const acceptAll = async (people: number, text: string): Promise<void> => {
      let next = 0;
      const one = async (): Promise<void> => {
        while (next < people) await acceptOne(next++, text);
      };
      await Promise.all(Array.from({ length: atOnce }, one));
    };
    const lookAtAll = (): Promise<HomeLook[]> => Promise.all(homes.map((home) => home.look()));
    const cpuMicros = (): number =>
      [server.pid, process.pid, ...homes.map(({ pid }) => pid)]
        .map(cpuMicrosOf)
        .reduce((sum, micros) => sum + micros, 0);

    return await play({
      async growTo(count) {
        while (homes.length < count) {
          const name = `home-${homes.length + 1}`;
          const home = startHome(
            {
              ...size,
              variables: variablesOf(name, server.url, path.join(dir, name), size.peopleOfHome),
            },
            searchPath,
          );
          shutdown.add(name, () => home.stop());
          // In order, since the first one to register is the first home.
          await untilAwake(redis, name, signal);
          homes.push(home);
        }
      },
      async load(waitMs) {
        const people = homes.length * size.peopleOfHome;
        const before = await lookAtAll();
        const [machine, cpu, begin] = [machineTimes(), cpuMicros(), Date.now()];
        await acceptAll(people, String(waitMs));
        const answeredBefore = before.reduce((sum, { answered }) => sum + answered, 0);
        for (;;) {
          const looks = await lookAtAll();
          if (looks.reduce((sum, { answered }) => sum + answered, 0) >= answeredBefore + people)
            break;
          if (Date.now() - begin > patienceMs) throw new Error('the load was not worked off');
          await sleep(50, undefined, { signal });
        }
        const after = await lookAtAll();
        const shares = after.map(
          ({ answered }, index) => answered - (before[index]?.answered ?? 0),
        );
        if (shares.some((count) => count !== size.peopleOfHome))
          throw new Error(`the homes have answered ${shares.join(', ')} messages`);
        const seconds = (Math.max(...after.map(({ lastAt }) => lastAt)) - begin) / 1000;
        return {
          turns: people,
          seconds,
          ...shareOf({ before: machine, after: machineTimes() }, cpuMicros() - cpu),
        };
      },
    });
  } finally {
    await shutdown.run();
  }
}

function variablesOf(
  name: string,
  redisUrl: string,
  dataDir: string,
  people: number,
): Record<string, string> {
  return {
    PORT: '0',
    HOST: '127.0.0.1',
    PUBLIC_URL: 'https://relay.example.com',
    REDIS_URL: redisUrl,
    TWILIO_ACCOUNT_SID: `AC${'7'.repeat(32)}`,
    TWILIO_AUTH_TOKEN: 'x',
    TWILIO_WHATSAPP_NUMBER: '+15550100000',
    ANTHROPIC_API_KEY: 'scripted',
    DATA_DIR: dataDir,
    WORKER_ID: name,
    HOME_NAME: name,
    HOME_PEOPLE: String(people),
  };
}

function startHome(job: HomeJob, searchPath: string): Home {
  const child = fork(path.join(import.meta.dirname, 'home-process.ts'), [JSON.stringify(job)], {
    cwd: '/',
    env: { PATH: searchPath, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  endWithUs(child);
  const ended = once(child, 'exit');
  return {
    pid: child.pid ?? 0,
    async look() {
      child.send('look');
      const [looked]: HomeLook[] = await Promise.race([
        once(child, 'message'),
        ended.then(() => []),
      ]);
      if (!looked) throw new Error('the worker of a home has ended');
      return looked;
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function untilAwake(redis: Redis, name: string, signal: AbortSignal): Promise<void> {
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline;) {
    const first = await redis.get(keys.firstHome);
    const home = first === name ? '' : suffixOf(name);
    if (first !== null && (await redis.exists(ofHome(keys.heartbeat, home))) === 1) return;
    await sleep(50, undefined, { signal });
  }
  throw new Error(`the worker of ${name} was not ready in time`);
}
