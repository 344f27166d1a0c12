import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { runAsAgent } from '../sandbox/shell.ts';
import type { AgentUser } from '../sandbox/user.ts';
import { isProgram } from './named-files.ts';
import type { NamedFile } from './named-files.ts';
import { digestOf, readWorkspacePrograms } from './programs.ts';
import type { WorkspaceFinds, WorkspaceProgram } from './programs.ts';

/** A program with the digest of everything that would run. */
export type DigestedProgram = WorkspaceProgram & { digest: string };

/** The result of scanning a workspace's configuration. */
export type WorkspaceLook = Omit<WorkspaceFinds, 'programs'> & { programs: DigestedProgram[] };

/**
 * Scans workspaces with the agent's rights. A file that is too large, not a regular file or not
 * readable in time counts as broken.
 */
export type WorkspaceReader = {
  look(workspace: string): Promise<WorkspaceLook>;
  /**
   * The digest of a program from its current files; undefined when they cannot be read completely.
   */
  digest(workspace: string, program: WorkspaceProgram): Promise<string | undefined>;
};

/** Read limits for a settings file, for a script, and for all files together (bytes). */
const largestSettings = 256 * 1024;
const largestScript = 1024 * 1024;
const mostTogether = 8 * 1024 * 1024;
/** How many named files are read, and how long that may take (ms). */
const mostScripts = 1000;
const readMs = 5000;

/** A file's content; undefined: the file does not exist; null: it exists and cannot be used. */
type Content = Buffer | null | undefined;

const settingFiles = ['.mcp.json', '.claude/settings.json', '.claude/settings.local.json'];

/** A reader with the rights of `user`, or with the worker's own if undefined. */
export function createWorkspaceReader(user: AgentUser | undefined): WorkspaceReader {
  const read = (files: string[], most: number): Promise<Content[]> =>
    user ? readAs(user, files, most) : readOwn(files, most);

  /** The programs' digests, in order; undefined if a named file cannot be read completely. */
  const digestAll = async (
    workspace: string,
    programs: WorkspaceProgram[],
  ): Promise<(string | undefined)[]> => {
    const names = [
      ...new Set(programs.flatMap((program) => [...filesOf(program, workspace).keys()])),
    ].slice(0, mostScripts);
    const contents = names.length === 0 ? [] : await read(names, largestScript);
    const known = new Map(names.map((name, index) => [name, contents[index]]));
    return programs.map((program) => {
      const files = [...filesOf(program, workspace)].toSorted(([one], [other]) =>
        one < other ? -1 : 1,
      );
      if (files.some(([file]) => !known.has(file) || known.get(file) === null)) return undefined;
      return digestOf(
        program,
        files.map(([file, named]) => fingerprint(named, known.get(file))),
      );
    });
  };

  return {
    async look(workspace) {
      const texts = await read(
        settingFiles.map((file) => path.join(workspace, file)),
        largestSettings,
      );
      const [mcp, settings, local] = texts.map((content) =>
        content === null ? '' : content?.toString('utf8'),
      );
      const { programs, rules, off } = readWorkspacePrograms({ mcp, settings, local });
      const digests = await digestAll(workspace, programs);
      const unread = programs.filter((_, index) => digests[index] === undefined);
      return {
        rules,
        off: [
          ...off,
          ...unread.map(({ name }) => `${name}: a file that it names cannot be read whole`),
        ],
        programs: programs.flatMap((program, index) =>
          digests[index] === undefined ? [] : [{ ...program, digest: digests[index] }],
        ),
      };
    },
    digest: async (workspace, program) => (await digestAll(workspace, [program]))[0],
  };
}

/** The workspace files that a program may name, by absolute path. */
function filesOf({ files }: WorkspaceProgram, workspace: string): Map<string, NamedFile> {
  const named = files
    .filter(({ word }) => !word.includes('\0'))
    .map((file): [string, NamedFile] => [path.resolve(workspace, file.word), file]);
  // A file named twice counts as run if one of the words runs it.
  return new Map(
    named
      .filter(([file]) => file.startsWith(`${workspace}${path.sep}`))
      .toSorted(([, one], [, other]) => Number(one.runs) - Number(other.runs)),
  );
}

const fingerprint = (named: NamedFile, content: Content): string =>
  content && isProgram(named, content)
    ? createHash('sha256').update(content).digest('hex')
    : 'none';

async function readOwn(files: string[], most: number): Promise<Content[]> {
  const contents: Content[] = [];
  let left = mostTogether;
  for (const file of files) {
    const content = await readOne(file, Math.min(most, left));
    left -= content?.byteLength ?? 0;
    contents.push(content);
  }
  return contents;
}

/** Opens without blocking, so that a pipe in place of a file holds nothing up. */
async function readOne(file: string, most: number): Promise<Content> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) =>
      ['ENOENT', 'ENOTDIR'].includes(error.code ?? '') ? undefined : null,
  );
  if (!handle) return handle;
  try {
    const about = await handle.stat();
    if (about.isDirectory()) return undefined;
    if (!about.isFile() || about.size > most) return null;
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(about.size + 1),
      0,
      about.size + 1,
      0,
    );
    return bytesRead > about.size ? null : buffer.subarray(0, bytesRead);
  } catch {
    return null;
  } finally {
    await handle.close();
  }
}

/** Prints one line per file: `-` does not exist, `!` cannot be used, else its content in base64. */
const lines = `most=$1; left=$2; shift 2
for f do
  if [ ! -e "$f" ] || [ -d "$f" ]; then echo -
  elif [ -f "$f" ] && [ -r "$f" ] && size=$(stat -L -c %s -- "$f") && [ "$size" -le "$most" ] && [ "$size" -le "$left" ]; then
    left=$((left - size)); printf +; head -c "$most" -- "$f" | base64 -w0; echo
  else echo !; fi
done`;

/**
 * A pipe swapped in between the test and the read would block: then the whole script is killed, and
 * no file counts as read.
 */
const boundedLines = `lines=$1; shift; exec timeout -s KILL ${readMs / 1000} sh -c "$lines" sh "$@"`;

async function readAs(user: AgentUser, files: string[], most: number): Promise<Content[]> {
  const { code, output } = await runAsAgent(user, boundedLines, [
    lines,
    String(most),
    String(mostTogether),
    ...files,
  ]);
  const told = output.toString('latin1').split('\n');
  if (code !== 0 || told.length <= files.length) return files.map(() => null);
  return files.map((_, index) => {
    const line = told[index] ?? '!';
    if (line === '-') return undefined;
    return line.startsWith('+') ? Buffer.from(line.slice(1), 'base64') : null;
  });
}
