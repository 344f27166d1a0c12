import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Log } from '../../shared/runtime/log.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import { readAccount } from './account.ts';
import type { Account } from './account.ts';
import { createErrand } from './errand.ts';
import { killAll } from './killer.ts';
import type { KillCount } from './killer.ts';
import { createMoments } from './moments.ts';
import type { Moment, Moments } from './moments.ts';
import { createPlan } from './plan.ts';
import type { Plan, PlanOptions } from './plan.ts';
import { sendAll } from './sender.ts';
import { readStates, received, settle } from './settling.ts';
import { runChaosSystem } from './system.ts';
import type { ChaosSystem } from './system.ts';
import { failLate, makeTrouble } from './twilio-troubles.ts';
import type { Twin } from '../twilio/twin.ts';
import { judge } from './verdict.ts';
import type { SentMessage, Verdict } from './verdict.ts';

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
      transcripts: system.transcripts,
    });
    const sent: SentMessage[] = [];
    const { kills, removedAt } = await playSchedule(run, plan, system, moments, sent);
    run.say('Everything is sent. Waiting until everything is answered …');
    const { stuck } = await settle({
      redis,
      twin: system.twin,
      conversations: plan.conversations,
      sent,
      signal: run.signal,
    });
    await readStates(redis, sent);
    const account = await readAccount(redis, system.bill, begun, plan.claude);
    const members = [system.victims.relay, system.victims.redis, ...system.victims.workers];
    return {
      digest: plan.digest,
      verdict: judge(
        sent,
        received({ twin: system.twin, conversations: plan.conversations }),
        system.victims.store.forgotten,
      ),
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
    const sender = {
      twin: system.twin,
      webhookUrl: system.webhookUrl,
      authToken: system.authToken,
      signal: deadline,
    };
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
