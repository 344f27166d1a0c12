import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runAsAgentOrOwn } from '../../worker/agent/sandbox/shell.ts';
import { revert } from '../../worker/checkpoints/held.ts';
import { createShadow } from '../../worker/checkpoints/shadow.ts';
import type { RunScript, Shadow } from '../../worker/checkpoints/shadow.ts';

/** A workspace with two repositories of a person's, one in the other, and its checkpoints. */
export type CheckpointBench = {
  workspace: string;
  directory: string;
  shadow(run?: RunScript): Shadow;
};

export const runHere: RunScript = (script, words, input) =>
  runAsAgentOrOwn(undefined, script, words, 600_000, input);

/** Runs git as the person does. */
export function git(directory: string, ...words: string[]): string {
  const own = [
    '-c',
    'user.name=Ada',
    '-c',
    'user.email=ada@localhost',
    '-c',
    'init.defaultBranch=main',
  ];
  return execFileSync('git', [...own, ...words], { cwd: directory, encoding: 'utf8' });
}

/** `isPlain`: without the repositories, which take a moment to make. */
export async function withCheckpoints(
  use: (bench: CheckpointBench) => Promise<void>,
  { isPlain = false }: { isPlain?: boolean } = {},
): Promise<void> {
  const base = mkdtempSync(path.join(tmpdir(), 'checkpoints-'));
  const [workspace, directory] = [path.join(base, 'workspace'), path.join(base, 'home', 'kept')];
  try {
    const inner = path.join(workspace, 'app', 'vendor', 'inner');
    mkdirSync(path.join(workspace, 'app', 'src'), { recursive: true });
    mkdirSync(inner, { recursive: true });
    for (const [place, name] of [
      [inner, 'inner.c'],
      [path.join(workspace, 'app'), 'src/main.ts'],
    ] as const) {
      if (!isPlain) git(place, 'init', '-q');
      writeFileSync(path.join(place, name), 'first\nsecond\nthird\n');
      writeFileSync(path.join(place, '.gitignore'), 'dist/\n.env\n');
      writeFileSync(path.join(place, '.env'), 'KEY=1\n');
      if (isPlain) continue;
      git(place, 'add', name, '.gitignore');
      git(place, 'commit', '-qm', 'first');
      // Work that the person has not committed: some of it staged, some not, some unknown to git.
      writeFileSync(path.join(place, name), 'first\nstaged\nthird\n');
      git(place, 'add', name);
      writeFileSync(path.join(place, name), 'first\nstaged\nnot staged\n');
    }
    writeFileSync(path.join(workspace, 'notes.md'), '# Notes\n');
    // A submodule, whose own data is elsewhere.
    const module = path.join(workspace, 'app', 'module');
    mkdirSync(module);
    writeFileSync(path.join(module, '.git'), 'gitdir: ../.git/modules/module\n');
    writeFileSync(path.join(module, 'module.c'), 'of the module\n');
    await use({
      workspace,
      directory,
      shadow: (run = runHere) => createShadow({ directory, workspace }, run),
    });
  } finally {
    execFileSync('chmod', ['-R', 'u+rwx', base]);
    rmSync(base, { recursive: true });
  }
}

/** Takes the workspace back from its last checkpoint to an earlier one. Returns the new number. */
export async function takeBack(shadow: Shadow, to: number): Promise<number> {
  const { number } = await shadow.keep();
  const [before, after] = await shadow.read([to, number]);
  if (!before || !after) throw new Error('a checkpoint was not read');
  const { held } = revert(after, [{ before, after }]);
  const at = new Date(0).toISOString();
  return await shadow.goBack(held, {
    kind: 'back',
    at,
    from: number,
    way: 'undo',
    steps: [],
    by: '',
  });
}

/**
 * What happens to one of the scripts: it is not begun, it ends and the worker dies, or it is
 * killed.
 */
export type Fate = 'before' | 'after' | { killedAfterMs: number };

/** Runs scripts until the one with this index (from 0 on) meets its fate. */
export function doomed(at: number, fate: Fate): { run: RunScript; count(): number } {
  let begun = 0;
  const run: RunScript = async (script, words, input) => {
    const isLast = begun === at;
    begun += 1;
    if (!isLast) return await runHere(script, words, input);
    if (fate === 'after') await runHere(script, words, input);
    if (typeof fate === 'object') await runAndKill(script, words, input, fate.killedAfterMs);
    throw new Error('the worker was killed');
  };
  return { run, count: () => begun };
}

async function runAndKill(
  script: string,
  words: string[],
  input: Buffer | undefined,
  afterMs: number,
): Promise<void> {
  const child = spawn('sh', ['-c', script, 'sh', ...words], {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const closed = new Promise((resolve) => child.once('close', resolve));
  const timer = setTimeout(() => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }, afterMs);
  await closed;
  clearTimeout(timer);
}
