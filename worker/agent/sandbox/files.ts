import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runAsAgent } from './shell.ts';
import type { AgentUser } from './user.ts';

/**
 * Why a file could not be read: it is missing or not a regular file, the agent may not read it, or
 * it has more bytes than asked for.
 */
export class FileProblem extends Error {
  override name = 'FileProblem';
  readonly kind: 'missing' | 'forbidden' | 'large';
  readonly file: string;

  constructor(kind: FileProblem['kind'], file: string) {
    super(`${file} is ${kind === 'large' ? 'too large' : kind}`);
    this.kind = kind;
    this.file = file;
  }
}

/**
 * Accesses the agent's files with the agent's rights only, so that a path named by the agent, or a
 * symlink of its own, leads nowhere that the agent could not go itself. Paths are absolute.
 */
export type AgentFiles = {
  /** The content of a regular file of at most `most` bytes. Throws FileProblem. */
  read(file: string, most: number): Promise<Buffer>;
  /**
   * Writes a file and creates its parent directories; `mode` sets its permissions. Throws when it
   * cannot be written.
   */
  write(file: string, bytes: Buffer, mode?: number): Promise<void>;
  /**
   * Creates directories and their parents; existing ones stay as they are, except that those of
   * `closed` are the user's alone (mode 700). Throws when one cannot be created.
   */
  makeDirectories(directories: readonly string[], closed?: readonly string[]): Promise<void>;
};

const usualMode = 0o644;
const closedMode = 0o700;

/** Closes the first `$1` of the directories that it makes. */
const makeAll = `closed=$1; shift; mkdir -p -- "$@" || exit
while [ "$closed" -gt 0 ]; do chmod ${closedMode.toString(8)} "$1" || exit; shift; closed=$((closed - 1)); done`;

/** Exit codes of the shell for the kinds of FileProblem, which no command here uses itself. */
const problems = new Map([
  [66, 'missing'],
  [67, 'forbidden'],
] as const);

/** The agent's files; without a user they are the worker's own. */
export function createAgentFiles(user: AgentUser | undefined): AgentFiles {
  return user ? filesOf(user) : ownFiles;
}

const ownFiles: AgentFiles = {
  async read(file, most) {
    const about = await stat(file).catch((error: NodeJS.ErrnoException) => {
      throw new FileProblem(error.code === 'EACCES' ? 'forbidden' : 'missing', file);
    });
    if (!about.isFile()) throw new FileProblem('missing', file);
    if (about.size > most) throw new FileProblem('large', file);
    return await readFile(file).catch(() => {
      throw new FileProblem('forbidden', file);
    });
  },
  async write(file, bytes, mode = usualMode) {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, bytes, { mode });
    await chmod(file, mode);
  },
  async makeDirectories(directories, closed = []) {
    for (const directory of [...closed, ...directories])
      await mkdir(directory, { recursive: true });
    for (const directory of closed) await chmod(directory, closedMode);
  },
};

function filesOf(user: AgentUser): AgentFiles {
  return {
    async read(file, most) {
      const { code, output, said } = await runAsAgent(
        user,
        '[ -f "$1" ] || exit 66; [ -r "$1" ] || exit 67; exec head -c "$2" -- "$1"',
        [file, String(most + 1)],
      );
      const problem = code === null ? undefined : problems.get(code as 66 | 67);
      if (problem) throw new FileProblem(problem, file);
      if (code !== 0) throw new Error(`${file} was not read: ${said}`);
      if (output.byteLength > most) throw new FileProblem('large', file);
      return output;
    },
    async write(file, bytes, mode = usualMode) {
      // A new file is private until its permissions are set.
      const { code, said } = await runAsAgent(
        user,
        'mkdir -p -- "$2" && umask 077 && cat > "$1" && chmod "$3" "$1"',
        [file, path.dirname(file), mode.toString(8)],
        bytes,
      );
      if (code !== 0) throw new Error(`${file} was not written: ${said}`);
    },
    async makeDirectories(directories, closed = []) {
      const { code, said } = await runAsAgent(user, makeAll, [
        String(closed.length),
        ...closed,
        ...directories,
      ]);
      const wanted = [...closed, ...directories].join(', ');
      if (code !== 0) throw new Error(`${wanted} was not made: ${said}`);
    },
  };
}
