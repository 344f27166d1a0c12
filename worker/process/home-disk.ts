import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { SetupError, reportError } from '../../shared/runtime/errors.ts';
import { parseJson } from '../../shared/runtime/json.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Beat } from '../../shared/store/homes/beats.ts';
import { homeNamePattern } from '../../shared/store/homes/home-name.ts';
import type { HomeFacts, HomeRegistry } from '../../shared/store/homes/registry.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';
import { hasEarlier } from '../agent/homes/earlier-layout.ts';
import { peopleName } from '../agent/homes/home.ts';
import { createKeptDirectory } from '../secrets/kept-directory.ts';
import { createDiskBeat, diskDirectory } from './disk-beat.ts';

/**
 * The home that a worker serves: its name, and what its keys and queues have behind their names.
 */
export type Place = { name: string; suffix: HomeSuffix };

/**
 * What a home may be called at its first boot: the name that was asked for, which must be the
 * disk's; the worker's, if it was given one; and the machine's.
 */
export type HomeNames = {
  asked?: string | undefined;
  worker?: string | undefined;
  machine: string;
};

/** The file with a home's name and id, in a directory of the worker's own. */
const fileName = 'home.json';

const Disk = z.object({ name: z.string().regex(homeNamePattern), id: z.uuid() });
type Disk = z.infer<typeof Disk>;

/**
 * Reads which home the disk is, and writes it at the first boot: of several workers that boot at
 * the same time, one decides. `nameOf` is asked only then. Throws SetupError.
 */
async function claimDisk(dataDir: string, nameOf: () => Promise<string>): Promise<Disk> {
  const directory = createKeptDirectory(path.join(dataDir, diskDirectory));
  const file = path.join(dataDir, diskDirectory, fileName);
  const read = async (): Promise<Disk | undefined> => {
    const bytes = await directory.read(fileName);
    if (bytes === undefined) return undefined;
    const { data } = Disk.safeParse(parseJson(bytes.toString('utf8')));
    if (data) return data;
    throw new SetupError(`${file} cannot be read: it names the home that this disk is.`);
  };
  // Also a disk that is full, read-only or out of order.
  const onDisk = async <T>(step: () => Promise<T>): Promise<T> => {
    try {
      return await step();
    } catch (error) {
      if (error instanceof SetupError) throw error;
      const { message } = reportError(error);
      throw new SetupError(`DATA_DIR cannot hold the name of this home: ${message}`);
    }
  };
  const known = await onDisk(read);
  if (known) return known;
  const disk = { name: await nameOf(), id: randomUUID() };
  return await onDisk(async () => {
    await mkdir(dataDir, { recursive: true });
    await directory.writeOnce(fileName, Buffer.from(`${JSON.stringify(disk)}\n`));
    return (await read()) ?? disk;
  });
}

/**
 * Names the disk at its first boot and registers its home. A machine without a name of its own is
 * the system's computer: it stays the first home, also with a new disk. Throws SetupError when
 * the disk belongs to another home, and when the home is served from another disk, of which
 * this one may be a copy.
 */
export async function takePlace(
  {
    dataDir,
    worker,
    names,
    facts,
  }: { dataDir: string; worker: string; names: HomeNames; facts: HomeFacts },
  registry: Pick<HomeRegistry, 'first' | 'register' | 'beats'>,
  log: Log,
): Promise<Place> {
  const hasFiles = existsSync(path.join(dataDir, peopleName)) || hasEarlier(dataDir);
  const disk = await claimDisk(
    dataDir,
    async () => names.asked ?? names.worker ?? (await registry.first()) ?? names.machine,
  );
  const { name, id } = disk;
  if (names.asked !== undefined && names.asked !== name)
    throw new SetupError(
      `HOME_NAME is “${names.asked}”, and DATA_DIR holds the home “${name}”: a disk keeps its name. Give this computer the disk of “${names.asked}” or an empty one.`,
    );
  const { strangerAmong } = createDiskBeat(dataDir, worker);
  const look = async (): Promise<Beat | undefined> =>
    await strangerAmong(await registry.beats(name));
  // Twice: marks change, also while this process is halted between Redis and the disk.
  if ((await look()) && (await look())) throw new SetupError(otherDisk(name));
  const mayBeFirst = names.asked === undefined || hasFiles;
  const registered = await registry.register({ name, id, worker, mayBeFirst }, facts);
  if (registered.outcome === 'live') throw new SetupError(otherDisk(name));
  if (registered.outcome === 'not-first')
    throw new SetupError(
      'People have files on a computer that has not started with this version yet. Start that one first: it becomes the first home.',
    );
  if (registered.isReplaced)
    log.warn({ home: name }, 'the home has another disk than before: files of people are missing');
  return { name, suffix: registered.suffix };
}

/** Why a worker cannot serve a home. */
export function otherDisk(name: string): string {
  return `The home “${name}” is running from another disk, as after a volume was forked: two disks cannot serve one home. Stop the other computer, or give this one another HOME_NAME and an empty DATA_DIR.`;
}
