import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { git, runHere, withCheckpoints } from '../support/checkpoint-bench.ts';

/** Median of the processor time (ms) that the processes of a call take. */
async function processorTime(call: () => Promise<unknown>, rounds: number): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = childTime();
    await call();
    times.push(childTime() - before);
  }
  return times.toSorted((one, other) => one - other)[Math.floor(rounds / 2)] ?? 0;
}

/** Processor time of this process's ended children (ms; proc_pid_stat(5), fields 16 and 17). */
function childTime(): number {
  const stat = execFileSync('cat', [`/proc/${process.pid}/stat`], { encoding: 'utf8' });
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

test(
  'a turn that changes nothing in 10,000 files costs at most twice what `git status` costs there',
  { tags: 'long' },
  async () => {
    await withCheckpoints(async ({ workspace, shadow }) => {
      const app = path.join(workspace, 'app');
      for (let directory = 0; directory < 200; directory += 1) {
        const place = path.join(app, 'src', `d${directory}`);
        mkdirSync(place);
        for (let file = 0; file < 50; file += 1)
          writeFileSync(path.join(place, `f${file}.ts`), `export const x = ${directory * file};\n`);
      }
      git(app, 'add', '.');
      git(app, 'commit', '-qm', 'many');
      const checkpoints = shadow();
      await checkpoints.keep('first');
      // What has just changed is looked at again.
      await sleep(1500);
      await checkpoints.keep('first');
      // The time counts in hundredths of a second, so several make one measurement.
      const repeat = async (call: () => Promise<unknown>): Promise<void> => {
        for (let time = 0; time < 10; time += 1) await call();
      };
      let turn = 0;
      const work = async (): Promise<void> => {
        await checkpoints.keep(`turn-${(turn += 1)}`);
        await checkpoints.keep();
      };
      const status = 'cd "$1" && git status --porcelain';
      const [ours, theirs] = [
        await processorTime(() => repeat(work), 5),
        await processorTime(() => repeat(() => runHere(status, [app])), 5),
      ];
      expect(ours / theirs, `${ours / 10} ms and ${theirs / 10} ms`).toBeLessThanOrEqual(2);
    });
  },
);
