import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import type { HomeRecord } from '../../shared/store/homes/registry.ts';
import { keys, ofHome } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { ok, problem } from './finding.ts';
import type { Finding } from './finding.ts';

/** A home as it is registered, and whether a worker of it lives. */
export type SeenHome = Pick<
  HomeRecord,
  'name' | 'suffix' | 'address' | 'takes' | 'people' | 'version' | 'dead' | 'helper'
> & { isAwake: boolean };

/** Checks each home of a system with several computers by what Redis knows of it. */
export async function checkComputers(redis: Redis): Promise<Finding[]> {
  const homes = await createHomeRegistry(redis).list();
  return judgeComputers(
    await Promise.all(
      homes.map(async (home) => ({
        ...home,
        isAwake: (await redis.exists(ofHome(keys.heartbeat, home.suffix))) === 1,
      })),
    ),
  );
}

/** What is wrong with each home; nothing is said of a single one. */
export function judgeComputers(homes: readonly SeenHome[]): Finding[] {
  if (homes.length < 2) return [];
  const versions = new Set(homes.map(({ version }) => version ?? 'an unknown version'));
  return homes.map((home) => judge(home, [...versions]));
}

function judge(home: SeenHome, versions: string[]): Finding {
  const { name, suffix, address, takes, people, version, dead, helper, isAwake } = home;
  const about = `Computer ${name}`;
  if (dead !== undefined)
    return problem(
      about,
      `it has not come up since ${dead}${helper === undefined ? '' : `; “${helper}” sends for it`}`,
      'Look why its machine does not start, and whether its WAKE_ADDRESS leads to it.',
    );
  // The first one may be woken by the relay's WAKE_URL.
  if (!isAwake && address === undefined && suffix !== '')
    return problem(
      about,
      'no worker of it lives, and it has no WAKE_ADDRESS at which it could be woken',
      'Start its worker, or set WAKE_ADDRESS and a WAKE_SECRET of its own there.',
    );
  if (versions.length > 1)
    return problem(
      about,
      `it has ${version ?? 'an unknown version'}; there are ${versions.join(', ')}`,
      'Bring all computers and the relay to one version.',
    );
  const room = takes === undefined ? `${people} people` : `${people} of ${takes} people`;
  return ok(about, `${room}; ${isAwake ? 'awake' : 'asleep'}`);
}
