import { createHash } from 'node:crypto';
import { createSeededRandom } from '../twilio/seeded-random.ts';

/**
 * The moments at which a process is killed. Those without a name of their own are random; the
 * others wait for what they name: `accepting` a message's way into Redis, `mid-tool` a running
 * tool, `last-token` a complete answer that is not yet in the outbox, `posted` a reply that Twilio
 * has and Redis does not know of, `posting` a POST that Twilio does not answer, `stopping` a stop
 * that has begun.
 */
const killKinds = [
  'worker',
  'relay',
  'redis',
  'relay-accepting',
  'redis-accepting',
  'worker-mid-tool',
  'worker-last-token',
  'worker-posted',
  'worker-posting',
  'worker-stopping',
] as const;

/**
 * The other troubles of a system: processes that are suspended for a while and resumed (`frozen`),
 * an event loop that is blocked until the guard kills its process (`stuck`), a Redis without free
 * memory, a Redis demoted to a replica, a Redis restored to its state of some seconds ago, and
 * connections to it that break between a command and its reply.
 */
const troubleKinds = [
  'worker-frozen',
  'relay-frozen',
  'redis-frozen',
  'worker-stuck',
  'redis-full',
  'redis-read-only',
  'redis-restored',
  'connections-cut',
] as const;

/**
 * The troubles of several homes: a person who is moved, a home that is emptied and gets people
 * again, a snapshot whose tar is killed, a machine that comes back with an empty disk, and one that
 * does not come up until its people have others.
 */
const fleetKinds = ['move', 'drain', 'tar-killed', 'disk-wiped', 'home-dead'] as const;
export const allKinds = [...killKinds, ...troubleKinds, ...fleetKinds] as const;
export type KillKind = (typeof allKinds)[number];

/** What may befall a system with so many homes. */
export function kindsOf(homes: number): readonly KillKind[] {
  return homes > 1 ? allKinds : [...killKinds, ...troubleKinds];
}

/**
 * One message to send. Times are ms from the start; `lateCopyMs` after the send the same webhook is
 * sent once more.
 */
export type PlannedMessage = {
  atMs: number;
  conversation: string;
  label: string;
  text: string;
  lateCopyMs: number | undefined;
};

/**
 * One kill or trouble: not before `atMs`, `delayMs` after the moment it waits for (Claude Code's
 * own, if `claude`). A killed process is started again after `restartMs`; a trouble ends after
 * `lengthMs`.
 */
export type PlannedKill = {
  atMs: number;
  kind: KillKind;
  worker: number;
  allWorkers: boolean;
  claude: boolean;
  delayMs: number;
  restartMs: number;
  lengthMs: number;
  /** The relay, the home and the person that it befalls, by their places. */
  relay: number;
  home: number;
  phone: string;
};

/** A person who may no longer write from `atMs` on, and who writes before and after. */
export type PlannedLeaver = { conversation: string; atMs: number; messages: PlannedMessage[] };

export type Plan = {
  conversations: string[];
  /** The conversations that Claude Code answers. */
  claude: string[];
  messages: PlannedMessage[];
  kills: PlannedKill[];
  leaver: PlannedLeaver;
  /** When the last message and the last kill are due (ms). */
  durationMs: number;
  /** Identifies the schedule: equal digests, equal schedules. */
  digest: string;
};

export type PlanOptions = {
  messages: number;
  conversations: number;
  claude: number;
  workers: number;
  relays: number;
  homes: number;
  minutes: number;
  seed: number;
  /** The average time between two kills (ms). */
  killEveryMs?: number;
  /** The kinds that the run has; all of them unless given. */
  kinds?: readonly KillKind[];
};

/**
 * A worker boots in about two seconds and gives a turn up after three deaths, so kills keep this
 * distance (ms) by default.
 */
const usualKillEveryMs = 6000;

/** The average time between two troubles of the homes (ms). */
const fleetEveryMs = 9000;

/**
 * Kinds by weight: each kind once, and the worker's random death twice more, since the worker has
 * most to lose.
 */
const weighted: KillKind[] = [...kindsOf(1), 'worker', 'worker'];
/** Of a home's troubles most are moves. */
const fleetWeighted: KillKind[] = [...fleetKinds, 'tar-killed', 'move', 'move', 'move', 'move'];

/** Ends of texts that break code which counts bytes, UTF-16 units or lines, as phones send them. */
const oddEndings = [
  ' \u{1F469}\u{1F3FD}\u200D\u{1F680}\u{1F469}\u{1F3FD}\u200D\u{1F680}',
  ` ${'\u{1F600}'.repeat(60)}`,
  ' e\u0301\u0327\u0323'.repeat(20),
  ' \u05E9\u05DC\u05D5\u05DD \u202Eabc\u202C',
  ' \\ud83d \\u0000 %s ${x} {{1}}',
  ' \u2028 \u2029 \uFEFF \uFFFF',
  ` ${'\u{20BB7}'.repeat(150)}`,
  ' */ ]]> "]}\' -- <b>&amp;',
];

/** Makes the whole schedule from the options alone. */
export function createPlan(options: PlanOptions): Plan {
  const random = createSeededRandom(options.seed);
  const between = (least: number, most: number): number =>
    Math.round(least + random() * (most - least));
  const durationMs = Math.round(options.minutes * 60_000);
  const conversations = Array.from({ length: options.conversations }, (_, index) => phoneOf(index));
  const claude = conversations.slice(0, options.claude);
  const messages = planMessages(
    options.messages,
    conversations,
    new Set(claude),
    durationMs,
    random,
    between,
  );
  const { killEveryMs = usualKillEveryMs } = options;
  const kills = planKills(durationMs, killEveryMs, weighted, options, random, between);
  const leaver = planLeaver(durationMs, between);
  if (options.homes > 1) {
    const everyMs = (fleetEveryMs * killEveryMs) / usualKillEveryMs;
    kills.push(...planKills(durationMs, everyMs, fleetWeighted, options, random, between));
  }
  const digest = createHash('sha256')
    .update(JSON.stringify([messages, kills, leaver]))
    .digest('hex')
    .slice(0, 12);
  return { conversations, claude, messages, kills, leaver, durationMs, digest };
}

function phoneOf(index: number): string {
  return `+1555200${String(index).padStart(4, '0')}`;
}

type Between = (least: number, most: number) => number;

/**
 * Spreads the messages; a third of them follow the one before within a moment, from the same phone.
 */
function planMessages(
  count: number,
  conversations: string[],
  claude: Set<string>,
  durationMs: number,
  random: () => number,
  between: Between,
): PlannedMessage[] {
  const drafts: { atMs: number; phone: number }[] = [];
  for (let index = 0; index < count; index += 1) {
    const before = drafts.at(-1);
    const follows = before !== undefined && random() < 0.33;
    drafts.push(
      follows
        ? { atMs: before.atMs + between(0, 60), phone: before.phone }
        : { atMs: between(0, durationMs * 0.95), phone: between(0, conversations.length - 1) },
    );
  }
  drafts.sort((one, other) => one.atMs - other.atMs);
  return drafts.map(({ atMs, phone }, index) => {
    const conversation = conversations[phone] ?? '';
    const label = `${phone}-${String(index).padStart(4, '0')}`;
    const manner = random();
    // Only a tool makes a scripted model's turn long enough for a kill in the middle.
    const extra =
      manner < 0.2
        ? ' with a note'
        : manner < (claude.has(conversation) ? 0.7 : 0.4)
          ? ' with a tool'
          : manner > 0.8 && claude.has(conversation)
            ? ' with a helper'
            : '';
    const odd = random() < 0.25 ? (oddEndings[between(0, oddEndings.length - 1)] ?? '') : '';
    // The manner comes last, since the agents look for it there.
    const text = `${claude.has(conversation) ? 'say answer to ' : ''}${label}${claude.has(conversation) ? '' : odd}${extra}`;
    return {
      atMs,
      conversation,
      label,
      text,
      lateCopyMs: random() < 0.3 ? between(50, 6000) : undefined,
    };
  });
}

/** Six messages around the moment at which their sender is taken from the list. */
function planLeaver(durationMs: number, between: Between): PlannedLeaver {
  const conversation = '+15552009999';
  const atMs = between(durationMs * 0.3, durationMs * 0.7);
  const messages = Array.from({ length: 6 }, (_, index): PlannedMessage => {
    const label = `leaver-${index}`;
    return {
      atMs: Math.max(atMs + between(-3000, 3000), 0),
      conversation,
      label,
      text: `${label} with a tool`,
      lateCopyMs: undefined,
    };
  });
  return { conversation, atMs, messages };
}

/** Uses every kind once before any repeats, in an order that the seed determines. */
function planKills(
  durationMs: number,
  everyMs: number,
  weights: readonly KillKind[],
  { kinds = allKinds, conversations, workers, relays, homes, claude }: PlanOptions,
  random: () => number,
  between: Between,
): PlannedKill[] {
  const kills: PlannedKill[] = [];
  let round: KillKind[] = [];
  for (
    let atMs = between(500, everyMs);
    atMs < durationMs;
    atMs += between(everyMs * 0.5, everyMs * 1.5)
  ) {
    if (round.length === 0) round = weights.filter((kind) => kinds.includes(kind));
    const [kind] = round.splice(Math.floor(random() * round.length), 1);
    if (kind === undefined) continue;
    kills.push({
      atMs,
      kind,
      worker: between(0, (homes > 1 ? homes : workers) - 1),
      allWorkers: random() < 0.5,
      claude: claude > 0 && random() < 0.6,
      delayMs: delayOf(kind, between),
      restartMs: between(50, 1500),
      lengthMs: lengthOf(kind, between),
      // One relay and one home need no choice.
      relay: relays > 1 ? between(0, relays - 1) : 0,
      home: homes > 1 ? between(0, homes - 1) : 0,
      phone: homes > 1 ? phoneOf(between(0, conversations - 1)) : '',
    });
  }
  return kills;
}

function delayOf(kind: KillKind, between: Between): number {
  if (kind === 'worker-mid-tool') return between(0, 400);
  if (kind === 'worker-last-token') return between(0, 60);
  if (kind === 'worker-stopping') return between(0, 2500);
  if (kind === 'redis-accepting' || kind === 'relay-accepting') return between(0, 3);
  return 0;
}

/** A worker's lease lasts 4 s here, so a frozen worker has lost it when it resumes. */
function lengthOf(kind: KillKind, between: Between): number {
  if (kind === 'worker-frozen') return between(5000, 9000);
  if (kind === 'relay-frozen') return between(500, 3000);
  if (kind === 'drain') return between(3000, 12_000);
  // It is taken for dead after 24 s; a lock of its worker's holds a person up for a minute.
  if (kind === 'home-dead') return between(35_000, 80_000);
  if (kind === 'redis-restored') return between(1000, 4000);
  return between(1000, 3000);
}
