import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { ChangedFiles } from '../../shared/store/changed-files.ts';
import type { Conversation } from '../../shared/store/conversation.ts';
import type { Message } from '../../shared/store/message.ts';
import { createWorkspaceCheckpoints } from '../../worker/checkpoints/checkpoints.ts';
import type { Checkpoints, WorkspaceCheckpoints } from '../../worker/checkpoints/checkpoints.ts';
import type { Step } from '../../worker/checkpoints/note.ts';
import { ShadowError } from '../../worker/checkpoints/shadow.ts';
import { createTurnSteps } from '../../worker/checkpoints/turn-steps.ts';
import type { CommandCall, CommandDeps } from '../../worker/commands/command.ts';
import { undoCommands } from '../../worker/commands/undo-commands.ts';
import { withCheckpoints } from '../support/checkpoint-bench.ts';
import type { CheckpointBench } from '../support/checkpoint-bench.ts';
import { readTree } from '../support/tree.ts';

const log = createLog('test', 'silent');
const conversation = '+15551230001';

/** The checkpoints of the bench's workspace; pages are not stored, `onPage` gets their texts. */
function checkpointsOf(
  { shadow }: CheckpointBench,
  blank = (text: string): string => text,
  onPage?: (text: string) => void,
): WorkspaceCheckpoints {
  const parts = {
    pages: { put: async (_name: string, text: string) => void onPage?.(text) },
    publicUrl: '',
    reader: { shrink: async () => Promise.reject(new Error('no pictures here')) },
    log,
  };
  return createWorkspaceCheckpoints(shadow(), parts, blank);
}

const stepOf = (turn: string, base: number, asked = 'SM1'): Step => ({
  kind: 'step',
  at: new Date().toISOString(),
  base,
  turn,
  asked,
  session: 'then',
  title: turn,
  counts: { files: 1, added: 1, removed: 0, ignored: 0 },
  beyond: [],
});

/** Runs /undo and /redo as a turn does, on stored state that a test sees. */
function commandsOn(workspace: WorkspaceCheckpoints, tasks: string[] = []) {
  const state: Partial<Record<keyof Conversation, string>> = { session: 'now' };
  const parts = {
    stores: {
      checkpoints: { of: async () => workspace },
      background: { list: async () => tasks.map((description) => ({ description })) },
      conversations: {
        read: async () => Object.fromEntries(Object.entries(state).filter(([, value]) => value)),
        write: async (_of: string, _fence: unknown, change: typeof state) =>
          void Object.assign(state, change),
      },
    },
  } as unknown as CommandDeps;
  let count = 0;
  const run = async (text: string, busy = false, id = `SM${(count += 1)}x`): Promise<string> => {
    const found = undoCommands
      .map((command) => ({ command, match: command.pattern.exec(text) }))
      .find(({ match }) => match !== null);
    const message = { id, conversation, text, choice: {} } as unknown as Message;
    const call = { message, argument: found?.match?.[1] ?? '', busy, context: { log, fence: {} } };
    const answer = await found?.command.run(parts, call as unknown as CommandCall);
    if (typeof answer === 'string' || answer === undefined) return answer ?? '';
    return `${answer.text} ${answer.choices?.items.map((item) => item.id).join(' ') ?? ''}`;
  };
  return { run, state };
}

test('nothing goes back while something runs, and of what goes back without the chat Claude is told', async () => {
  await withCheckpoints(
    async (bench) => {
      const workspace = checkpointsOf(bench);
      const { base } = await workspace.keep('turn');
      const before = readTree(bench.workspace);
      writeFileSync(path.join(bench.workspace, 'notes.md'), 'changed');
      writeFileSync(path.join(bench.workspace, 'new\nline'), 'new');
      await workspace.keep();
      const number = await workspace.noteStep(stepOf('turn', base));
      const after = readTree(bench.workspace);
      const yes = `files ${number} ${number}`;
      expect(await commandsOn(workspace).run(`/undo ${yes}`, true)).toContain('/stop /go-on');
      expect(await commandsOn(workspace, ['Watch it']).run(`/undo ${yes}`)).toContain('“Watch it”');
      expect(readTree(bench.workspace)).toEqual(after);
      const { run, state } = commandsOn(workspace);
      expect(await run('/undo')).toContain(`/undo ${yes} /undo both ${number} ${number} /undo no`);
      expect(await run(`/undo ${yes}`, false, 'SMundo')).toContain('Done: ');
      expect(readTree(bench.workspace)).toEqual(before);
      // A repeated attempt at the same message says it once.
      expect(await run(`/undo ${yes}`, false, 'SMundo')).toContain('Done: ');
      const told =
        'The person has taken back with /undo: notes.md (as before), new line (removed).';
      expect(state.undone).toBe(told);
      const [, back = ''] = /\/redo files (\d+)/.exec(await run('/redo')) ?? [];
      expect(await run(`/redo files ${back}`)).toContain('Done: ');
      expect(readTree(bench.workspace)).toEqual(after);
      expect(state.undone).toMatch(
        /^The .*taken back.*\nThe person has brought back with \/redo: .*$/,
      );
      expect(state.session).toBe('now');
    },
    { isPlain: true },
  );
});

test('a secret in a file’s name is in no line, question or page', async () => {
  await withCheckpoints(
    async (bench) => {
      const pages: string[] = [];
      const secret = /sk_live_51H8x|changed|added/g;
      const workspace = checkpointsOf(
        bench,
        (text) => text.replaceAll(secret, '•••KEY•••'),
        (text) => pages.push(text),
      );
      const { base } = await workspace.keep('turn');
      writeFileSync(path.join(bench.workspace, 'sk_live_51H8x.txt'), 'sk_live_51H8x\n');
      const { number: last } = await workspace.keep();
      const changes = await workspace.changes(base, last);
      expect(changes.page.files.map(({ path: name }) => name)).toEqual(['•••KEY•••.txt']);
      await workspace.page('page', stepOf('turn', base), changes);
      expect(pages.at(-1)).not.toContain('sk_live');
      expect(pages.at(-1)).toContain('+•••KEY•••');
      // Its form stays, though the secrets of two more names are words of it.
      expect(ChangedFiles.safeParse(JSON.parse(pages.at(-1) ?? '')).data?.files).toMatchObject([
        { path: '•••KEY•••.txt', kind: 'added', added: 1 },
      ]);
      await workspace.noteStep(stepOf('turn', base));
      expect(await commandsOn(workspace).run('/undo')).toContain('• •••KEY•••.txt (removed)');
    },
    { isPlain: true },
  );
});

test('the chat goes back and forth with the files, and stays when they cannot', async () => {
  await withCheckpoints(
    async (bench) => {
      const workspace = checkpointsOf(bench);
      const { base } = await workspace.keep('turn');
      writeFileSync(path.join(bench.workspace, 'notes.md'), 'changed');
      await workspace.keep();
      const number = await workspace.noteStep(stepOf('turn', base));
      const both = `/undo both ${number} ${number}`;
      const full: WorkspaceCheckpoints = {
        ...workspace,
        go: async () => Promise.reject(new ShadowError('the disk is full')),
      };
      const failing = commandsOn(full);
      expect(await failing.run(both)).toContain('nothing has changed');
      expect(failing.state).toMatchObject({ session: 'now', rewind: '' });
      const { run, state } = commandsOn(workspace);
      expect(await run(both)).toContain('forgotten our conversation since then');
      expect(state).toEqual({ session: 'then', rewind: 'SM1', follows: '' });
      const [, back = ''] = /\/redo files (\d+)/.exec(await run('/redo')) ?? [];
      // The worker dies before it says so, and another one works the tap again.
      await run(`/redo files ${back}`, false, 'SMredo');
      Object.assign(state, { session: 'then', rewind: 'SM1' });
      expect(await run(`/redo files ${back}`, false, 'SMredo')).toContain('Done: ');
      expect(state).toEqual({ session: 'now', rewind: '', follows: '' });
    },
    { isPlain: true },
  );
});

test('what goes on after its turn belongs to the next one, and goes back with its own when there is none', async () => {
  await withCheckpoints(
    async (bench) => {
      const workspace = checkpointsOf(bench);
      const first = await workspace.keep('one');
      const before = readTree(bench.workspace);
      writeFileSync(path.join(bench.workspace, 'notes.md'), 'changed');
      await workspace.keep();
      const number = await workspace.noteStep(stepOf('one', first.base));
      await workspace.leaveOpen(number);
      writeFileSync(path.join(bench.workspace, 'late'), 'by what went on');
      const { run } = commandsOn(workspace);
      expect(await run('/undo')).toContain('• late (removed)');
      const next = await workspace.keep('two');
      expect(next).toMatchObject({ number: number + 1, base: number });
      await workspace.noteStep(stepOf('two', next.base));
      await workspace.leaveOpen(next.number + 1);
      const { done } = await workspace.steps();
      expect(await run(`/undo files ${done[0]?.number} ${done[1]?.number}`)).toContain('Done');
      expect(readTree(bench.workspace)).toEqual(before);
      // What went back is not the work of the next turn.
      const { number: now, base } = await workspace.keep('three');
      expect(base).toBe(now);
    },
    { isPlain: true },
  );
});

test('an answer does not wait for what has changed, and what goes on after the turn is noted', async () => {
  const opened = Promise.withResolvers<undefined>();
  const left: number[] = [];
  let number = 4;
  const workspace = {
    keep: async () => {
      if (number > 4) await opened.promise;
      return { number: number++, base: 4, bytes: 0 };
    },
    changes: async () => ({
      counts: { files: 1, added: 2, removed: 0, ignored: 0 },
      page: { files: [], left: [] },
    }),
    noteStep: async () => 6,
    page: async () => 'https://relay/page/x',
    leaveOpen: async (at: number) => void left.push(at),
    tidy: async () => undefined,
  } as unknown as WorkspaceCheckpoints;
  const steps = createTurnSteps(
    { of: async () => workspace } satisfies Checkpoints,
    {
      turn: 't',
      conversation,
      asked: 'SM1',
      title: '',
      session: () => 's',
      goesOn: async () => true,
    },
    log,
  );
  await steps.ready('Bash');
  steps.note({ kind: 'tool', id: '1', name: 'Bash', summary: 'x', timeoutMs: undefined });
  steps.note({ kind: 'tool-end', id: '1', failed: false });
  steps.note({ kind: 'writing' });
  const waited = new Promise((resolve) => setImmediate(() => resolve('waited')));
  expect(await Promise.race([steps.lineNow(), waited])).toBeUndefined();
  opened.resolve(undefined);
  expect(await steps.end()).toBe('1 file, +2 −0 · see it: https://relay/page/x · /undo');
  await expect.poll(() => left).toEqual([6]);
});
