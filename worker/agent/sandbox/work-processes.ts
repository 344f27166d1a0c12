import { readFileSync } from 'node:fs';
import type { AgentUsers } from '../homes/agent-users.ts';
import type { AgentUser } from './user.ts';
import { endProcesses, haltProcesses, selectDetached, selectWork } from './ending.ts';
import type { GroupLease } from './group-lease.ts';
import { createMark, findMarked, isOfSession } from './processes.ts';
import type { MarkedUsers } from './processes.ts';
import { processClock, readProcessTable } from './process-table.ts';
import type { ProcessEntry } from './process-table.ts';

/**
 * The processes around one Claude Code process: how they are marked at the start, and how they end.
 */
export type SessionProcesses = {
  /** The mark in their environment. */
  readonly mark: string;
  /** Their user, with the group that marks them; undefined means the worker's own user. */
  readonly user: AgentUser | undefined;
  /** The group that marks them, if any. */
  readonly group: number | undefined;
  /**
   * Marks the start of a piece of work: processes started from now on end with it if it is aborted.
   */
  begin(): void;
  /** Marks the work as done: processes that it left running stay. */
  done(): void;
  /** Ends what unfinished work has detached, and leaves Claude Code and its descendants running. */
  endDetached(): Promise<void>;
  /** Ends Claude Code with its descendants, and all processes of unfinished work. */
  end(): Promise<void>;
};

/** The processes of one worker's agent. */
export type WorkProcesses = {
  /** `user` is the person's; undefined means the worker's own. */
  ofSession(session: string, user: AgentUser | undefined): SessionProcesses;
  /**
   * Ends another worker's processes in a session: they may have outlived that worker, and two must
   * never work on one session.
   */
  endOthers(session: string, user: AgentUser | undefined): Promise<void>;
  /**
   * Ends the commands of a user's session with the most threads; Claude Code itself and its MCP
   * servers stay.
   */
  endStorm(uid: number | undefined): Promise<void>;
  /**
   * Halts every process that this worker's agent has started; the returned function resumes them.
   */
  haltAll(): Promise<() => void>;
  /**
   * Ends every process that this worker's agent has started, wherever it is in the process tree.
   * Returns how many there were.
   */
  endAll(): Promise<number>;
};

export type WorkProcessesOptions = {
  /** The users of the processes; undefined means the worker's own user. */
  users: Pick<AgentUsers, 'at' | 'has'> | undefined;
  /** `WORKER_ID#boot`. */
  owner: string;
  dataDir: string;
  /** Undefined where only the environment marks processes, which a process can remove. */
  groups: GroupLease | undefined;
};

export function createWorkProcesses({
  users,
  owner,
  dataDir,
  groups,
}: WorkProcessesOptions): WorkProcesses {
  /** The ids of processes whose mark satisfies `matches`. */
  const marked = async (
    matches: (mark: string) => boolean,
    whose: MarkedUsers = users,
  ): Promise<Set<number>> => {
    const found = await findMarked({ users: whose });
    return new Set(found.filter(({ mark }) => matches(mark)).map(({ pid }) => pid));
  };
  const isOwn = (mark: string): boolean =>
    mark.startsWith(`${owner}/`) && mark.endsWith(`@${dataDir}`);
  const ofWorker = async (table: ProcessEntry[]): Promise<ProcessEntry[]> => {
    const own = await marked(isOwn);
    return table.filter(
      (entry) =>
        entry.pid !== process.pid && (own.has(entry.pid) || (groups?.isOurs(entry) ?? false)),
    );
  };
  const orphans = (table: ProcessEntry[]): ProcessEntry[] => groups?.orphans(table) ?? [];

  return {
    ofSession(session, user) {
      const mark = createMark(owner, session, dataDir);
      const group = groups?.take();
      let since: number | undefined;
      const endWork = async (select: typeof selectWork): Promise<void> => {
        const began = since ?? Infinity;
        await endProcesses(async (table) => {
          const ids =
            group === undefined ? await marked((other) => other === mark, only(user)) : undefined;
          const isOurs = ({ pid, groups: own }: ProcessEntry): boolean =>
            group === undefined ? (ids?.has(pid) ?? false) : own.includes(group);
          return select(table, { isOurs, worker: process.pid, since: began });
        });
      };
      return {
        mark,
        group,
        user: user && { ...user, ...(group === undefined ? {} : { group }) },
        begin: () => (since = processClock()),
        done: () => (since = undefined),
        endDetached: () => endWork(selectDetached),
        end: () => endWork(selectWork),
      };
    },
    async endOthers(session, user) {
      await endProcesses(async (table) => {
        // What has a group of this worker's is its own; the marks are read for the rest only.
        const isOthers = (entry: ProcessEntry): boolean =>
          entry.uid === user?.uid && !groups?.isOurs(entry);
        const isOfOther = (mark: string): boolean =>
          isOfSession(mark, session, dataDir) && !isOwn(mark);
        const theirs =
          !groups || !user || table.some(isOthers)
            ? await marked(isOfOther, only(user))
            : new Set<number>();
        const heads = new Set(
          table
            .filter(({ pid }) => theirs.has(pid) && isWorking(pid, session))
            .map(({ pid }) => pid),
        );
        const left = groups
          ? withDescendants(table, heads)
          : table.filter(({ pid }) => theirs.has(pid));
        return [...left, ...orphans(table).filter(({ pid }) => !heads.has(pid))];
      });
    },
    async endStorm(uid) {
      const counts = new Map<number, number>();
      for (const entry of readProcessTable()) {
        const group =
          groups?.isOurs(entry) && entry.uid === uid
            ? entry.groups.find((number) => number !== groups.own)
            : undefined;
        if (group !== undefined) counts.set(group, (counts.get(group) ?? 0) + entry.threads);
      }
      const [most] = [...counts].sort(([, one], [, other]) => other - one);
      if (most)
        await endProcesses((table) =>
          table.filter(
            (entry) =>
              entry.groups.includes(most[0]) &&
              entry.parent !== process.pid &&
              !isServing(table, entry),
          ),
        );
    },
    haltAll: () => haltProcesses(ofWorker),
    endAll: () => endProcesses(ofWorker),
  };
}

/** One user alone; the worker's own without one. */
function only(user: AgentUser | undefined): MarkedUsers {
  return user && { at: () => user, has: (uid) => uid === user.uid };
}

/**
 * Whether a process is the Claude Code of a session, judged by the session's id on its command
 * line.
 */
function isWorking(pid: number, session: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      .split('\0')
      .some((word) => word.endsWith(session));
  } catch {
    return false;
  }
}

/**
 * Whether a process is in Claude Code's own POSIX session, and so not a command: commands have
 * their own sessions.
 */
function isServing(table: ProcessEntry[], { session, pid }: ProcessEntry): boolean {
  const leader = table.find((entry) => entry.pid === session);
  return leader !== undefined && leader.pid !== pid && leader.parent === process.pid;
}

/** The processes and all their descendants. */
function withDescendants(table: ProcessEntry[], heads: Set<number>): ProcessEntry[] {
  const below = new Set(heads);
  for (let size = -1; size !== below.size;) {
    size = below.size;
    for (const { pid, parent } of table) if (below.has(parent)) below.add(pid);
  }
  return table.filter(({ pid }) => below.has(pid));
}
