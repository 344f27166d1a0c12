import { reportError } from '../../shared/runtime/errors.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { HomeSnapshots, WantedRestore } from '../../shared/store/home-snapshots.ts';
import { AgentFailure } from '../agent/agent-failure.ts';
import type { Home } from '../agent/homes/home.ts';
import type { HomeOf } from '../agent/homes/home-of.ts';
import type { Notes } from './notes.ts';
import type { Place } from './place.ts';
import type { Repository } from './repository.ts';
import { RefusedSnapshot, finishSwap, restoreHome } from './restore.ts';
import type { Restored } from './restore.ts';
import type { Untold } from './format-notices.ts';

export type RestoresDeps = {
  repository: Repository;
  records: HomeSnapshots;
  notes: Notes;
  place: Place;
  /** Whether something runs in the home now for another conversation. */
  isShared: (conversation: string, home: Home) => boolean;
  log: Log;
};

/** What happens around restores. */
export type RestoreListener = {
  /** Notifies a person of a restore, once: a repeated call sends nothing. */
  onRestored(conversation: string, untold: Untold): Promise<void>;
  /** Snapshots are not where they were, or one was refused. */
  onGone(conversation: string): Promise<void>;
  onRefused(conversation: string, reason: string): Promise<void>;
  /** Ends what runs in a home that is about to be replaced. */
  release(conversation: string): Promise<void>;
};

/** Sees to it that a home is whole before its person's first turn. */
export type Restores = {
  /**
   * Resolves homes as `inner` does, once a home that is empty or older than its last snapshot is
   * restored. Throws AgentFailure (`files-away`) while that is not possible.
   */
  homeOf(inner: HomeOf): HomeOf;
  /** Calls the listener for each restore from now on, and for earlier unreported ones. */
  listen(listener: RestoreListener): void;
  /** Looks at a home anew before the next turn: another disk has had it meanwhile. */
  forget(person: string): void;
  stop(): void;
};

/** What a home needs before its person's turn. */
export type Need = 'nothing' | 'look' | 'restore';

/**
 * Decides by moments (ms since 1970): that of the snapshot that the home continues, by this disk,
 * and that of the last one, by Redis. `look`: neither knows any and the home is empty, as after a
 * loss of both; only the repository can tell.
 */
export function needOf(
  onDisk: number | undefined,
  inRedis: number | undefined,
  isEmpty: boolean,
): Need {
  if (inRedis === undefined) return onDisk === undefined && isEmpty ? 'look' : 'nothing';
  return onDisk === undefined || onDisk < inRedis ? 'restore' : 'nothing';
}

/** How many refused snapshots are passed over for an earlier one. */
const mostRefused = 5;

export function createRestores(parts: RestoresDeps): Restores {
  const { records, notes, place, log } = parts;
  const ended = new AbortController();
  const settled = new Set<string>();
  const settling = new Map<string, Promise<void>>();
  let listener: RestoreListener | undefined;

  const restore = async (
    home: Home,
    conversation: string,
    before?: number,
  ): Promise<Restored | undefined> => {
    let latest = before;
    for (let refused = 0; ; refused += 1) {
      const snapshot = await parts.repository.newest(home.person, latest);
      if (!snapshot) return undefined;
      try {
        // What runs there would go on in the directory that is set aside.
        if (settled.has(home.person)) await listener?.release(conversation);
        const restored = await restoreHome(parts, home, snapshot, ended.signal);
        log.warn(
          { person: home.person, snapshot: new Date(snapshot.at), links: restored.links.length },
          'restored a home',
        );
        const last = await records.last(home.person);
        if (restored.at !== last?.at)
          await records.note(home.person, { at: restored.at, files: 0, bytes: 0, leftOut: '' });
        return restored;
      } catch (error) {
        if (!(error instanceof RefusedSnapshot) || refused >= mostRefused) throw error;
        log.error({ person: home.person, reason: error.message }, 'refused a snapshot');
        await listener?.onRefused(conversation, error.message);
        latest = snapshot.at;
      }
    }
  };

  const restoreWanted = async (
    home: Home,
    conversation: string,
    wanted: WantedRestore,
  ): Promise<void> => {
    const outcome = await restore(home, conversation, wanted.before).then(
      (restored) =>
        restored
          ? `restored from ${new Date(restored.at).toISOString()}`
          : 'failed: there is no such snapshot',
      (error: unknown) => `failed: ${reportError(error).message}`,
    );
    await records.finish(conversation, wanted.token, outcome);
  };

  const settle = async (home: Home, conversation: string): Promise<void> => {
    await finishSwap(parts, home);
    const wanted = await records.wanted(conversation);
    if (wanted) await restoreWanted(home, conversation, wanted);
    const [note, last] = await Promise.all([notes.read(home.person), records.last(home.person)]);
    const isEmpty = note.at === undefined && !last && !(await place.hasFiles(home, home.person));
    if (needOf(note.at, last?.at, isEmpty) === 'nothing') return;
    if ((await restore(home, conversation)) || !last) return;
    log.error({ person: home.person }, 'the snapshots of a home are gone');
    await listener?.onGone(conversation);
    await records.forget(home.person);
  };

  const settleOnce = async (home: Home, conversation: string): Promise<void> => {
    const { person } = home;
    if (settled.has(person)) {
      const wanted = await records.wanted(conversation);
      if (!wanted) return;
      if (parts.isShared(conversation, home))
        return await records.finish(
          conversation,
          wanted.token,
          'failed: the person’s other conversation is at work; try again when it is done',
        );
    }
    const step = async (): Promise<void> => {
      await notes.locked(person, () => settle(home, conversation));
      settled.add(person);
    };
    const running = settling.get(person) ?? step();
    settling.set(person, running);
    await running.finally(() => settling.delete(person));
  };

  const tell = async (home: Home, conversation: string): Promise<void> => {
    const { untold } = await notes.read(home.person);
    if (!untold || !listener) return;
    await listener.onRestored(conversation, untold);
    await notes.change(home.person, (note) => ({ ...note, untold: undefined }));
  };

  return {
    homeOf: (inner) => async (conversation, known) => {
      const home = await inner(conversation, known);
      try {
        await settleOnce(home, conversation);
      } catch (error) {
        log.error({ person: home.person, err: error }, 'a home could not be restored');
        throw new AgentFailure('files-away', reportError(error).message);
      }
      await tell(home, conversation).catch((error: unknown) =>
        log.warn({ err: error }, 'could not tell of a restore'),
      );
      return home;
    },
    listen(next) {
      listener = next;
    },
    forget: (person) => void settled.delete(person),
    stop: () => ended.abort(),
  };
}
