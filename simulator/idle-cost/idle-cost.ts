import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../shared/runtime/log.ts';
import { queueNames } from '../../shared/store/vm-state.ts';
import { slowPolls } from '../../worker/process/queue-worker.ts';
import { runSimulator } from '../simulator.ts';
import type { Simulator } from '../simulator.ts';
import { countCommands } from './command-count.ts';
import type { CommandCount, Counted } from './command-count.ts';

export type IdleCostOptions = {
  /**
   * How long to count with the VM asleep and awake (s); without the second nothing is counted
   * awake.
   */
  seconds: number;
  awakeSeconds: number | undefined;
  searchPath: string;
  log: Log;
  /** Receives the current step. */
  say: (line: string) => void;
  signal: AbortSignal;
};

export type IdleCost = {
  asleep: Counted;
  /** One message with the VM asleep: waking, answering and falling asleep again. */
  coldMessage: Counted;
  awake: { message: Counted; idle: Counted; perDay: number } | undefined;
};

const daySeconds = 24 * 3600;

/**
 * The commands that BullMQ sends a day for each empty queue: two to fetch a job, one to check for
 * stalled ones. They are too rare to be seen in minutes.
 */
const slowPollsPerDay =
  queueNames.length *
  ((daySeconds / slowPolls.drainSeconds) * 2 + daySeconds / (slowPolls.stalledMs / 1000));

/**
 * After a message the relay checks once more when the last heartbeat would have expired, which
 * takes a minute (ms).
 */
const afterMessageMs = 65_000;

/** The idle time after which a system counts as settled (ms). */
const quietMs = 3000;

/**
 * Runs the whole system, lets it fall asleep and counts what its parts send to Redis. Throws when
 * the system does not start or stops answering.
 */
export async function measureIdleCost(options: IdleCostOptions): Promise<IdleCost> {
  const { seconds, awakeSeconds, say, signal } = options;
  const sleeping = await withCounted(options, 0.05, async (simulator, count) => {
    say('Waiting until it has fallen asleep …');
    await answer(simulator, signal);
    await untilAsleep(simulator, count, signal);
    say(`Counting for ${seconds} s while it sleeps …`);
    count.reset();
    await sleep(seconds * 1000, undefined, { signal });
    const asleep = count.read();
    say('Counting one message …');
    count.reset();
    await answer(simulator, signal);
    await untilAsleep(simulator, count, signal);
    return { asleep, coldMessage: count.read() };
  });
  return {
    ...sleeping,
    awake:
      awakeSeconds === undefined
        ? undefined
        : await withCounted(options, 60, (simulator, count) =>
            measureAwake(simulator, count, { ...options, awakeSeconds }),
          ),
  };
}

async function measureAwake(
  simulator: Simulator,
  count: CommandCount,
  { awakeSeconds, say, signal }: IdleCostOptions & { awakeSeconds: number },
): Promise<NonNullable<IdleCost['awake']>> {
  await answer(simulator, signal);
  await untilQuiet(count, signal);
  say('Counting one message while it is awake …');
  count.reset();
  await answer(simulator, signal);
  await untilQuiet(count, signal);
  const message = count.read();
  say('Waiting until everything about the message is over …');
  await sleep(afterMessageMs, undefined, { signal });
  // The window begins right after a command, so that it contains whole intervals of regular
  // commands.
  const last = count.lastAt();
  await poll('a sign of life', () => count.lastAt() > last, signal);
  say(`Counting for ${awakeSeconds} s while it is awake with nothing to do …`);
  count.reset();
  await sleep(awakeSeconds * 1000, undefined, { signal });
  const idle = count.read();
  return {
    message,
    idle,
    perDay: Math.round((idle.total * daySeconds) / awakeSeconds + slowPollsPerDay),
  };
}

/**
 * A system with a scripted model in a separate directory, and a count of its commands, for the
 * duration of `use`.
 */
async function withCounted<T>(
  { searchPath, log }: IdleCostOptions,
  idleMinutes: number,
  use: (simulator: Simulator, count: CommandCount) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-idle-cost-'));
  try {
    const simulator = await runSimulator({
      dir,
      model: {},
      searchPath,
      idleMinutes,
      ports: { phone: 0, relay: 0, worker: 0 },
      log,
    });
    try {
      const count = await countCommands(simulator.redisUrl);
      try {
        return await use(simulator, count);
      } finally {
        await count.stop();
      }
    } finally {
      await simulator.stop();
    }
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Sends a text from the first phone, and waits for the reply. */
async function answer(simulator: Simulator, signal: AbortSignal): Promise<void> {
  const phone = simulator.system().phones[0] ?? '';
  const replies = (): number =>
    simulator.chat.messages(phone).filter(({ direction }) => direction === 'outbound').length;
  const before = replies();
  await simulator.chat.receive(phone, { text: 'say something' });
  await poll('an answer', () => replies() > before, signal);
}

async function untilAsleep(
  simulator: Simulator,
  count: CommandCount,
  signal: AbortSignal,
): Promise<void> {
  await poll('the VM to fall asleep', () => simulator.system().vm === 'asleep', signal);
  await untilQuiet(count, signal);
}

async function untilQuiet(count: CommandCount, signal: AbortSignal): Promise<void> {
  await poll('Redis to be quiet', () => Date.now() - count.lastAt() > quietMs, signal);
}

async function poll(what: string, look: () => boolean, signal: AbortSignal): Promise<void> {
  for (const deadline = Date.now() + 120_000; !look(); await sleep(50, undefined, { signal })) {
    if (Date.now() > deadline) throw new Error(`waited two minutes in vain for ${what}`);
  }
}
