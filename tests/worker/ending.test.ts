import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { asAgent } from '../../worker/agent/sandbox/user.ts';
import { endProcesses, selectDetached, selectWork } from '../../worker/agent/sandbox/ending.ts';
import { groupRange, leaseGroups } from '../../worker/agent/sandbox/group-lease.ts';
import {
  parseProcess,
  processClock,
  readProcess,
  readProcessTable,
} from '../../worker/agent/sandbox/process-table.ts';
import type { ProcessEntry } from '../../worker/agent/sandbox/process-table.ts';
import { createMark } from '../../worker/agent/sandbox/processes.ts';
import { createWorkProcesses } from '../../worker/agent/sandbox/work-processes.ts';
import { freeUid } from '../support/free-uid.ts';
import { until } from '../support/until.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const notHere = isRoot ? '' : ' (not here: needs Linux and root)';

/** Processes written as `pid<parent session start`, such as `20<10 20 300`. */
function table(...lines: string[]): ProcessEntry[] {
  return lines.map((line) => {
    const [pid = 0, parent = 0, session = 0, startedAt = 0] = line.split(/[< ]/).map(Number);
    return { pid, parent, session, startedAt, uid: 7, groups: [9], threads: 1 };
  });
}

/**
 * The worker is 1000, Claude Code 10 with an MCP server 11, the browser 12 with a Chromium 13 that
 * has a session of its own. Work begins at 500.
 */
const usual = ['10<1000 10 100', '11<10 10 110', '12<1000 12 120', '13<12 13 130', '14<13 13 131'];

test.each<{ name: string; others: string[]; left: number[] }>([
  { name: 'nothing else', others: [], left: [] },
  {
    name: 'a command at work with what it has started',
    others: ['20<10 20 500', '21<20 20 501', '22<1 22 502'],
    left: [],
  },
  {
    name: 'what an earlier work left running, with children of now',
    others: ['30<1 30 300', '31<30 30 600', '32<31 32 601'],
    left: [30, 31, 32],
  },
  {
    name: 'a child of now that left its old parent but not its session',
    others: ['30<1 29 300', '33<1 29 700'],
    left: [30, 33],
  },
  {
    name: 'one of now that left its parent and its session',
    others: ['30<1 30 300', '34<1 34 700'],
    left: [30],
  },
  {
    name: 'a background command of Claude Code’s from before',
    others: ['40<10 40 300', '41<40 40 301'],
    left: [],
  },
  {
    name: 'an old one in the very session of Claude Code',
    others: ['50<1 10 300', '51<1 10 700'],
    left: [50],
  },
  { name: 'one that began in the moment in which the work did', others: ['60<1 60 500'], left: [] },
])('with work that is broken off ends all but what was left before: $name', ({ others, left }) => {
  const all = table(...usual, ...others);
  const ended = new Set(
    selectWork(all, { isOurs: () => true, worker: 1000, since: 500 }).map(({ pid }) => pid),
  );
  expect(all.map(({ pid }) => pid).filter((pid) => !ended.has(pid))).toEqual(left);
});

test.each<{ name: string; others: string[]; ended: number[] }>([
  { name: 'nothing else', others: [], ended: [] },
  {
    name: 'what the work has detached, with its children',
    others: ['20<1 20 500', '21<20 20 501', '22<1 19 502', '23<22 23 503'],
    ended: [20, 21, 22, 23],
  },
  {
    name: 'a task, of before or of now, with its children and what it has detached',
    others: ['30<10 30 300', '31<1 30 600', '40<10 40 600', '41<40 40 601', '42<1 40 602'],
    ended: [],
  },
  {
    name: 'what an earlier work left, with children of now',
    others: ['50<1 50 300', '51<50 50 600', '52<1 50 601'],
    ended: [],
  },
  { name: 'what an MCP server has started', others: ['60<11 60 600', '61<1 10 601'], ended: [] },
])('where Claude Code goes on, only what is detached ends: $name', ({ others, ended }) => {
  const work = { isOurs: () => true, worker: 1000, since: 500 };
  expect(selectDetached(table(...usual, ...others), work).map(({ pid }) => pid)).toEqual(ended);
});

test('what is not of the session is never named, and a ring of parents ends the search', () => {
  expect(selectWork(table(...usual), { isOurs: () => false, worker: 1000, since: 0 })).toEqual([]);
  expect(
    selectWork(table('1<2 1 900', '2<1 1 900'), { isOurs: () => true, worker: 1000, since: 500 }),
  ).toHaveLength(2);
});

test('a process that names itself like another’s line is read as what it is; one whose first thread has ended while others go on is alive', () => {
  const status = (threads: number): string =>
    `Name:\tx\\nUid:\t0\nUid:\t5\t6\t7\t8\nGroups:\t3 4 \nThreads:\t${threads}\n`;
  const stat = (state: string): string =>
    `9 (x) R 1 1 1) ${state} 20 21 22 ${'0 '.repeat(15)}4711 0`;
  expect(parseProcess(9, stat('S'), status(1))).toEqual({
    pid: 9,
    parent: 20,
    session: 22,
    startedAt: 4711,
    uid: 6,
    groups: [3, 4],
    threads: 1,
  });
  expect(parseProcess(9, stat('Z'), status(1))).toBeUndefined();
  expect(parseProcess(9, stat('Z'), status(2))?.pid).toBe(9);
});

test('groups are taken where they are mapped', () => {
  expect(groupRange('0 0 4294967295')?.first).toBe(0x71_00_00_00);
  expect(groupRange('0 100000 65536')?.first).toBe(50_000);
  expect(groupRange('0 1000 1')).toBeUndefined();
});

test.skipIf(!isRoot)(
  `a process of ours is read with its beginning by the clock that the works are measured by${notHere}`,
  async () => {
    const before = processClock();
    const child = spawn('sleep', ['60']);
    try {
      const entry = readProcess(child.pid ?? 0);
      expect(entry?.parent).toBe(process.pid);
      expect(entry?.startedAt).toBeGreaterThanOrEqual(before);
      expect(entry?.startedAt).toBeLessThanOrEqual(processClock());
    } finally {
      child.kill('SIGKILL');
    }
  },
);

/**
 * Ways to get away from a stop. Each leaves processes called `sleep` behind, under whatever name.
 */
const escapes: Record<string, string> = {
  'without an environment, in a session of its own': 'env -i setsid sleep 600 &',
  'twice forked': '( (sleep 600 &) & ) ; (setsid sh -c "sleep 600 & exit" &)',
  'deaf to signals': 'sh -c \'trap "" TERM HUP INT; while :; do sleep 1; done\' &',
  'under another name, elsewhere':
    '(cd / && exec env -i /bin/sh -c \'exec setsid bash -c "exec -a kworker/0:1 sleep 600"\') &',
  halted: "sh -c 'kill -STOP $$' &",
  'with groups of its own, as it wishes':
    'setpriv --clear-groups setsid sleep 600 & unshare -U -r setpriv --clear-groups sleep 600 &',
};
/** Forks without end, as far as 60 processes go. */
const storm =
  'ulimit -u 60 2> /dev/null || ulimit -p 60; f() { f 2> /dev/null | f 2> /dev/null & }; f; f; sleep 600';

test.skipIf(!isRoot)(
  `nothing that carries a session’s group escapes its end, whatever it does, and nothing else ends${notHere}`,
  async () => {
    const uid = freeUid();
    const groups = leaseGroups(uid);
    if (!groups) throw new Error('no groups');
    const [doomed, spared] = [groups.take(), groups.take()];
    const start = (group: number, script: string): void => {
      const { command, args } = asAgent(
        { name: String(uid), uid, gid: uid, group },
        { command: 'bash', args: ['-c', script] },
      );
      spawn(command, args, { stdio: 'ignore', detached: true, cwd: '/' }).unref();
    };
    const alive = (group: number): ProcessEntry[] =>
      readProcessTable().filter((entry) => entry.groups.includes(group));
    try {
      start(spared, 'sleep 600');
      for (const script of Object.values(escapes)) start(doomed, script);
      await until(
        'those that try to get away',
        () => alive(doomed).length >= Object.keys(escapes).length && alive(spared).length === 1,
      );
      start(doomed, storm);
      await until(
        'a storm',
        () => readProcessTable().filter((entry) => entry.uid === uid).length > 40,
      );
      expect(
        await endProcesses((all) => all.filter((entry) => entry.groups.includes(doomed))),
        // Some of the storm end by themselves when they may fork no more.
      ).toBeGreaterThan(20);
      expect(alive(doomed)).toEqual([]);
      // None has put its group off: all that is left of the user is the one that was to be spared.
      expect(readProcessTable().filter((entry) => entry.uid === uid)).toEqual(alive(spared));
      expect(alive(spared)).toHaveLength(1);
    } finally {
      await endProcesses((all) => all.filter((entry) => entry.uid === uid));
      groups.end();
    }
  },
);

test.skipIf(!isRoot)(
  `before a session goes on, what another living worker has in it ends, and nothing of this one’s${notHere}`,
  async () => {
    const uid = freeUid();
    const user = { name: String(uid), uid, gid: uid };
    const [mine, other] = [leaseGroups(uid), leaseGroups(uid)];
    if (!mine || !other) throw new Error('no groups');
    const [session, dataDir] = ['a-session', '/a-directory'];
    const start = (owner: string, group: number): number | undefined => {
      const { command, args } = asAgent(
        { ...user, group },
        { command: 'sh', args: ['-c', 'sleep 600; :', session] },
      );
      const mark = createMark(owner, session, dataDir);
      const env = { PATH: '/usr/bin:/bin', SIDEPOCKET_AGENT: mark };
      return spawn(command, args, { stdio: 'ignore', cwd: '/', env }).pid;
    };
    const alive = (): number[] =>
      readProcessTable()
        .filter((entry) => entry.uid === uid && entry.parent === process.pid)
        .map(({ pid }) => pid);
    const users = { at: () => user, has: (one: number) => one === uid };
    const processes = createWorkProcesses({ users, owner: 'mine#1', dataDir, groups: mine });
    try {
      const [own] = [start('mine#1', mine.take()), start('other#1', other.take())];
      await until('both', () => alive().length === 2);
      await processes.endOthers(session, user);
      expect(alive()).toEqual([own]);
      await processes.endOthers(session, user);
      expect(alive()).toEqual([own]);
    } finally {
      await endProcesses((all) => all.filter((entry) => entry.uid === uid));
      mine.end();
      other.end();
    }
  },
);

test.skipIf(!isRoot)(
  `a process is left by a worker that lives no more, and by none that lives${notHere}`,
  async () => {
    const uid = freeUid();
    const [mine, other] = [leaseGroups(uid), leaseGroups(uid)];
    if (!mine || !other) throw new Error('no groups');
    const entry = (groups: number[], of = uid): ProcessEntry => ({
      pid: 2 ** 22,
      parent: 1,
      session: 1,
      startedAt: 1,
      uid: of,
      groups,
      threads: 1,
    });
    const [own, theirs, unmarked, foreign] = [
      entry([mine.own]),
      entry([other.take()]),
      entry([]),
      entry([], uid + 1),
    ];
    const all = [own, theirs, unmarked, foreign];
    // Both live: by the user nothing ends, since the unmarked one may be the other's.
    expect(mine.orphans(all, (of) => of === uid)).toEqual([]);
    other.end();
    expect(mine.orphans(all)).toEqual([theirs]);
    expect(mine.orphans(all, (of) => of === uid)).toEqual([theirs, unmarked]);
    mine.end();
  },
);
