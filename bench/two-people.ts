import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createShutdown } from '../shared/runtime/lifecycle.ts';
import type { Shutdown } from '../shared/runtime/lifecycle.ts';
import { createPeopleStore } from '../shared/store/people.ts';
import { keys } from '../shared/store/redis/keys.ts';
import { connectRedis } from '../shared/store/redis/redis.ts';
import { runSimulator } from '../simulator/simulator.ts';
import { findMarked } from '../worker/agent/sandbox/processes.ts';
import type { BenchOptions, Section, SectionResult } from './section.ts';
import { formatRatio, formatSpread, median, medianRatio } from './statistics.ts';

/** How many messages each phone sends into its live session in a round. */
const messages = { quick: 5, full: 20 };

/** A whole system with two phones, whose sessions both live. */
type Side = {
  /** Sends a message from both phones at once; the time of each until the model is asked (ms). */
  sayBoth(text: string): Promise<number[]>;
  /** The memory of the worker and all agent processes (MB), each shared page counted once. */
  memory(): Promise<number>;
  /** How many Linux users its agent processes have. */
  users(): Promise<number>;
};

/** The measurements: a median of a round's messages (ms), and the memory after them (MB). */
type Measured = { warm: number[]; memory: number[] };

export const twoPeopleSection: Section = {
  name: 'two-people',
  title: 'Two people at once',
  method: [
    'Two phones send a message at the same moment, each into its live session, and the time is taken from Twilio’s POST until the model is asked; then the memory of the worker and of all processes of the agent is read (PSS).',
    '*Ours* are two people, each with a Linux user and a home. The *peer* are two conversations of one person, with one user and one home, in a second system in the same run; the sides take turns.',
    'Both need Linux and root. No prewarmed process lives beside the two sessions.',
  ].join(' '),
  async run(options) {
    const shutdown = createShutdown(options.log);
    try {
      const apart = await startSide(options, shutdown, 'apart');
      const together = await startSide(options, shutdown, 'together');
      const [two, one] = [await apart.users(), await together.users()];
      if (two !== 2 || one !== 1)
        throw new Error(`two people have ${two} users here, and one person has ${one}: not root?`);
      return report(...(await measure(options, [apart, together])));
    } finally {
      await shutdown.run();
    }
  },
};

async function measure(
  { quick, rounds, say, signal }: BenchOptions,
  sides: [Side, Side],
): Promise<[Measured, Measured]> {
  const measured: [Measured, Measured] = [
    { warm: [], memory: [] },
    { warm: [], memory: [] },
  ];
  const count = quick ? messages.quick : messages.full;
  for (let round = 1; round <= rounds && !signal.aborted; round += 1) {
    say(`round ${round} of ${rounds}`);
    for (const index of round % 2 === 0 ? ([1, 0] as const) : ([0, 1] as const)) {
      const times: number[] = [];
      for (let number = 1; number <= count; number += 1)
        times.push(...(await sides[index].sayBoth(`say ${round} ${number}`)));
      measured[index].warm.push(median(times));
      measured[index].memory.push(await sides[index].memory());
    }
  }
  return measured;
}

/** Starts a system and a session of each phone; `together`, both phones are one person's. */
async function startSide(
  { searchPath, log, signal }: BenchOptions,
  shutdown: Shutdown,
  kind: 'apart' | 'together',
): Promise<Side> {
  const dir = await mkdtemp(path.join(tmpdir(), `sidepocket-bench-${kind}-`));
  shutdown.add('directory', () => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  const simulator = await runSimulator({
    dir,
    model: {},
    searchPath,
    idleMinutes: 30,
    environment: {
      PACE_SECONDS: '0.01',
      PACE_BURST: '1000',
      MAX_AGENTS: '2',
      MAX_LIVE_AGENTS: '2',
      SENDER_LIMIT_PER_MINUTE: '100000',
    },
    ports: { phone: 0, relay: 0, worker: 0 },
    log,
  });
  shutdown.add(kind, () => simulator.stop(), 30_000);
  const [first = '', second = ''] = simulator.system().phones;

  const say = async (phone: string, text: string): Promise<number> => {
    const answers = (): number =>
      simulator.chat.messages(phone).filter(({ direction }) => direction === 'outbound').length;
    const before = answers();
    const words = `${text} of ${phone}`;
    const sent = Date.now();
    await simulator.chat.receive(phone, { text: words });
    const deadline = sent + 60_000;
    while (answers() === before) {
      if (Date.now() > deadline) throw new Error(`waited a minute in vain for an answer`);
      await sleep(10, undefined, { signal });
    }
    const asked = simulator
      .modelRequests()
      .findLast(({ kind: what, view }) => what === 'turn' && view.texts.at(-1)?.text === words);
    return asked ? Date.parse(asked.at) - sent : Number.NaN;
  };
  await say(first, 'say first');
  if (kind === 'together') {
    const redis = connectRedis(simulator.redisUrl, 'patient', log);
    shutdown.add('Redis connection', () => redis.disconnect());
    // As the record says after both addresses turned out to be one person's.
    const id = await createPeopleStore(redis).idOf(first);
    await redis.hset(keys.people, second, id);
    await redis.hset(keys.person(id), 'conversations', `${first}, ${second}`);
  }
  await say(second, 'say first');

  /** The worker and the agent's processes, by the variables that mark them. */
  const pids = async (): Promise<{ agent: number[]; worker: number[] }> => {
    const places = [path.join(dir, 'data'), simulator.agent.dataDir];
    const agent = (await findMarked()).filter(({ mark }) =>
      places.some((place) => mark.endsWith(`@${place}`)),
    );
    const own = (await findMarked({ variable: 'SIDEPOCKET_LOCAL' })).filter(
      ({ mark }) => mark === dir,
    );
    const commands = await Promise.all(
      own.map(async ({ pid }) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
    );
    return {
      agent: agent.map(({ pid }) => pid),
      worker: own
        .filter((_, index) => commands[index]?.includes('worker/main.ts'))
        .map(({ pid }) => pid),
    };
  };
  return {
    sayBoth: async (text) => await Promise.all([first, second].map((phone) => say(phone, text))),
    async memory() {
      const { agent, worker } = await pids();
      const shares = await Promise.all([...new Set([...agent, ...worker])].map(pssOf));
      return shares.reduce((sum, share) => sum + share, 0) / 1024;
    },
    async users() {
      const { agent } = await pids();
      const status = await Promise.all(
        agent.map((pid) => readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')),
      );
      return new Set(status.flatMap((text) => /^Uid:\s+(\d+)/m.exec(text)?.[1] ?? [])).size;
    },
  };
}

/** A process's memory, shared pages divided among those that share them (kB). */
async function pssOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
}

function report(apart: Measured, together: Measured): SectionResult {
  const row = (what: string, unit: 'ms' | 'MB', ours: number[], peer: number[]) => ({
    what,
    ours: formatSpread(ours, unit),
    peer: formatSpread(peer, unit),
    ratio: formatRatio(ours, peer),
    target: '≤ 1.1×',
    held: medianRatio(ours, peer) <= 1.1,
  });
  return {
    rows: [
      row('warm, both at once', 'ms', apart.warm, together.warm),
      row('memory of worker and agents', 'MB', apart.memory, together.memory),
    ],
    notes: [
      'A prewarmed process serves the next new session of the person who was last at work, and no other session: a process runs as one person’s user from its start, and changing the user of one that runs would need a right that no process of the agent may have. Another person’s new session takes the time of a start without a spare (the part before this one: “resumed”).',
    ],
  };
}
