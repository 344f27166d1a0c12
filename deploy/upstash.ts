import { FlyFailure } from './fly.ts';
import type { Fly } from './fly.ts';

export type Upstash = {
  createCommand(organization: string, region: string): string[];
  /** The database's address with its password; undefined when the database does not exist. */
  url(): Promise<string | undefined>;
};

/** A Redis database at Upstash, created and billed through Fly. */
export function createUpstash(fly: Fly, name: string): Upstash {
  return {
    // All prompts of the command are answered by flags: it has no --yes.
    createCommand: (organization, region) => [
      'redis',
      'create',
      '--name',
      name,
      '--org',
      organization,
      '--region',
      region,
      '--no-replicas',
      '--disable-eviction',
      '--enable-prodpack=false',
    ],
    async url() {
      try {
        return /rediss?:\/\/[^\s│|]+/.exec(await fly.run(['redis', 'status', name]))?.[0];
      } catch (error) {
        if (error instanceof FlyFailure) return undefined;
        throw error;
      }
    },
  };
}
