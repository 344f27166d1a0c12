import { execFile } from 'node:child_process';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A copy of the project that may be changed. Its packages are the project's own. */
export type ProjectCopy = {
  root: string;
  /** Where what runs in the copy keeps its temporary files. */
  temporary: string;
  /** Ends processes that a run has left behind: those that have their files here. */
  endLeftovers(): Promise<void>;
  remove(): Promise<void>;
};

/** Copies what git knows of the project, and new files that it does not ignore. */
export async function copyProject(source: string): Promise<ProjectCopy> {
  const { stdout } = await run(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    { cwd: source, maxBuffer: 64 * 1024 * 1024 },
  );
  // Its tests start programs as other users, who must get through to their files.
  const dir = await mkdtemp(path.join(tmpdir(), 'mutations-'));
  await chmod(dir, 0o755);
  const [root, temporary] = [path.join(dir, 'project'), path.join(dir, 'tmp')];
  await mkdir(temporary, { recursive: true });
  for (const name of new Set(stdout.split('\0'))) {
    const from = path.join(source, name);
    const found = name === '' ? undefined : await lstat(from).catch(() => undefined);
    const to = path.join(root, name);
    if (found) await mkdir(path.dirname(to), { recursive: true });
    if (found?.isSymbolicLink()) await symlink(await readlink(from), to);
    else if (found?.isFile()) await copyFile(from, to);
  }
  await symlink(path.join(source, 'node_modules'), path.join(root, 'node_modules'));
  return {
    root,
    temporary,
    endLeftovers: () => endThoseBelow(dir),
    async remove() {
      await endThoseBelow(dir);
      await rm(dir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/**
 * Ends the processes that work in the directory or were given a file in it. Only Linux tells which
 * those are.
 */
async function endThoseBelow(dir: string): Promise<void> {
  for (const name of await readdir('/proc').catch(() => [])) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const place = await readlink(`/proc/${name}/cwd`).catch(() => '');
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (!`${place}/`.startsWith(`${dir}/`) && !command.includes(`${dir}/`)) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}
