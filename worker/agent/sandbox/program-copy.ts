import { createHash } from 'node:crypto';
import {
  constants,
  copyFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { findBarrier, makePublicDirectory } from './reach.ts';

/** The project's root, and the parts that the agent's user runs or reads. */
const root = path.join(import.meta.dirname, '..', '..', '..');
const packages = 'node_modules';
const sources = ['worker', 'shared'];

/** Files that no program reads. */
const isIdle = (name: string): boolean =>
  /\.(map|md|d\.[cm]?ts)$/.test(name) || name === '.bin' || name === '.cache';

/** A program's path for the agent's user: the original or its copy. */
export type ProgramPaths = {
  at(file: string): string;
  /**
   * The directory of the copies; undefined when there are none.
   */ readonly place: string | undefined;
};

/**
 * Makes the programs that the agent runs accessible to its user: Node, the project's code with its
 * packages, and `others`, such as a Chromium. Programs behind a directory that the user may not
 * enter, as below /root, are put elsewhere: as hard links, which take no space, or as copies on
 * another file system. Only root can do so; any other worker changes nothing. Throws when it fails.
 */
export async function reachPrograms(
  user: { uid: number; gid: number },
  others: string[] = [],
): Promise<ProgramPaths> {
  const moved: [from: string, to: string][] = [];
  let place: string | undefined;
  if (process.getuid?.() === 0) {
    if (await findBarrier(path.join(root, packages, 'x'), user)) {
      place = await copyProject();
      for (const name of [packages, ...sources])
        moved.push([path.join(root, name), path.join(place, name)]);
    }
    for (const file of [process.execPath, ...others]) {
      if (moved.some(([from]) => isWithin(file, from)) || !(await findBarrier(file, user)))
        continue;
      // Playwright's own Chromium needs the files beside it; of anything else only the program is
      // exposed.
      const from = file.includes('/ms-playwright/') ? path.dirname(file) : file;
      const directory = await makePublicDirectory(`program-${digest(from, stampOf(file))}`, from);
      const to = path.join(directory, path.basename(from));
      if (!existsSync(to)) putWhole(from, to);
      place ??= directory;
      moved.push([from, to]);
    }
  }
  return {
    place,
    at(file) {
      const found = moved.find(([from]) => isWithin(file, from));
      return found ? found[1] + file.slice(found[0].length) : file;
    },
  };
}

const isWithin = (file: string, directory: string): boolean =>
  file === directory || file.startsWith(`${directory}${path.sep}`);
const digest = (...parts: string[]): string =>
  createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12);
const stampOf = (file: string): string => {
  const { mtimeMs, size } = statSync(file);
  return `${mtimeMs} ${size}`;
};

/** Packages change all at once, when npm installs them; the code may change between two starts. */
async function copyProject(): Promise<string> {
  const name = `program-${digest(root)}-`;
  const directory = await makePublicDirectory(
    `${name}${digest(stampOf(path.join(root, packages, '.package-lock.json')))}`,
    root,
  );
  const parent = path.dirname(directory);
  // Copies of packages that npm has replaced since.
  for (const other of readdirSync(parent))
    if (other.includes(name) && other !== path.basename(directory))
      rmSync(path.join(parent, other), { recursive: true, force: true });
  if (!existsSync(path.join(directory, packages)))
    putWhole(path.join(root, packages), path.join(directory, packages));
  for (const name of sources) put(path.join(root, name), path.join(directory, name));
  if (!existsSync(path.join(directory, 'package.json')))
    put(path.join(root, 'package.json'), path.join(directory, 'package.json'));
  return directory;
}

/** Atomic, even when another worker does the same. */
function putWhole(from: string, to: string): void {
  const unfinished = `${to}.${process.pid}`;
  rmSync(unfinished, { recursive: true, force: true });
  put(from, unfinished);
  try {
    renameSync(unfinished, to);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(to)) throw error;
  }
}

function put(from: string, to: string): void {
  const about = lstatSync(from);
  if (about.isDirectory()) {
    mkdirSync(to, { recursive: true, mode: 0o755 });
    for (const name of readdirSync(from))
      if (!isIdle(name)) put(path.join(from, name), path.join(to, name));
    return;
  }
  const there = lstatSync(to, { throwIfNoEntry: false });
  if (there && there.mtimeMs === about.mtimeMs && there.size === about.size) return;
  const unfinished = `${to}.${process.pid}`;
  rmSync(unfinished, { force: true });
  if (about.isSymbolicLink()) symlinkSync(readlinkSync(from), unfinished);
  else if (about.isFile()) putFile(from, unfinished, about.mode);
  else return;
  renameSync(unfinished, to);
  // Renaming one hard link over another of the same file does nothing.
  rmSync(unfinished, { force: true });
}

/** Links a world-readable file and copies any other, since a link shares the file's permissions. */
function putFile(from: string, to: string, mode: number): void {
  if ((mode & 0o004) !== 0) {
    try {
      return linkSync(from, to);
    } catch {
      // Another file system.
    }
  }
  copyFileSync(from, to, constants.COPYFILE_FICLONE);
  chmodSync(to, (mode & 0o111) === 0 ? 0o644 : 0o755);
}
