import { randomBytes } from 'node:crypto';
import type { Names, Role } from './names.ts';
import { roles } from './names.ts';
import { readersOf } from './settings.ts';
import type { VariableName } from './settings.ts';

/**
 * The location of the system's Redis: its own app, a database at Upstash, an address from the
 * owner, or the current setting.
 */
export type RedisChoice =
  { kind: 'own' } | { kind: 'upstash' } | { kind: 'url'; url: string } | { kind: 'kept' };

/**
 * Placeholder for the address of an Upstash database, which is unknown until the database exists.
 */
export const fromUpstash = Symbol('the address that Upstash gives');
/** Placeholder for what a bucket gives that this run makes. */
export const fromStorage = Symbol('what the bucket gives');
/** Placeholder for what the first computer has: Fly does not return it. */
export const fromFirst = Symbol('what the first computer has');
export type SecretValue = string | typeof fromUpstash | typeof fromStorage | typeof fromFirst;

export type SecretPlan = {
  /** The secrets to set, by app and name; an app that needs nothing has an empty record. */
  toSet: Record<Role, Record<string, SecretValue>>;
  /** The order of setting them. */
  order: Role[];
};

export type SecretNeeds = {
  names: Names;
  publicUrl: string;
  redis: RedisChoice;
  /** The names of each app's secrets: Fly does not return their values. */
  have: Record<Role, ReadonlySet<string>>;
  /** The values from the owner. */
  values: Partial<Record<VariableName, string>>;
  /** Replaces these even if they exist. */
  renew: ReadonlySet<string>;
  /** Generates a secret; random outside of tests. */
  make?: () => string;
};

/** 192 random bits in letters, digits, `-` and `_` only, so that URLs need no escaping. */
export const makeSecret = (): string => randomBytes(24).toString('base64url');

/** Plans the missing secrets and their values. */
export function planSecrets(needs: SecretNeeds): SecretPlan {
  const { names, publicUrl, redis, have, values, renew, make = makeSecret } = needs;
  const toSet: SecretPlan['toSet'] = { redis: {}, relay: {}, vm: {} };
  const lacks = (role: Role, name: string): boolean => renew.has(name) || !have[role].has(name);
  const give = (role: Role, name: string, value: SecretValue | undefined): void => {
    if (value !== undefined && lacks(role, name)) toSet[role][name] = value;
  };

  for (const [name, value] of Object.entries(values))
    for (const role of readersOf(name as VariableName)) give(role, name, value);
  for (const role of ['relay', 'vm'] as const) give(role, 'PUBLIC_URL', publicUrl);
  give('relay', 'WAKE_URL', `http://${names.vm}.flycast`);
  if (!values.ADMIN_PASSWORD && lacks('relay', 'ADMIN_PASSWORD'))
    toSet.relay['ADMIN_PASSWORD'] = make();

  if (redis.kind === 'url' || redis.kind === 'upstash')
    for (const role of ['relay', 'vm'] as const)
      give(role, 'REDIS_URL', redis.kind === 'url' ? redis.url : fromUpstash);

  const shared = redis.kind === 'own' ? [wake, store] : [wake];
  const isAnyMissing = shared.flat().some(([role, name]) => !have[role].has(name));
  for (const group of shared) {
    if (!isAnyMissing && !group.some(([, name]) => renew.has(name))) continue;
    const secret = make();
    for (const [role, name] of group)
      toSet[role][name] =
        group === store && name === 'REDIS_URL'
          ? `redis://default:${secret}@${names.redis}.internal:6379`
          : secret;
  }
  const lacking = new Set(
    shared.flat().flatMap(([role, name]) => (have[role].has(name) ? [] : [role])),
  );
  return {
    toSet,
    order: [...roles].toSorted((a, b) => Number(lacking.has(a)) - Number(lacking.has(b))),
  };
}

/**
 * Secrets that apps share. If one app lacks any of them, all are generated again, and the apps that
 * lack some are set last: an interrupted run leaves some app without its secret, so the next run
 * generates everything again and apps never end with different values.
 */
const wake = [
  ['relay', 'WAKE_SECRET'],
  ['vm', 'WAKE_SECRET'],
] as const;
const store = [
  ['redis', 'REDIS_PASSWORD'],
  ['relay', 'REDIS_URL'],
  ['vm', 'REDIS_URL'],
] as const;

/**
 * The lines that `fly secrets import` reads. Its parser (flyctl, secrets/parser.go) ends a value at
 * a `#` and strips quotes from its ends, except between triple quotes. @throws RangeError, naming
 * the variable only, for a value that cannot be written this way.
 */
export function formatImport(secrets: Record<string, string>): string {
  return Object.entries(secrets)
    .map(([name, value]) => {
      if (/[\r\n]/.test(value))
        throw new RangeError(`${name} has a line break in it, which Fly’s import does not take.`);
      // A `#` after an even number of quotation marks ends the value, and three marks open it: an
      // odd number before the `#` makes the total even.
      const marks = (value.split('#')[0] ?? '').split('"').length - 1;
      if (value.includes('#') && marks % 2 === 1)
        throw new RangeError(
          `${name} has a quotation mark before a #, which Fly’s import does not take. Choose another.`,
        );
      return `${name}="""${value}"""\n`;
    })
    .join('');
}
