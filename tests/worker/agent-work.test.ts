import { chown } from 'node:fs/promises';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readProcessTable } from '../../worker/agent/sandbox/process-table.ts';
import type { ProcessEntry } from '../../worker/agent/sandbox/process-table.ts';
import { openClaudeAgent, startTurn } from '../support/agent-bench.ts';
import type { ClaudeAgentBench, Sent } from '../support/agent-bench.ts';
import { freeUid } from '../support/free-uid.ts';
import { until } from '../support/until.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const notHere = isRoot ? '' : ' (not here: needs Linux and root)';

function commandOf({ pid }: ProcessEntry): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** Which sleeps of a user are left, by how long they sleep. */
const sleeps = (uid: number): string[] =>
  readProcessTable()
    .filter((entry) => entry.uid === uid)
    .map(commandOf)
    .filter((line) => /^sleep \d+$/.test(line))
    .map((line) => line.slice(6))
    .sort();

/** Claude Code as a user that nothing else here has. */
async function withOwnUser(
  machine: { maxProcesses?: number; memoryEvents?: string },
  use: (bench: ClaudeAgentBench, workspace: string, uid: number) => Promise<void>,
): Promise<void> {
  const uid = freeUid();
  const bench = await openClaudeAgent({
    ...machine,
    user: { name: String(uid), uid, gid: uid, isPicked: true },
  });
  try {
    await chown(bench.dataDir, uid, uid);
    const workspace = path.join(bench.dataDir, 'workspaces', '1');
    await use(bench, workspace, uid);
  } finally {
    await bench.stop();
  }
}

/** Whether what the first turn has left running runs, and nothing else of its user. */
const isFirstWork = (uid: number): boolean => sleeps(uid).join() === '1001,1002,1003';

test.skipIf(!isRoot)(
  `a stop ends all of its own work, hidden or not; what an earlier turn left running lives on until the worker stops${notHere}`,
  async () => {
    let user = 0;
    await withOwnUser({}, async (bench, workspace, uid) => {
      user = uid;
      const first = startTurn(bench.agent, workspace, {
        prompts: [
          'run env -i setsid sleep 1001 > /dev/null 2>&1 & nohup sleep 1002 > /dev/null 2>&1 & (setsid sh -c "sleep 1003; exit" > /dev/null 2>&1 &)',
        ],
      });
      expect(await first.ended).toBeUndefined();
      await until('the first work', () => isFirstWork(uid));

      const second = startTurn(bench.agent, workspace, {
        prompts: [
          'run env -i setsid sleep 2001 > /dev/null 2>&1 & ( (env -i setsid sleep 2002 > /dev/null 2>&1 &) & ) ; sleep 2003',
        ],
        session: first.session(),
      });
      await until('the second work', () => sleeps(uid).length === 6);
      second.abort(new Error('stop'));
      expect(await second.ended).toMatchObject({ message: 'stop' });
      await until('the end of the second work', () => isFirstWork(uid));

      // The session goes on in another process of Claude Code, and neither its start nor its end is
      // the end of the servers.
      const third = startTurn(bench.agent, workspace, {
        prompts: ['say hello'],
        session: first.session(),
      });
      expect(await third.ended).toBeUndefined();
      await bench.agent.release('+15551230001');
      expect(sleeps(uid)).toEqual(['1001', '1002', '1003']);
    });
    expect(readProcessTable().filter((entry) => entry.uid === user)).toEqual([]);
  },
);

test.skipIf(!isRoot)(
  `a stop beside work in the background ends what its own turn has detached, and nothing of that work${notHere}`,
  async () => {
    await withOwnUser({}, async (bench, workspace, uid) => {
      const first = startTurn(bench.agent, workspace, {
        prompts: ['in the background: (sleep 1001 > /dev/null 2>&1 &); sleep 1002; exit'],
      });
      expect(await first.ended).toBeUndefined();
      await until('the work in the background', () => sleeps(uid).length === 2);
      const [leader] = await bench.leaders();

      const second = startTurn(bench.agent, workspace, {
        prompts: [
          'run env -i setsid sleep 2001 > /dev/null 2>&1 & ( (env -i setsid sleep 2002 > /dev/null 2>&1 &) & ) ; sleep 2003',
        ],
        session: first.session(),
      });
      await until('the second work', () => sleeps(uid).length === 5);
      second.abort(new Error('stop'));
      expect(await second.ended).toMatchObject({ message: 'stop' });
      expect(sleeps(uid)).toEqual(['1001', '1002']);
      expect(await bench.leaders()).toEqual([leader]);
    });
  },
);

test.skipIf(!isRoot)(
  `a fork bomb ends at the limit, is ended, the person hears of it, and the work goes on${notHere}`,
  { tags: 'long' },
  async () => {
    await withOwnUser({ maxProcesses: 100 }, async (bench, workspace, uid) => {
      const sent: Sent[] = [];
      const bomb = 'f() { while :; do f & done; }; f > /dev/null 2>&1';
      const turn = startTurn(bench.agent, workspace, { prompts: [`run ${bomb}`] }, sent);
      expect(await turn.ended).toBeUndefined();
      await until('the sentence', () =>
        sent.some((one) => 'text' in one && one.text.includes('no more processes')),
      );
      // What was killed is in the table until a busy machine has let it die.
      await until(
        'the end of the storm',
        () =>
          readProcessTable()
            .filter((entry) => entry.uid === uid)
            .reduce((sum, { threads }) => sum + threads, 0) < 60,
      );
      const next = startTurn(bench.agent, workspace, {
        prompts: ['run echo still $((40 + 2))'],
        session: turn.session(),
      });
      expect(await next.ended).toBeUndefined();
      expect(next.answers()[0]?.text).toContain('still 42');
    });
  },
);

/** A cgroup of the test's own with little memory; undefined where none can be made. */
function makeCgroup(bytes: number): { directory: string; remove(): void } | undefined {
  const directory = `/sys/fs/cgroup/memory/sidepocket-test-${process.pid}`;
  try {
    mkdirSync(directory);
    writeFileSync(path.join(directory, 'memory.limit_in_bytes'), String(bytes));
    return { directory, remove: () => rmdirSync(directory) };
  } catch {
    return undefined;
  }
}
const cgroup = isRoot ? makeCgroup(64 * 1024 * 1024) : undefined;
cgroup?.remove();

test.skipIf(!cgroup)(
  `a command that the system ends for its memory is told of as that, and the work goes on${cgroup ? '' : ' (not here: needs root and a cgroup of its own)'}`,
  { tags: 'long' },
  async () => {
    const group = makeCgroup(64 * 1024 * 1024);
    if (!group) throw new Error('no cgroup');
    try {
      await withOwnUser(
        { memoryEvents: path.join(group.directory, 'memory.oom_control') },
        async (bench, workspace, uid) => {
          const sent: Sent[] = [];
          // It takes 10 MB at a time, 200 at most, once it is in the group.
          const hog = `"${process.execPath}" --eval "const kept=[];while(!require('fs').existsSync('go')){};for(let i=0;i<20;i++)kept.push(Buffer.alloc(1e7,1))" memory-hog`;
          const turn = startTurn(bench.agent, workspace, { prompts: [`run ${hog}`] }, sent);
          const found = await until('the hog', () =>
            readProcessTable().find(
              (entry) =>
                entry.uid === uid &&
                commandOf(entry).startsWith(process.execPath) &&
                commandOf(entry).endsWith('memory-hog'),
            ),
          );
          expect(readFileSync(`/proc/${found.pid}/oom_score_adj`, 'latin1').trim()).toBe('500');
          writeFileSync(path.join(group.directory, 'cgroup.procs'), String(found.pid));
          writeFileSync(path.join(workspace, 'go'), '');
          expect(await turn.ended).toBeUndefined();
          await until('the sentence', () =>
            sent.some((one) => 'text' in one && one.text.includes('ran out of memory')),
          );
          const next = startTurn(bench.agent, workspace, {
            prompts: ['say still here'],
            session: turn.session(),
          });
          expect(await next.ended).toBeUndefined();
          expect(next.answers()[0]?.text).toBe('still here');
        },
      );
    } finally {
      group.remove();
    }
  },
);
