import type { Log } from '../../shared/runtime/log.ts';
import { keptFor } from '../../shared/store/changed-files.ts';
import type { PageStore } from '../../shared/store/pages.ts';
import { workspaceName, workspaceOf } from '../agent/homes/home.ts';
import type { HomeOf } from '../agent/homes/home-of.ts';
import { runAsAgentOrOwn } from '../agent/sandbox/shell.ts';
import type { FileReader } from '../reading/file-reader.ts';
import type { Blank } from '../secrets/blanking.ts';
import { findChanges } from './changes.ts';
import type { Changes } from './changes.ts';
import { changedPaths, revert } from './held.ts';
import type { Held, Span } from './held.ts';
import { readSteps } from './note.ts';
import type { Back, Numbered, Step, Steps } from './note.ts';
import { ShadowError, createShadow, shadowDirectory } from './shadow.ts';
import type { Kept, RunScript, Shadow } from './shadow.ts';

/** What goes back, or has gone back: paths for people. */
export type WayBack = {
  /** Files that change, that are removed, and that come back. */
  changed: string[];
  removed: string[];
  restored: string[];
  /** Files that stay as they are, since their content or what is in their place is not kept. */
  kept: string[];
};

/** Steps that are to be taken back, or a way back that is to be gone the other way. */
export type Change =
  { way: 'undo'; steps: readonly Numbered<Step>[] } | { way: 'redo'; back: Numbered<Back> };

/** The checkpoints of one workspace. Each method throws ShadowError. */
export type WorkspaceCheckpoints = {
  /** As `Shadow.keep`. */
  keep(turn?: string): Promise<Kept>;
  /** As `Shadow.leaveOpen`. */
  leaveOpen(number: number): Promise<void>;
  /** How the workspace differs between two checkpoints; secrets in names are blanked. */
  changes(before: number, after: number): Promise<Changes>;
  /** Stores a page of changes and returns its address; undefined when there is no room. */
  page(name: string, step: Step, changes: Changes): Promise<string | undefined>;
  noteStep(step: Step): Promise<number>;
  steps(): Promise<Steps>;
  preview(change: Change): Promise<WayBack>;
  /**
   * Takes steps back, or brings them back; once for each message, `by`, that asks for it. `session`
   * is that before the conversation goes back, too.
   */
  go(change: Change, by: string, session?: string): Promise<WayBack>;
  /** Forgets what is old or too much, when enough has been kept since the last time. */
  tidy(): Promise<void>;
};

/** The checkpoints of everybody's workspaces. */
export type Checkpoints = { of(conversation: string): Promise<WorkspaceCheckpoints> };

export type CheckpointDeps = {
  homeOf: HomeOf;
  pages: Pick<PageStore, 'put'>;
  publicUrl: string;
  reader: Pick<FileReader, 'shrink'>;
  /** Blanks the secrets of the conversation's person in a text. */
  blankOf: (conversation: string) => Promise<Blank>;
  log: Log;
};

/** How long one script may take (ms); a first checkpoint of 10,000 files takes 3 s. */
const patienceMs = 60_000;

/** The number of new checkpoints, and the new bytes, after which old ones are deleted. */
const tidyEvery = 25;
const tidyBytes = 64 * 2 ** 20;

export function createCheckpoints(parts: CheckpointDeps): Checkpoints {
  const known = new Map<string, WorkspaceCheckpoints>();
  return {
    async of(conversation) {
      const home = await parts.homeOf(conversation);
      const directory = shadowDirectory(home.directory, workspaceName(conversation));
      const made = known.get(directory);
      if (made) return made;
      const run: RunScript = (script, words, input) =>
        runAsAgentOrOwn(home.user, script, words, patienceMs, input);
      const place = { directory, workspace: workspaceOf(home, conversation) };
      const checkpoints = createWorkspaceCheckpoints(
        createShadow(place, run),
        parts,
        await parts.blankOf(conversation),
      );
      known.set(directory, checkpoints);
      return checkpoints;
    },
  };
}

export function createWorkspaceCheckpoints(
  shadow: Shadow,
  { pages, publicUrl, reader, log }: Pick<CheckpointDeps, 'pages' | 'publicUrl' | 'reader' | 'log'>,
  blank: Blank,
): WorkspaceCheckpoints {
  const thumbnail = async (bytes: Buffer): Promise<string | undefined> => {
    const { view, blobs } = await reader.shrink(bytes, AbortSignal.timeout(patienceMs));
    const [small] = blobs;
    return view.kind === 'chat' && small
      ? `data:${view.types[0] ?? 'image/jpeg'};base64,${small.toString('base64')}`
      : undefined;
  };
  /**
   * The work that does not count any more, the oldest first; of what comes back, the way back. What
   * a step has left running has changed files until `now`.
   */
  const spansOf = async (change: Change, { number: now, base: open }: Kept): Promise<Span[]> => {
    const pairs: [number, number][] =
      change.way === 'undo'
        ? change.steps.map(({ number, note }) => [note.base, number === open ? now : number])
        : [[change.back.note.from, change.back.number]];
    const held = await shadow.read(pairs.flat());
    return pairs.flatMap((_, index): Span[] => {
      const [before, after] = held.slice(index * 2, index * 2 + 2);
      return before && after ? [{ before, after }] : [];
    });
  };
  const readAll = async (): Promise<Steps> => readSteps(await shadow.history());
  const wayOf = async (now: number, spans: Span[]): Promise<{ way: WayBack; held: Held }> => {
    const [present] = await shadow.read([now]);
    if (!present) throw new ShadowError('a checkpoint was not read');
    const { held, kept } = revert(present, spans);
    const way: WayBack = { changed: [], removed: [], restored: [], kept: kept.map(forPeople) };
    for (const path of changedPaths(present, held)) {
      const [is, then] = [present.blobs.has(path), held.blobs.has(path)];
      const list = is && then ? way.changed : is ? way.removed : then ? way.restored : [];
      list.push(forPeople(path));
    }
    return { way, held };
  };
  const forPeople = (path: string): string => blank(Buffer.from(path, 'latin1').toString('utf8'));

  /** The checkpoint at which old ones were looked for, and the bytes that were stored since. */
  let [tidied, stored] = [-1, 0];

  return {
    async keep(turn) {
      const kept = await shadow.keep(turn);
      stored += kept.bytes;
      if (tidied < 0) tidied = kept.number - (kept.number % tidyEvery);
      return kept;
    },
    leaveOpen: shadow.leaveOpen,
    async changes(before, after) {
      const { counts, page } = await findChanges(shadow, before, after, thumbnail);
      // A name is also in the line of the chat.
      const files = page.files.map((file) => ({ ...file, path: blank(file.path) }));
      return { counts, page: { ...page, files } };
    },
    async page(name, { title, beyond }, { page }) {
      // Text by text: in the whole JSON, a value like “changed” would also be a word of its form.
      const text = JSON.stringify({ ...page, title, beyond }, (name, value: unknown) =>
        typeof value === 'string' && name !== 'kind' && name !== 'why' ? blank(value) : value,
      );
      const token = await pages.put(name, text, 'changes');
      if (token === undefined) log.warn({ bytes: text.length }, 'no room for a page of changes');
      return token === undefined ? undefined : `${publicUrl}/page/${token}`;
    },
    noteStep: shadow.annotate,
    steps: readAll,
    async preview(change) {
      const kept = await shadow.keep();
      return (await wayOf(kept.number, await spansOf(change, kept))).way;
    },
    async go(change, by, session) {
      const kept = await shadow.keep();
      const { last } = await readAll();
      if (last?.note.by === by) {
        // An earlier attempt has gone the whole way, and ended before it could say so.
        const [before, after] = await shadow.read([last.note.from, last.number]);
        if (!before || !after) throw new ShadowError('a checkpoint was not read');
        return (await wayOf(last.note.from, [{ before: after, after: before }])).way;
      }
      const { way, held } = await wayOf(kept.number, await spansOf(change, kept));
      await shadow.goBack(held, {
        kind: 'back',
        at: new Date().toISOString(),
        way: change.way,
        steps:
          change.way === 'undo' ? change.steps.map(({ number }) => number) : change.back.note.steps,
        by,
        from: kept.number,
        ...(session === undefined ? {} : { session }),
      });
      return way;
    },
    async tidy() {
      const history = await shadow.history();
      const longestMs = keptFor.days * 24 * 3600_000;
      const isOld = ({ note }: Numbered): boolean => Date.parse(note.at) < Date.now() - longestMs;
      const first = history.slice(-keptFor.checkpoints).find((each) => !isOld(each));
      const newest = history.at(-1)?.number ?? 0;
      let oldest = first?.number ?? newest;
      const isDue = newest - tidied >= tidyEvery || stored > tidyBytes;
      if (!isDue && oldest === history[0]?.number) return;
      [tidied, stored] = [newest - (newest % tidyEvery), 0];
      // Half of what is left, and again, until it fits.
      for (let size = await shadow.forget(oldest); size > keptFor.megabytes * 1024;) {
        if (oldest >= newest) return;
        oldest = Math.max(oldest + 1, Math.ceil((oldest + newest) / 2));
        size = await shadow.forget(oldest);
      }
    },
  };
}
