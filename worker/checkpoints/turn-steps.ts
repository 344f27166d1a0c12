import path from 'node:path';
import type { Log } from '../../shared/runtime/log.ts';
import type { AgentEvent } from '../agent/agent.ts';
import { within } from '../../shared/runtime/timeout.ts';
import { beyondFiles, mayChangeFiles } from './beyond.ts';
import type { Changes } from './changes.ts';
import type { Checkpoints, WorkspaceCheckpoints } from './checkpoints.ts';
import type { Step } from './note.ts';
import { ShadowError } from './shadow.ts';
import { changeLine } from './format-changes.ts';

/** A turn as its steps are noted. */
export type TurnOfSteps = {
  turn: string;
  conversation: string;
  /** The message that began it, and its words. */
  asked: string;
  title: string;
  session: () => string | undefined;
  /** Whether something of the turn goes on in the background. */
  goesOn: () => Promise<boolean>;
};

/**
 * What a turn changes in the workspace: one step that can be taken back. Nothing of it delays an
 * answer, and a turn goes on without it when it fails.
 */
export type TurnSteps = {
  /**
   * Keeps the files as they are before the turn changes any; so does the first sign of a tool that
   * may change some. A turn that goes on with an earlier run of it needs it at once, and so does
   * one about work in the background: what that has changed belongs to it.
   */
  begin(): void;
  /** The tool of this name may begin when that is done, or takes too long. Never rejects. */
  ready(tool: string): Promise<void>;
  /**
   * Sees every event of the agent. When Claude begins to write after it may have changed files, its
   * step is kept meanwhile.
   */
  note(event: AgentEvent): void;
  /**
   * The line about what has changed, if that is known by now and was not said yet. The line is then
   * counted as said.
   */
  lineNow(): Promise<string | undefined>;
  /**
   * Ends the step, and returns the line if it is still to be said. Never rejects.
   */
  end(): Promise<string | undefined>;
};

/** How long a tool waits for the files to be kept (ms); 10,000 files take 3 s the first time. */
const longestWaitMs = 10_000;

/** Steps of which nothing is kept. */
const noSteps: TurnSteps = {
  begin: () => undefined,
  ready: async () => undefined,
  note: () => undefined,
  lineNow: async () => undefined,
  end: async () => undefined,
};

/** The changes of the turn so far, and what had happened when they were read. */
type Found = { tools: number; number: number; step: Step; changes: Changes };

export function createTurnSteps(
  checkpoints: Checkpoints | undefined,
  { turn, conversation, asked, title, session, goesOn }: TurnOfSteps,
  log: Log,
): TurnSteps {
  if (!checkpoints) return noSteps;
  /** Where the turn began; undefined when it cannot be kept. */
  let begun: Promise<{ workspace: WorkspaceCheckpoints; base: number } | undefined> | undefined;
  /**
   * How often a tool that may change files has begun or ended, and how much of that the step has
   * seen.
   */
  let [tools, seen] = [0, 0];
  let found: Found | undefined;
  let finding: Promise<void> = Promise.resolve();
  let isFinding = false;
  let said = 0;
  const running = new Set<string>();
  const beyond = new Set<string>();

  const give = (error: unknown): undefined => {
    if (error instanceof ShadowError && error.isTooLarge)
      log.info({ conversation }, 'the workspace has too many files for checkpoints');
    else log.warn({ err: error, conversation }, 'the files of a turn could not be kept');
    return undefined;
  };
  const keepFirst = async (): Promise<{ workspace: WorkspaceCheckpoints; base: number }> => {
    const workspace = await checkpoints.of(conversation);
    const { number, base } = await workspace.keep(turn);
    // An earlier run of the turn, or what goes on without one, has changed something.
    if (base !== number) tools += 1;
    return { workspace, base };
  };
  const find = async (): Promise<void> => {
    const start = await begun;
    const current = tools;
    if (!start || current === seen) return;
    const { workspace, base } = start;
    const { number } = await workspace.keep();
    seen = current;
    if (number === (found?.number ?? base)) {
      if (found) found.tools = current;
      return;
    }
    const changes = await workspace.changes(base, number);
    const isEmpty = changes.counts.files === 0 && changes.page.left.length === 0;
    const step: Step = {
      kind: 'step',
      at: new Date().toISOString(),
      base,
      turn,
      asked,
      session: session() ?? '',
      title,
      counts: changes.counts,
      beyond: [...beyond],
      ...(isEmpty && number !== base ? { isEmpty } : {}),
    };
    found = { tools: current, number: await workspace.noteStep(step), step, changes };
  };
  const findSoon = (): Promise<void> => {
    isFinding = true;
    finding = finding
      .then(find)
      .catch(give)
      .finally(() => {
        isFinding = false;
      });
    return finding;
  };
  const begin = (): void => void (begun ??= keepFirst().catch(give));
  /** What goes on changes files for the next turn. */
  const leave = async (): Promise<void> => {
    const start = await begun;
    if (!start) return;
    if (await goesOn()) await start.workspace.leaveOpen(found?.number ?? start.base);
    if (found) await start.workspace.tidy();
  };
  const line = async (): Promise<string | undefined> => {
    const start = await begun;
    if (!start || !found || found.number === said || found.step.counts.files === 0)
      return undefined;
    const { number, step, changes } = found;
    said = number;
    const url = await start.workspace.page(`${turn}.changes.${number}`, step, changes);
    const name = changes.page.files.find(({ why }) => why !== 'ignored')?.path;
    return changeLine(step.counts, name && path.basename(name), url);
  };

  return {
    begin,
    async ready(tool) {
      if (!mayChangeFiles({ name: tool })) return;
      begin();
      await within<unknown>(longestWaitMs, begun ?? Promise.resolve(), () => undefined);
    },
    note(event) {
      if (event.kind === 'tool-end' && running.delete(event.id)) tools += 1;
      if (event.kind === 'tool') {
        if (mayChangeFiles(event)) {
          begin();
          running.add(event.id);
          tools += 1;
        }
        const effect = beyondFiles(event);
        if (effect !== undefined) beyond.add(effect);
      }
      if (event.kind !== 'writing') return;
      if (event.tool === undefined && tools > seen && !isFinding) void findSoon();
      if (event.tool !== undefined && mayChangeFiles({ name: event.tool })) begin();
    },
    async lineNow() {
      if (isFinding || tools > seen || found?.tools !== tools) return undefined;
      return await line().catch(give);
    },
    async end() {
      await findSoon();
      const text = await line().catch(give);
      leave().catch(give);
      return text;
    },
  };
}
