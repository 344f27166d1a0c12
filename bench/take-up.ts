import { setTimeout as sleep } from 'node:timers/promises';
import type { Section } from './section.ts';
import { formatSpread, median } from './statistics.ts';
import { withWorkerStage } from './worker-stage.ts';
import type { WorkerProcess, WorkerStage } from './worker-stage.ts';

const mostMs = 1000;

/** When this worker started the turn (ms since 1970). Throws after half a minute. */
async function turnBegan(worker: WorkerProcess, turn: string): Promise<number> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(5)) {
    const line = worker.logged().find(({ msg, turn: own }) => msg === 'turn' && own === turn);
    if (line) return Date.parse(line.time);
  }
  throw new Error('the turn was not taken up in half a minute');
}

/**
 * Kills a worker in the middle of a turn, and starts another immediately. Returns the time from its
 * spawn until it works on the turn (ms).
 */
async function measureTakeUp(stage: WorkerStage): Promise<number> {
  await stage.empty();
  const turn = await stage.accept('work for 30 seconds');
  const killed = await stage.start('ours', 'turns');
  await turnBegan(killed, turn);
  await stage.untilTool(turn);
  process.kill(killed.pid, 'SIGKILL');
  await killed.stop();
  const next = await stage.start('ours', 'turns');
  const took = (await turnBegan(next, turn)) - next.startedAt;
  await next.stop();
  return took;
}

export const takeUpSection: Section = {
  name: 'take-up',
  title: 'A turn whose worker was killed',
  method:
    'A worker with the real Claude Code is killed (SIGKILL) while a tool runs, and another is started at once. Measured is the time from its spawn until it is at work on the turn: the dead worker’s lease is judged, its job is back, and its messages are taken up. BullMQ by itself would take 30 to 60 s.',
  run: (options) =>
    withWorkerStage(options, async (stage) => {
      const took: number[] = [];
      for (let round = 0; round < (options.quick ? 1 : options.rounds); round += 1) {
        options.signal.throwIfAborted();
        options.say(`round ${round + 1} …`);
        took.push(await measureTakeUp(stage));
      }
      return {
        rows: [
          {
            what: 'spawn of the next worker to its work on the turn',
            ours: formatSpread(took, 'ms'),
            peer: 'BullMQ alone 30,000 ms',
            target: `≤ ${mostMs / 1000} s`,
            held: median(took) <= mostMs,
          },
        ],
        notes: [],
      };
    }),
};
