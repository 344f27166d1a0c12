import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { createWorkspaceReader } from '../../worker/agent/workspace/reader.ts';
import type { WorkspaceReader } from '../../worker/agent/workspace/reader.ts';
import { agentUser, whyNotSeparate } from '../support/separate-worker.ts';

const hooks = (command: string): string =>
  JSON.stringify({ hooks: { Stop: [{ hooks: [{ type: 'command', command }] }] } });

/** Everything that may lie in place of a settings file, for one kind of reader. */
async function expectContract(reader: WorkspaceReader, workspace: string): Promise<void> {
  const settings = path.join(workspace, '.claude', 'settings.json');
  const put = async (make: () => Promise<unknown>): Promise<{ names: string[]; off: string[] }> => {
    await rm(settings, { recursive: true, force: true });
    await make();
    const { programs, off } = await reader.look(workspace);
    return { names: programs.map(({ name }) => name), off };
  };
  const broken = { names: [], off: ['.claude/settings.json: it cannot be read as settings'] };
  const nothing = { names: [], off: [] };
  expect(await put(async () => undefined)).toEqual(nothing);
  expect(await put(() => mkdir(settings))).toEqual(nothing);
  expect(await put(() => symlink('/nowhere', settings))).toEqual(nothing);
  expect(await put(() => writeFile(settings, '{ broken'))).toEqual(broken);
  expect(await put(async () => execFileSync('mkfifo', [settings]))).toEqual(broken);
  expect(await put(() => symlink('/dev/zero', settings))).toEqual(broken);
  expect(
    await put(() => writeFile(settings, `{"env":{"A":"${'x'.repeat(10 * 1024 * 1024)}"}}`)),
  ).toEqual(broken);
  expect(await put(() => symlink(path.join(workspace, 'elsewhere.json'), settings))).toEqual(
    nothing,
  );
  await writeFile(path.join(workspace, 'elsewhere.json'), hooks('true'));
  expect(await put(() => symlink(path.join(workspace, 'elsewhere.json'), settings))).toEqual({
    names: ['hook for Stop'],
    off: [],
  });

  const digest = async (): Promise<string | undefined> => {
    const [program] = (await reader.look(workspace)).programs;
    return program && (await reader.digest(workspace, program)) === program.digest
      ? program.digest
      : undefined;
  };
  const script = path.join(workspace, 'a b', 'run.sh');
  await mkdir(path.dirname(script));
  await symlink(path.dirname(script), path.join(workspace, 'ab'));
  for (const command of [
    'bash "$CLAUDE_PROJECT_DIR"/ab/run.sh',
    "bash 'a b/run.sh' && ls .",
    'cd ab; ./run.sh',
    'bash -c "./ab/run.sh"',
    'X=1 ${CLAUDE_PROJECT_DIR}/ab/run.sh|cat',
  ]) {
    await writeFile(settings, hooks(command));
    await rm(script, { force: true });
    const seen = [await digest()];
    for (const content of ['', 'echo 1', 'echo 2']) {
      await writeFile(script, content);
      seen.push(await digest());
    }
    // An empty script is another than none at all.
    expect(new Set(seen).size).toBe(4);
  }
  // What a command writes is no part of it, whatever it is called.
  await writeFile(settings, hooks('date >> log.txt; touch run; cat notes'));
  const before = await digest();
  await Promise.all(
    ['log.txt', 'run', 'notes'].map((name) => writeFile(path.join(workspace, name), 'words')),
  );
  expect(await digest()).toBe(before);
  await writeFile(settings, hooks('./run.sh'));
  await writeFile(path.join(workspace, 'run.sh'), Buffer.alloc(1024 * 1024 + 1));
  expect((await reader.look(workspace)).off).toEqual([
    'hook for Stop: a file that it names cannot be read whole',
  ]);
  await rm(path.join(workspace, 'run.sh'));
  execFileSync('mkfifo', [path.join(workspace, 'run.sh')]);
  expect((await reader.look(workspace)).programs).toEqual([]);
}

async function withWorkspace(use: (workspace: string) => Promise<void>): Promise<void> {
  const above = await mkdtemp(path.join(tmpdir(), 'sidepocket-workspace-'));
  const workspace = path.join(above, 'work');
  try {
    await chmod(above, 0o711);
    await mkdir(path.join(workspace, '.claude'), { recursive: true });
    await use(workspace);
  } finally {
    await rm(above, { recursive: true, force: true });
  }
}

test('a workspace is looked through whatever lies in it, and its scripts belong to what they are run by', async () => {
  await withWorkspace((workspace) => expectContract(createWorkspaceReader(undefined), workspace));
});

const reason = whyNotSeparate();
describe.skipIf(reason !== undefined)(
  `with the agent’s rights${reason ? ` (not here: ${reason})` : ''}`,
  () => {
    test(
      'it is the same, and a link to what the agent may not read leads nowhere',
      { tags: 'long' },
      async () => {
        await withWorkspace(async (workspace) => {
          const { uid, gid } = agentUser();
          await Promise.all(
            [workspace, path.join(workspace, '.claude')].map((directory) =>
              chown(directory, uid, gid),
            ),
          );
          await expectContract(createWorkspaceReader(agentUser()), workspace);
          const secret = path.join(path.dirname(workspace), 'secret.json');
          await writeFile(secret, JSON.stringify({ env: { WORKERS: 'secret' } }), { mode: 0o600 });
          await rm(path.join(workspace, '.mcp.json'), { force: true });
          await symlink(secret, path.join(workspace, '.claude', 'settings.local.json'));
          expect(
            JSON.stringify(await createWorkspaceReader(agentUser()).look(workspace)),
          ).not.toContain('secret');
        });
      },
    );
  },
);
