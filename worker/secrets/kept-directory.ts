import { constants } from 'node:fs';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/** Thrown when the worker has no place on this disk that is its own. */
export class NoPlaceError extends Error {
  override name = 'NoPlaceError';
}

/**
 * A directory that only the worker can read and write, within a directory of the agent. The agent
 * could move it away and put something else there: so it is opened and looked at for each step, and
 * the step then goes through the open directory.
 */
export type KeptDirectory = {
  /** A file's bytes; undefined when it does not exist. */
  read(name: string): Promise<Buffer | undefined>;
  /** Replaces a file, or creates it, in one step. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Creates a file unless it exists, in one step. */
  writeOnce(name: string, bytes: Uint8Array): Promise<void>;
  /** Removes a file if it exists. */
  remove(name: string): Promise<void>;
};

const openFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

let written = 0;

/**
 * The first write creates the directory. Each method throws NoPlaceError when it is not the
 * worker's own, or cannot be created.
 */
export function createKeptDirectory(directory: string): KeptDirectory {
  const within = async <T>(step: (at: string) => Promise<T>): Promise<T> => {
    const handle = await openOwn(directory);
    try {
      // Linux leads from an open directory to its files, wherever it lies now.
      return await step(process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : directory);
    } finally {
      await handle.close();
    }
  };
  const writeWithin = async <T>(step: (at: string) => Promise<T>): Promise<T> => {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw new NoPlaceError(messageOf(error), { cause: error });
    }
    return await within(step);
  };
  const writeTemporary = async (at: string, bytes: Uint8Array): Promise<string> => {
    const file = path.join(at, `.${process.pid}.${(written += 1)}`);
    await rm(file, { force: true });
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return file;
  };
  return {
    async read(name) {
      try {
        return await within((at) => readFile(path.join(at, name)));
      } catch (error) {
        const { cause } = error instanceof NoPlaceError ? error : { cause: error };
        if (codeOf(cause) === 'ENOENT') return undefined;
        throw error;
      }
    },
    write: (name, bytes) =>
      writeWithin(async (at) => rename(await writeTemporary(at, bytes), path.join(at, name))),
    writeOnce: (name, bytes) =>
      writeWithin(async (at) => {
        const file = await writeTemporary(at, bytes);
        try {
          await link(file, path.join(at, name));
        } catch (error) {
          if (codeOf(error) !== 'EEXIST') throw error;
        } finally {
          await rm(file, { force: true });
        }
      }),
    remove: (name) => within((at) => rm(path.join(at, name), { force: true })),
  };
}

async function openOwn(directory: string): ReturnType<typeof open> {
  const handle = await open(directory, openFlags).catch((error: unknown) => {
    throw new NoPlaceError(messageOf(error), { cause: error });
  });
  const about = await handle.stat();
  if (about.uid === process.geteuid?.() && (about.mode & 0o077) === 0) return handle;
  await handle.close();
  throw new NoPlaceError(`${directory} does not belong to the worker alone`);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
