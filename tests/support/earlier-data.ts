import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { lstatSync, readFileSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { projectName } from '../../worker/agent/homes/moving-in.ts';

/** Two conversations of an earlier version's DATA_DIR, by the names of their directories. */
export const names = ['15551230001', '15551230002'] as const;

/**
 * Fills a DATA_DIR as a version did that had one home for everybody: sessions, pictures, a
 * repository with changes, files with odd names and modes, and `files` small ones in each
 * workspace.
 */
export async function makeEarlierData(dataDir: string, files: number): Promise<void> {
  const real = realpathSync(dataDir);
  const write = async (name: string, content: string, mode = 0o644): Promise<void> => {
    const file = path.join(dataDir, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content, { mode });
  };
  await write('home/.gitconfig', '[user]\n\tname = Claude\n');
  await write('home/.config/gh/hosts.yml', 'github.com:\n', 0o600);
  await write('claude/.claude.json', '{}', 0o600);
  await write('claude/plans/plan.md', '# a plan');
  await write('tmp/15551230001/half-done', 'x');
  await mkdir(path.join(dataDir, 'spare'), { recursive: true });
  for (const name of names) {
    const project = projectName(path.join(real, 'workspaces', name));
    await write(`claude/projects/${project}/session-of-${name}.jsonl`, `{"of":"${name}"}\n`, 0o600);
    await write(`images/${name}/page.png`, `a picture of ${name}`);
    await write(`workspaces/${name}/inbox/sent.pdf`, 'a file');
    await write(`workspaces/${name}/run me.sh`, '#!/bin/sh\n', 0o755);
    await write(`workspaces/${name}/-n`, 'an odd name');
    await write(`workspaces/${name}/.hidden`, 'hidden');
    await write(`workspaces/${name}/read-only/file`, 'cannot be written', 0o444);
    await symlink('run me.sh', path.join(dataDir, 'workspaces', name, 'link'));
    await symlink('/no/such/file', path.join(dataDir, 'workspaces', name, 'dangling'));
    const repository = path.join(dataDir, 'workspaces', name, 'repository');
    const git = (...args: string[]): void =>
      void execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@y', ...args], {
        cwd: repository,
        stdio: 'ignore',
      });
    await write(`workspaces/${name}/repository/kept`, 'committed');
    git('init', '-q');
    git('add', '.');
    git('commit', '-qm', 'one');
    await write(`workspaces/${name}/repository/kept`, 'changed and not committed');
    for (let index = 0; index < files; index += 1)
      await write(`workspaces/${name}/many/${index % 50}/${index}`, `${index} of ${name}`);
  }
  execFileSync('chmod', ['555', path.join(dataDir, 'workspaces', names[1], 'read-only')]);
}

/** Every entry below a directory with its kind, its executable bit, and a digest of its content. */
export function inventory(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (at: string): void => {
    for (const name of readdirSync(path.join(directory, at))) {
      const file = path.join(directory, at, name);
      const about = lstatSync(file);
      const entry = path.join(at, name);
      if (about.isDirectory()) walk(entry);
      else if (about.isSymbolicLink()) found.set(entry, `link ${readlinkSync(file)}`);
      else
        found.set(
          entry,
          `${(about.mode & 0o777).toString(8)} ${createHash('sha1').update(readFileSync(file)).digest('hex')}`,
        );
    }
  };
  walk('');
  return found;
}
