import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Log } from '../../shared/runtime/log.ts';
import { runSimulator } from '../simulator.ts';
import type { Simulator } from '../simulator.ts';

/**
 * The times of the stations of one message (ms since 1970). `ready` is missing when the worker was
 * already running.
 */
export type Stations = {
  sent: number;
  accepted: number;
  ready: number | undefined;
  turn: number;
  asked: number;
  answered: number;
};

export type WakeTimeOptions = {
  rounds: number;
  searchPath: string;
  log: Log;
  say: (line: string) => void;
  signal: AbortSignal;
};

const LogLine = z.looseObject({
  time: z.iso.datetime(),
  msg: z.string(),
  message: z.string().optional(),
  turn: z.string().optional(),
});
type LogLine = z.infer<typeof LogLine>;

/**
 * Runs the whole system with the real Claude Code and a scripted model, and sends it two messages a
 * round: one while the worker is not running, and one as soon as the first is answered. Returns the
 * stations of each.
 */
export async function measureWakeTime({
  rounds,
  searchPath,
  log,
  say,
  signal,
}: WakeTimeOptions): Promise<{ cold: Stations[]; warm: Stations[] }> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-wake-time-'));
  const cold: Stations[] = [];
  const warm: Stations[] = [];
  try {
    const simulator = await runSimulator({
      dir,
      model: {},
      searchPath,
      idleMinutes: 0.05,
      ports: { phone: 0, relay: 0, worker: 0 },
      log,
    });
    try {
      for (let round = 1; round <= rounds; round += 1) {
        say(`Round ${round} of ${rounds} …`);
        await poll('the VM to sleep', () => simulator.system().vm === 'asleep', signal);
        cold.push(await measureMessage(simulator, `say cold ${round}`, signal));
        warm.push(await measureMessage(simulator, `say warm ${round}`, signal));
      }
    } finally {
      await simulator.stop();
    }
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
  return { cold, warm };
}

async function measureMessage(
  simulator: Simulator,
  text: string,
  signal: AbortSignal,
): Promise<Stations> {
  const phone = simulator.system().phones[0] ?? '';
  const replies = () =>
    simulator.chat.messages(phone).filter(({ direction }) => direction === 'outbound');
  const [before, asked] = [replies().length, simulator.modelRequests().length];
  // If waking takes long, the chat also reports that the computer is waking up.
  const answer = () =>
    replies()
      .slice(before)
      .find((reply) => !/^Waking up your computer|^Your computer/.test(reply.text));
  const sent = Date.now();
  const { sid } = await simulator.chat.receive(phone, { text });
  await poll('an answer', () => answer() !== undefined, signal);
  const [relay, worker] = await Promise.all(
    ['relay', 'worker'].map((name) => readLog(path.join(simulator.logsDir, `${name}.log`))),
  );
  const first = simulator
    .modelRequests()
    .slice(asked)
    .find(({ kind }) => kind === 'turn');
  const answered = Date.parse(answer()?.at ?? '');
  return {
    sent,
    accepted:
      timeOf(relay, (line) => line.msg === 'accepted' && line.message === sid) ?? Number.NaN,
    ready: timeOf(
      worker,
      (line) => line.msg === 'the worker is ready' && Date.parse(line.time) >= sent,
    ),
    turn: timeOf(worker, (line) => line.msg === 'turn' && line.turn === sid) ?? Number.NaN,
    asked: Date.parse(first?.at ?? ''),
    answered,
  };
}

async function readLog(file: string): Promise<LogLine[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .flatMap((line) =>
      line.startsWith('{') ? (LogLine.safeParse(JSON.parse(line)).data ?? []) : [],
    );
}

function timeOf(
  lines: LogLine[] | undefined,
  matches: (line: LogLine) => boolean,
): number | undefined {
  const line = lines?.find(matches);
  return line && Date.parse(line.time);
}

async function poll(what: string, look: () => boolean, signal: AbortSignal): Promise<void> {
  for (const deadline = Date.now() + 120_000; !look(); await sleep(20, undefined, { signal })) {
    if (Date.now() > deadline) throw new Error(`waited two minutes in vain for ${what}`);
  }
}
