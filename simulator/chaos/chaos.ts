import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { z } from 'zod';
import type { Log } from '../../shared/runtime/log.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import { createRestic } from '../../worker/snapshots/restic.ts';
import { readAccount } from './account.ts';
import type { Account } from './account.ts';
import { createErrand } from './errand.ts';
import { killAll } from './killer.ts';
import type { KillCount } from './killer.ts';
import { createMoments } from './moments.ts';
import type { Moment, Moments } from './moments.ts';
import { createPlan } from './plan.ts';
import type { Plan, PlannedMessage, PlanOptions } from './plan.ts';
import { countRestores, findMissing, judgeMissing, lossesOf } from './file-verdict.ts';
import type { FileVerdict } from './file-verdict.ts';
import { sendAll } from './sender.ts';
import type { SenderDeps } from './sender.ts';
import { readStates, received, settle } from './settling.ts';
import { runChaosSystem } from './system.ts';
import type { ChaosSystem } from './system.ts';
import { failLate, makeTrouble } from './twilio-troubles.ts';
import type { Twin } from '../twilio/twin.ts';
import { judge } from './verdict.ts';
import type { ReceivedReply, SentMessage, Verdict } from './verdict.ts';

export type ChaosRun = PlanOptions & {
  keep: boolean;
  searchPath: string;
  log: Log;
  /** Receives progress reports, in sentences. */
  say: (line: string) => void;
  /** Ends the run early; everything is cleaned up. */
  signal: AbortSignal;
};

export type ChaosResult = {
  digest: string;
  verdict: Verdict;
  /** The files that a later turn did not find; with several homes. */
  files: FileVerdict | undefined;
  account: Account;
  kills: KillCount;
  /** What the person removed from the list still received. */
  afterRemoval: string[];
  /** Restarts of the processes, and deaths that the run did not cause. */
  restarts: number;
  ownDeaths: number;
  /** The unfinished work when the run gave up waiting. */
  stuck: string[];
  seconds: number;
};

/** When the late failures change their code (ms). */
const lateRoundMs = 10_000;
/** How long after the schedule's end the relay may need to take in what it refused (ms). */
const acceptPatience = 60_000;

/** What restic lists of a snapshot, as far as it is used. */
const Listed = z.array(z.object({ time: z.string() }));

/** The time in which requests that were under way when the list changed still arrive (ms). */
const removalGraceMs = 5000;

/**
 * Runs one schedule from its first message to the verdict. Throws when the system does not start.
 */
export async function runChaos(run: ChaosRun): Promise<ChaosResult> {
  const plan = createPlan(run);
  const begun = Date.now();
  run.say(
    `Schedule ${plan.digest}: ${plan.messages.length} messages from ${plan.conversations.length} phones, ${plan.kills.length} kills, in ${Math.round(plan.durationMs / 1000)} s.`,
  );
  let moments: Moments | undefined;
  const note = (moment: Moment) => (): void => moments?.happened(moment);
  const system = await runChaosSystem({
    conversations: plan.conversations,
    leaver: plan.leaver.conversation,
    claude: plan.claude,
    workers: run.workers,
    relays: run.relays,
    homes: run.homes,
    searchPath: run.searchPath,
    keep: run.keep,
    log: run.log,
    stories: [createErrand(note('claude-tool'), note('claude-answered'))],
  });
  if (run.keep) run.say(`Logs and data are in ${system.dir}`);
  const redis = new Redis(system.redisUrl, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
  redis.on('error', () => undefined);
  try {
    moments = createMoments({
      redisUrl: system.redisUrl,
      twin: system.twin,
      answered: system.answered,
    });
    const sent: SentMessage[] = [];
    const { kills, removedAt } = await playSchedule(run, plan, system, moments, sent);
    run.say('Everything is sent. Waiting until everything is answered …');
    const settled = async (): Promise<string[]> => {
      const { twin } = system;
      const { conversations } = plan;
      return (await settle({ redis, twin, conversations, sent, signal: run.signal })).stuck;
    };
    let stuck = await settled();
    for (const line of stuck) run.say(`Stuck: ${line}`);
    if (run.homes > 1) {
      run.say('Everybody writes once more, and sees which files there are …');
      await sendAll(senderOf(system, run.signal), lastLooks(plan), Date.now(), sent);
      // What was stuck must not count as settled because the last message has taken it along.
      stuck = [...stuck, ...(await settled())];
    }
    await readStates(redis, sent);
    const replies = received({ twin: system.twin, conversations: plan.conversations });
    const { store, fleet } = system.victims;
    const files = fleet && (await judgeFiles(redis, system, plan, { sent, replies }));
    const account = await readAccount(redis, system.bill, begun, plan.claude);
    const members = [...system.victims.relays, system.victims.redis, ...system.victims.workers];
    return {
      digest: plan.digest,
      verdict: judge(sent, replies, store.forgotten),
      files,
      account,
      kills,
      stuck,
      afterRemoval: answersAfter(removedAt, plan.leaver.conversation, system.twin),
      restarts: members.reduce((sum, member) => sum + member.restarts, 0),
      ownDeaths: members.reduce((sum, member) => sum + member.ownDeaths, 0),
      seconds: Math.round((Date.now() - begun) / 1000),
    };
  } finally {
    moments?.stop();
    redis.disconnect();
    await system.stop();
  }
}

/**
 * Runs sends, kills and troubles until the schedule is complete and every message is accepted.
 * Afterwards Twilio is fault-free.
 */
async function playSchedule(
  run: ChaosRun,
  plan: Plan,
  system: ChaosSystem,
  moments: Moments,
  sent: SentMessage[],
): Promise<{ kills: KillCount; removedAt: number }> {
  const { faults } = system.twin;
  const startedAt = Date.now();
  const deadline = AbortSignal.any([
    run.signal,
    AbortSignal.timeout(plan.durationMs + acceptPatience),
  ]);
  makeTrouble(faults, run.seed);
  let round = 0;
  const rounds = setInterval(() => failLate(faults, run.seed, (round += 1)), lateRoundMs);
  try {
    const sender = senderOf(system, deadline);
    const sending = sendAll(sender, plan.messages, startedAt, sent);
    // The leaver's own messages are not judged with the others'.
    const leaving = Promise.all([
      sendAll(sender, plan.leaver.messages, startedAt, []),
      removeAt(startedAt + plan.leaver.atMs, plan.leaver.conversation, system, run),
    ]);
    const killing = killAll(
      { victims: system.victims, moments, faults, seed: run.seed },
      plan.kills,
      startedAt,
      run.signal,
    );
    const [, kills, [, removedAt]] = await Promise.all([sending, killing, leaving]);
    return { kills, removedAt };
  } finally {
    clearInterval(rounds);
    faults.clear();
  }
}

function senderOf({ twin, webhookUrl, authToken }: ChaosSystem, signal: AbortSignal): SenderDeps {
  return { twin, webhookUrl, authToken, signal };
}

/** A last message from each person whose turns tell which files they find. */
function lastLooks({ conversations, claude }: Plan): PlannedMessage[] {
  return conversations
    .map((conversation, index) => ({ conversation, label: `${index}-9999` }))
    .filter(({ conversation }) => !claude.includes(conversation))
    .map((look) => ({ ...look, atMs: 0, text: look.label, lateCopyMs: undefined }));
}

/** Judges the files of finished turns by what later turns have found, and by the store. */
async function judgeFiles(
  redis: Redis,
  system: ChaosSystem,
  { conversations }: Plan,
  { sent, replies }: { sent: SentMessage[]; replies: ReceivedReply[] },
): Promise<FileVerdict> {
  const { store, fleet } = system.victims;
  const losses = [
    ...(fleet?.losses ?? []),
    ...lossesOf(store.forgotten, fleet?.moves ?? [], conversations),
  ];
  const people = createPeopleStore(redis);
  const restic = createRestic(system.snapshotStore);
  const snapshotsOf = async (conversation: string): Promise<number[]> => {
    const person = await people.idOf(conversation);
    const args = ['snapshots', '--json', '--no-lock', '--tag', 'complete'];
    const listed = Listed.parse(JSON.parse(await restic.run({ person, args }).catch(() => '[]')));
    return listed.map(({ time }) => Date.parse(time));
  };
  const epochs = await Promise.all(
    conversations.map(async (phone) => (await people.find(phone))?.epoch ?? 0),
  );
  return {
    ...(await judgeMissing(findMissing(sent, replies, losses), snapshotsOf)),
    moves: epochs.reduce((sum, epoch) => sum + epoch, 0),
    restores: countRestores(replies),
  };
}

/**
 * Removes the leaver from the list at this time. Returns when the list took effect (ms since 1970):
 * a Redis that is full or frozen takes it later.
 */
async function removeAt(
  at: number,
  leaver: string,
  system: ChaosSystem,
  { signal, log }: Pick<ChaosRun, 'signal' | 'log'>,
): Promise<number> {
  await sleep(Math.max(at - Date.now(), 0), undefined, { signal });
  await system.remove();
  const redis = connectRedis(system.redisUrl, 'patient', log);
  try {
    while (!(await redis.hget(keys.allowed, leaver))?.startsWith('removed'))
      await sleep(50, undefined, { signal });
  } finally {
    redis.disconnect();
  }
  return Date.now();
}

/**
 * The replies that reached a person later than the grace period after this time (ms since 1970).
 */
function answersAfter(at: number, conversation: string, twin: Twin): string[] {
  return received({ twin, conversations: [conversation] })
    .filter((reply) => reply.at > at + removalGraceMs)
    .map(({ sid, at: when }) => `${sid} at ${new Date(when).toISOString()}`);
}
