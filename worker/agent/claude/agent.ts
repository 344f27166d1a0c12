import { AgentFailure } from '../agent-failure.ts';
import type { Agent, AgentTurn, ComingTurn } from '../agent.ts';
import type { BackgroundControl, BackgroundListener, BackgroundTask } from '../background.ts';
import type { AgentUsers } from '../homes/agent-users.ts';
import type { Home } from '../homes/home.ts';
import { createAgentPlatform } from '../sandbox/platform.ts';
import type { AgentPlatformOptions } from '../sandbox/platform.ts';
import { carryHistory } from './transcript/carried-history.ts';
import { createFileReader } from '../../reading/file-reader.ts';
import type { FileReader } from '../../reading/file-reader.ts';
import { findPrompt } from './transcript/transcript.ts';
import { promptId } from './prompt-id.ts';
import { isTakenAway, workInSession } from './turn.ts';
import { leaseGroups } from '../sandbox/group-lease.ts';
import type { GroupLease } from '../sandbox/group-lease.ts';
import { createIdleSessions } from './idle-sessions.ts';
import type { IdleSessions } from './idle-sessions.ts';
import { createProcessPool } from './pool.ts';
import type { LiveSession } from './session.ts';
import { createMachineWatch } from '../sandbox/machine-watch.ts';
import type { MachineWatch } from '../sandbox/machine-watch.ts';
import type { SessionOptionDeps } from './options.ts';
import { settingsOf, startSession } from './start.ts';
import type { SessionDeps, Wanted } from './start.ts';
import { grantsKey, noGrants } from '../workspace/grants.ts';
import { startPrewarmedProcess } from './prewarmed-process.ts';
import { createPrewarmed } from './prewarmed.ts';
import type { Prewarmed } from './prewarmed.ts';
import { createWorkProcesses } from '../sandbox/work-processes.ts';
import type { WorkProcesses } from '../sandbox/work-processes.ts';

export type ClaudeOptions = AgentPlatformOptions & {
  /** The users of its processes; undefined means the worker's own user. */
  users?: Pick<AgentUsers, 'first' | 'at' | 'has' | 'reader'> | undefined;
  session: SessionOptions;
  processes?: ProcessOptions;
  pool: PoolOptions;
};

export type SessionOptions = Omit<
  SessionOptionDeps,
  'imagesDir' | 'user' | 'bounds' | 'watchesCost'
> & {
  /** How long the model's service may fail before the turn is given up (ms). */
  modelPatienceMs: number;
};

export type ProcessOptions = {
  /**
   * The groups that mark the processes, released at the end; when undefined, the agent leases some
   * itself if it may.
   */
  groups?: GroupLease | undefined;
  /**
   * Limit on processes and threads of each user; when undefined, the worker's own limit
   * applies.
   */
  maxProcesses?: number | undefined;
  /** The cgroup file that counts OOM kills. */
  memoryEvents?: string | undefined;
};

export type PoolOptions = {
  /**
   * Limit on live processes: working, idle and prewarmed together; a browser counts as one more.
   * Working processes are never ended to meet it.
   */
  maxLive: number;
  /** How long an idle process is kept for the next message (ms). */
  idleMs: number;
  /**
   * How long nothing may have started or ended before a prewarmed process is started for the next
   * new session (ms); undefined disables prewarming.
   */
  prewarmMs?: number | undefined;
};

/** How long Claude may take to end an interrupted turn beside work that continues (ms). */
const quietMs = 3000;

/** The agent's processes, the groups that mark them, and the watch on their number and memory. */
function createProcesses({
  users,
  owner,
  dataDir,
  processes: { maxProcesses, memoryEvents, groups: leased } = {},
}: ClaudeOptions): {
  groups: GroupLease | undefined;
  processes: WorkProcesses;
  machine: (home: Home) => MachineWatch;
} {
  const own = process.getuid?.();
  const uid = users?.first.uid ?? own;
  const groups = leased ?? (uid === undefined ? undefined : leaseGroups(uid, users?.has));
  const processes = createWorkProcesses({ users, owner, dataDir, groups });
  const watchOf = createMachineWatch({ maxProcesses, processes, memoryEvents });
  return { groups, processes, machine: ({ user }) => watchOf(user?.uid ?? own) };
}

function createSessionDeps(
  options: ClaudeOptions,
  made: Pick<SessionDeps, 'platform' | 'processes'> & { reader: FileReader },
): SessionDeps {
  const { accounting, secrets, session, processes } = options;
  const { limits } = accounting;
  return {
    platform: made.platform,
    processes: made.processes,
    model: secrets.ANTHROPIC_MODEL,
    options: {
      ...session,
      reader: made.reader,
      bounds: { maxProcesses: processes?.maxProcesses },
      watchesCost: [limits.turn, limits.day, limits.month].some((limit) => limit !== undefined),
    },
  };
}

/**
 * The Agent that runs Claude Code through its SDK: one session per conversation, its process kept
 * between turns, and a prewarmed process for a new session.
 */
export function createClaudeAgent(options: ClaudeOptions): Agent {
  const { log } = options;
  let listener: BackgroundListener | undefined;
  const idle = createIdleSessions(options.pool.idleMs);
  const working = new Map<LiveSession, string>();
  const preparing = new Map<string, Promise<void>>();
  const platform = createAgentPlatform(options);
  const { groups, processes, machine } = createProcesses(options);
  const reader = options.session.reader ?? createFileReader({ userOf: options.users?.reader, log });
  const parts = createSessionDeps(options, { reader, platform, processes });
  const pool = createProcessPool({
    most: options.pool.maxLive,
    idle,
    working: () => [...working.keys()],
    prewarmed: () => prewarmed,
  });
  let stopped = false;
  const prewarmed: Prewarmed = createPrewarmed({
    start: (home, starting) => startPrewarmedProcess(parts, home, starting),
    calmMs: options.pool.prewarmMs,
    hasRoom: pool.hasRoom,
    log,
  });

  /** Takes a prewarmed process or starts a new one for the turn. */
  const start = async (turn: Wanted): Promise<LiveSession> => {
    // A prewarmed process starts before the workspace's own grants are known.
    const isPrewarmed =
      turn.session === undefined && prewarmed.isIn(turn.home) && keyOf(turn) === '';
    pool.makeRoom(isPrewarmed ? 0 : 1);
    const live =
      (isPrewarmed ? await prewarmed.claim(turn) : undefined) ?? (await startSession(parts, turn));
    watch(live, turn.conversation);
    return live;
  };
  /** Reports what a process does by itself as long as it lives. */
  const watch = (live: LiveSession, conversation: string): void => {
    let known: BackgroundTask[] = [];
    const nameOf = (tasks: BackgroundTask[]): string =>
      tasks.map(({ id, ended }) => `${id} ${ended ?? ''}`).join();
    live.watch({
      onChange() {
        idle.touch(live);
        // The next boot reports what a stopping worker has lost.
        if (stopped) return;
        const open = live.openTasks;
        if (nameOf(open) === nameOf(known)) return;
        known = open;
        listener?.onChange(conversation, live.id, known);
      },
      onWanted: () => (stopped ? undefined : listener?.onWanted(conversation, live.id)),
      onUnsaved: (why) => listener?.onUnsaved(conversation, live.id, why),
      onEnd() {
        idle.drop(live);
        if (known.length > 0 && !stopped) listener?.onLost(conversation, live.id, known);
      },
    });
  };
  /** Takes the idle process kept for the turn's session, if there is one. */
  const takeKept = async (turn: AgentTurn): Promise<LiveSession | undefined> => {
    await preparing.get(turn.conversation);
    return await idle.take(
      turn.conversation,
      (live) => serves(live, turn),
      (live) => live.id !== turn.session,
    );
  };
  /**
   * After a turn that failed or was stopped: what runs in the background is not ended with it, nor
   * what has just ended there before Claude has spoken of it.
   */
  const keepBackground = async (live: LiveSession, { signal }: AgentTurn): Promise<boolean> => {
    if (live.ended || stopped || !live.goesOn || isTakenAway(signal)) return false;
    if (signal.reason instanceof AgentFailure) return false;
    return await live.quiet(quietMs);
  };

  return {
    async prepare(turn) {
      const prepared = start(turn)
        .then((live) => idle.keep(turn.conversation, live))
        .catch((error: unknown) =>
          log.warn({ err: error, conversation: turn.conversation }, 'session preparation failed'),
        )
        .finally(() => preparing.delete(turn.conversation));
      preparing.set(turn.conversation, prepared);
      await prepared;
    },
    async *work(turn) {
      turn.signal.throwIfAborted();
      prewarmed.stir(turn.home);
      const live = (await takeKept(turn)) ?? (await start(turn));
      working.set(live, turn.conversation);
      if (stopped) await live.close();
      let finished = false;
      live.begin();
      live.onSuggestion = turn.onSuggestion;
      live.beforeTool = turn.beforeTool;
      try {
        yield { kind: 'session', id: live.id };
        await live.configure(settingsOf(turn, parts.model));
        live.model.begin(turn.id, turn.timezone);
        const read = (session: string): ReturnType<typeof platform.transcript> =>
          platform.transcript(turn.home, session, turn.workspace);
        yield* workInSession(
          live,
          carryHistory(turn, live, read),
          options.session.modelPatienceMs,
          machine(turn.home),
        );
        live.done();
        live.markTasksTold();
        finished = true;
      } finally {
        working.delete(live);
        live.listen(undefined);
        live.tools = undefined;
        live.beforeTool = undefined;
        if (finished) await idle.keep(turn.conversation, live);
        else {
          // An interrupt makes Claude Code update the transcript, which tells the next turn what
          // has arrived. Skipped when another worker has the turn and writes the transcript now.
          if (!live.ended && !isTakenAway(turn.signal)) await live.interrupt();
          const isKept = await keepBackground(live, turn);
          if (!isKept && (live.ended || stopped || isTakenAway(turn.signal))) await live.close();
          else {
            await live.endDetached();
            if (isKept) live.done();
            if (isKept) await idle.keep(turn.conversation, live);
            else idle.retire(turn.conversation, live);
          }
        }
        // Book the usage before the turn reports it; whatever still runs in the background counts
        // for the conversation.
        live.model.end();
        await live.model.settled();
        pool.makeRoom(0);
        prewarmed.stir(turn.home);
      }
    },
    lookUpModel: platform.lookUpModel,
    async lookUpMessages({ home, session, workspace }, messages) {
      const { entries, began } = await platform.history(home, session, workspace);
      return new Map(
        messages.map(({ id, at }) => {
          const { state } = findPrompt(entries, promptId(id));
          if (state !== 'absent') return [id, state];
          if (entries.length === 0) return [id, 'lost'];
          return [id, began === undefined || Date.parse(at) < began ? 'before' : state];
        }),
      );
    },
    pause: () => processes.haltAll(),
    release: async (conversation) => {
      await preparing.get(conversation);
      await idle.release(conversation);
    },
    background: createBackgroundControl({
      listen: (next) => void (listener = next),
      mostSessions: () => options.pool.maxLive,
      working: () => sessionsAtWork(working),
      idle,
    }),
    async stop() {
      stopped = true;
      await Promise.all([prewarmed.stop(), ...preparing.values()]);
      await idle.stop();
      await Promise.all([...working.keys()].map((live) => live.close()));
      await processes.endAll();
      groups?.end();
      if (!options.session.reader) await reader.stop();
      await platform.close();
    },
  };
}

/** A process, and the conversation that it works for. */
type Session = { conversation: string; live: LiveSession };

const sessionsAtWork = (working: ReadonlyMap<LiveSession, string>): Session[] =>
  [...working].map(([live, conversation]) => ({ conversation, live }));

/** What is done about work in the background, over the processes at work and the idle ones. */
function createBackgroundControl({
  listen,
  mostSessions,
  working,
  idle,
}: Pick<BackgroundControl, 'listen' | 'mostSessions'> & {
  working: () => Session[];
  idle: Pick<IdleSessions, 'kept' | 'release'>;
}): BackgroundControl {
  const sessions = (): Session[] => [...working(), ...idle.kept()];
  const end = ({ live }: Session, task: string): Promise<boolean> =>
    live.endTask(task).then(
      () => true,
      () => false,
    );
  return {
    listen,
    mostSessions,
    busy: () => sessions().flatMap(({ conversation, live }) => (live.isBusy ? conversation : [])),
    async end(conversation, session, task) {
      const found = sessions().find(
        ({ conversation: of, live: { id, background } }) =>
          of === conversation && id === session && background.some((known) => known.id === task),
      );
      return found !== undefined && (await end(found, task));
    },
    async dismiss(conversation) {
      // A turn at work ends at its next step, and its process with it.
      const tasks = working()
        .filter((session) => session.conversation === conversation)
        .flatMap((session) => session.live.background.map(({ id }) => end(session, id)));
      await Promise.all([idle.release(conversation), ...tasks]);
    },
  };
}

/**
 * Whether a process is in the turn's session and home, and has the same grants; for a new session,
 * whether the process is still unused.
 */
function serves(live: LiveSession, turn: AgentTurn): boolean {
  const { session, rewind } = turn;
  if (live.ended || live.grants !== keyOf(turn) || live.workspace !== turn.workspace) return false;
  // A session goes back only when it is resumed.
  if (rewind !== undefined) return false;
  return session === undefined ? !live.resumed && live.sent.size === 0 : live.id === session;
}

function keyOf({ grants = noGrants }: ComingTurn): string {
  return grantsKey(grants);
}
