import { randomBytes } from 'node:crypto';
import { SetupError } from '../shared/runtime/errors.ts';
import type { Answers } from './answers.ts';
import type { Asking } from './asking.ts';
import { formatCommand } from './fly.ts';
import type { Fly } from './fly.ts';
import type { Names } from './names.ts';
import { fromStorage, makeSecret } from './secret-plan.ts';
import type { SecretValue } from './secret-plan.ts';
import type { Step } from './step.ts';

/** A bucket for snapshots of people's homes that a run makes; `made` is what it has given. */
export type Storage = { bucket: string; made: Record<string, string> };

/**
 * What a dead volume costs without a store for snapshots, as a sentence for the operator.
 */
export const withoutStorage =
  'People’s files are on the VM’s volume alone, which dies with its host: everything since Fly’s last daily snapshot of it is lost then, and you put that back by hand. With --storage they are saved in a bucket as well, for about $0.02 a gigabyte and month (docs/costs.md).';

const question =
  'Shall people’s files be saved in a bucket as well (Tigris, about $0.02 a gigabyte and month)? Without it a dead volume costs everything since Fly’s last daily snapshot of it';

/**
 * Whether this run makes a bucket: when the option says so, or the person at a first deployment.
 * Throws SetupError when the owner names a store of their own as well.
 */
export async function chooseStorage(
  { isWanted, isFirstTime }: { isWanted: boolean; isFirstTime: boolean },
  answers: Answers,
  have: ReadonlySet<string>,
  asking: Asking | undefined,
): Promise<boolean> {
  const own = answers.SNAPSHOT_REPOSITORY !== undefined;
  if (isWanted && own)
    throw new SetupError(
      '--storage makes a bucket, and SNAPSHOT_REPOSITORY names a store already.',
    );
  if (own || have.has('SNAPSHOT_REPOSITORY')) return false;
  return isWanted || (isFirstTime && asking !== undefined && (await asking.confirm(question)));
}

/**
 * A bucket's name is unique in the world; its keys are shown once. So a run that was cut off
 * between the two leaves an empty bucket, which costs nothing, and the next one makes another.
 */
export function nameBucket({ prefix }: Names): string {
  return `${prefix}-homes-${randomBytes(3).toString('hex')}`;
}

/** What a computer needs for snapshots in the bucket. */
export function storageSecrets({ SNAPSHOT_PASSWORD }: Answers): Record<string, SecretValue> {
  return {
    SNAPSHOT_REPOSITORY: fromStorage,
    SNAPSHOT_KEY_ID: fromStorage,
    SNAPSHOT_KEY_SECRET: fromStorage,
    SNAPSHOT_REGION: 'auto',
    SNAPSHOT_PASSWORD: SNAPSHOT_PASSWORD ?? makeSecret(),
  };
}

/** Makes the bucket; it belongs to no app, since all computers use it. */
export function planBucket(fly: Fly, organization: string, { bucket, made }: Storage): Step {
  const create = ['storage', 'create', '--name', bucket, '--org', organization, '--yes'];
  return {
    what: `the bucket ${bucket} exists at Tigris`,
    takes: [formatCommand(create)],
    isDone: async () => false,
    async run() {
      const said = await fly.run(create);
      const given = (name: string): string => {
        const value = new RegExp(String.raw`^\s*${name}: (\S+)`, 'm').exec(said)?.[1];
        if (value !== undefined) return value;
        throw new Error(
          `“${formatCommand(create)}” has not said its ${name}. Remove it with “fly storage destroy ${bucket}”, and run again.`,
        );
      };
      made['SNAPSHOT_REPOSITORY'] =
        `s3:${given('AWS_ENDPOINT_URL_S3').replace(/\/$/, '')}/${given('BUCKET_NAME')}`;
      made['SNAPSHOT_KEY_ID'] = given('AWS_ACCESS_KEY_ID');
      made['SNAPSHOT_KEY_SECRET'] = given('AWS_SECRET_ACCESS_KEY');
    },
  };
}
