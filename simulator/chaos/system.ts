import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createShutdown } from '../../shared/runtime/lifecycle.ts';
import type { Running } from '../../shared/runtime/lifecycle.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { SnapshotStore } from '../../worker/snapshots/restic.ts';
import { findMarked, killMarked } from '../../worker/agent/sandbox/processes.ts';
import { startChild, untilReady } from '../child-process.ts';
import type { ChildOptions } from '../child-process.ts';
import { freePort } from '../free-port.ts';
import type { BillEntry } from '../model/bill.ts';
import { runScriptedModel } from '../model/scripted-model.ts';
import type { Story } from '../model/stories/story.ts';
import { runRedisServer } from '../redis-server.ts';
import { runTwin } from '../twilio/twin.ts';
import type { Twin } from '../twilio/twin.ts';
import { createFleetTroubles } from './fleet-troubles.ts';
import { startHomes, startRelays } from './crew.ts';
import type { Start } from './crew.ts';
import { keepRunning } from './member.ts';
import type { Life, Member } from './member.ts';
import type { Victims } from './killer.ts';
import { createRedisTroubles } from './redis-troubles.ts';

export type SystemOptions = {
  conversations: string[];
  /** Another person, who may write until `remove`. */
  leaver: string;
  /** The conversations that Claude Code answers. */
  claude: string[];
  workers: number;
  relays: number;
  /** With more than one, each is a machine of its own that sleeps, with one worker. */
  homes: number;
  searchPath: string;
  /** Stories of the scripted model. */
  stories: Story[];
  /** Keeps the directory. */
  keep: boolean;
  log: Log;
};

export type ChaosSystem = Running & {
  dir: string;
  twin: Twin;
  redisUrl: string;
  webhookUrl: string;
  authToken: string;
  /** The file that grows with each answer of the fast agent's. */
  answered: string;
  /** Where the snapshots of several homes are. */
  snapshotStore: SnapshotStore;
  victims: Victims;
  /**
   * Removes the leaver from the list and restarts the relays. Resolves when they run with the new
   * list.
   */
  remove(): Promise<void>;
  /** What the model has billed so far. */
  bill: readonly BillEntry[];
};

const account = {
  accountSid: `AC${'7'.repeat(32)}`,
  authToken: 'chaos-auth-token',
  number: '+15550100000',
};

/**
 * Runs the product's processes around a Twilio twin and, if needed, a scripted model. Leaves no
 * process and no directory behind.
 */
export async function runChaosSystem({
  conversations,
  leaver,
  claude,
  workers,
  relays,
  homes,
  searchPath,
  stories,
  keep,
  log,
}: SystemOptions): Promise<ChaosSystem> {
  const shutdown = createShutdown(log);
  try {
    const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-chaos-'));
    if (!keep)
      shutdown.add('directory', () => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
    await mkdir(path.join(dir, 'logs'));
    const mark = `chaos-${process.pid}-`;
    shutdown.add('orphans', () => reap(mark));

    const [redisPort, frontPort] = [await freePort(0), await freePort(0)];
    const redis = await keepRunning('redis', () => startRedis(path.join(dir, 'redis'), redisPort));
    shutdown.add('redis', () => redis.stop());
    const store = createRedisTroubles(
      `redis://127.0.0.1:${redisPort}`,
      path.join(dir, 'redis'),
      () => redis,
    );
    shutdown.add('troubles of Redis', async () => store.stop());
    const webhookUrl = `http://127.0.0.1:${frontPort}/webhook#rc=3&rp=5xx,ct,rt`;
    const twin = await runTwin({
      ...account,
      phones: [...conversations, leaver],
      webhookUrl,
      pace: { sentMs: 20, deliveredMs: 50, readMs: 0 },
    });
    shutdown.add('Twilio', () => twin.stop());
    const model = claude.length > 0 ? await runScriptedModel({ stories, quiet: true }) : undefined;
    if (model) shutdown.add('model', () => model.stop());

    const redisUrl = `redis://127.0.0.1:${redisPort}`;
    const snapshotStore = {
      repository: path.join(dir, 'store'),
      password: 'chaos-snapshots',
      cacheDir: path.join(dir, 'cache'),
    };
    const answered = path.join(dir, 'answered');
    await writeFile(answered, '');
    const environment = {
      HOST: '127.0.0.1',
      PUBLIC_URL: `http://127.0.0.1:${frontPort}`,
      REDIS_URL: redisUrl,
      DATA_DIR: path.join(dir, 'data'),
      STOP_SECONDS: '5',
      TWILIO_API_URL: twin.url,
      TWILIO_ACCOUNT_SID: account.accountSid,
      TWILIO_AUTH_TOKEN: account.authToken,
      TWILIO_WHATSAPP_NUMBER: account.number,
      CHAOS_CLAUDE: claude.join(','),
      CHAOS_ANSWERED: answered,
      ANTHROPIC_API_KEY: 'scripted',
      ...(model ? { ANTHROPIC_BASE_URL: model.url } : {}),
    };
    let allowed = [...conversations, leaver];
    const start: Start = async (name, entry, port, more, maySleep = false) => {
      const options = { entry, searchPath, logFile: path.join(dir, 'logs', `${name}.log`) };
      const environmentNow = (): Record<string, string> => ({
        ...environment,
        ...more(),
        ALLOWED_SENDERS: allowed.join(','),
        PORT: String(port),
      });
      const member = await keepRunning(
        name,
        () => startProcess({ ...options, environment: environmentNow() }, port),
        { maySleep },
      );
      shutdown.add(name, () => member.stop());
      return member;
    };
    const gates = await startRelays({ start, shutdown }, relays, frontPort);
    const workerMain = 'simulator/chaos/worker-main.ts';
    const crew: Member[] = [];
    for (let number = 1; number <= (homes > 1 ? 0 : workers); number += 1)
      crew.push(
        await start(`worker-${number}`, workerMain, await freePort(0), () => ({
          WORKER_ID: `${mark}${number}`,
        })),
      );
    const machines =
      homes > 1
        ? await startHomes(
            { start, shutdown },
            { homes, mark, dir, people: conversations.length + 1, store: snapshotStore },
          )
        : [];
    crew.push(...machines.map(({ worker }) => worker));
    const fleet =
      homes > 1 ? createFleetTroubles({ redisUrl, machines, conversations, log }) : undefined;
    shutdown.add('troubles of the fleet', async () => fleet?.stop());
    const remove = async (): Promise<void> => {
      allowed = conversations;
      for (const relay of gates)
        while (!(await relay.crash(0))) await new Promise((resolve) => setTimeout(resolve, 50));
    };
    return {
      dir,
      twin,
      remove,
      redisUrl,
      webhookUrl,
      authToken: account.authToken,
      answered,
      snapshotStore,
      victims: { redis, relays: gates, workers: crew, store, fleet },
      bill: model?.bill ?? [],
      stop: () => shutdown.run(),
    };
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

/**
 * Starts one of the product's processes and waits until it answers. Otherwise ends the process and
 * throws.
 */
async function startProcess(options: ChildOptions, port: number): Promise<Life> {
  const child = startChild(options);
  try {
    await untilReady(child, `http://127.0.0.1:${port}/health`, options.logFile);
  } catch (error) {
    child.process.kill('SIGKILL');
    await child.exited;
    throw error;
  }
  return {
    pid: child.process.pid ?? 0,
    ended: child.exited.then(({ code }) => code === 0),
    stop: () => child.stop(),
  };
}

async function startRedis(dir: string, port: number): Promise<Life> {
  const server = await runRedisServer({ dir, port });
  return { pid: server.pid, ended: ended(server.pid), stop: () => server.stop() };
}

/** Settles when no process with this id exists; how it has ended is not known. */
async function ended(pid: number): Promise<boolean> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return false;
    }
    await new Promise((resolve) => void setTimeout(resolve, 10).unref());
  }
}

/** Ends the remaining agent processes of a killed worker. */
async function reap(mark: string): Promise<void> {
  const isOurs = (found: string): boolean => found.startsWith(mark);
  for (
    let round = 0;
    round < 20 && (await findMarked()).some((found) => isOurs(found.mark));
    round += 1
  ) {
    await killMarked(isOurs);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
