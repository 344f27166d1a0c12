import { createHmac } from 'node:crypto';
import type { WorkerConfig } from '../config.ts';
import { notesDirectory } from './notes.ts';
import type { SnapshotStore } from './restic.ts';

/**
 * The store that the configuration names; undefined without SNAPSHOT_REPOSITORY.
 */
export function snapshotStoreOf(
  config: Pick<
    WorkerConfig,
    | 'DATA_DIR'
    | 'SNAPSHOT_REPOSITORY'
    | 'SNAPSHOT_PASSWORD'
    | 'SNAPSHOT_KEY_ID'
    | 'SNAPSHOT_KEY_SECRET'
    | 'SNAPSHOT_REGION'
  >,
): SnapshotStore | undefined {
  if (config.SNAPSHOT_REPOSITORY === undefined) return undefined;
  return {
    repository: config.SNAPSHOT_REPOSITORY,
    password: config.SNAPSHOT_PASSWORD ?? '',
    keyId: config.SNAPSHOT_KEY_ID,
    keySecret: config.SNAPSHOT_KEY_SECRET,
    region: config.SNAPSHOT_REGION,
    cacheDir: `${notesDirectory(config.DATA_DIR)}/cache`,
  };
}

/** Whether two stores are one: a digest of the address, keyed by the password. */
export function digestOf({ repository, password }: SnapshotStore): string {
  return createHmac('sha256', password).update(repository).digest('hex').slice(0, 16);
}
