import { randomBytes } from 'node:crypto';
import type { Names, Role } from './names.ts';
import { roles } from './names.ts';
import { readersOf } from './settings.ts';
import type { VariableName } from './settings.ts';

/**
 * Where the system's Redis is: an app of its own, a database at Upstash, one that the owner names,
 * or whatever is set already.
 */
export type RedisChoice =
  { kind: 'own' } | { kind: 'upstash' } | { kind: 'url'; url: string } | { kind: 'kept' };

/** Stands for the address of a database at Upstash, which is known only when that exists. */
export const fromUpstash = Symbol('the address that Upstash gives');
export type SecretValue = string | typeof fromUpstash;

export type SecretPlan = {
  /** What is to be set, by app and name; an app that needs nothing has an empty record. */
  toSet: Record<Role, Record<string, SecretValue>>;
  /** The order in which to set it. */
  order: Role[];
};

export type SecretNeeds = {
  names: Names;
  publicUrl: string;
  redis: RedisChoice;
  /** The names of the secrets that each app has: Fly does not give their values back. */
  have: Record<Role, ReadonlySet<string>>;
  /** What the owner brought. */
  values: Partial<Record<VariableName, string>>;
  /** Set these anew although they are there. */
  renew: ReadonlySet<string>;
  /** Makes a secret; random unless a test decides. */
  make?: () => string;
};

/**
 * 192 random bits, in letters, digits, `-` and `_` only, so that it needs no escaping in an
 * address.
 */
export const makeSecret = (): string => randomBytes(24).toString('base64url');

/** Which secrets are missing, and their values. */
export function planSecrets({
  names,
  publicUrl,
  redis,
  have,
  values,
  renew,
  make = makeSecret,
}: SecretNeeds): SecretPlan {
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
 * What apps must agree on. When one lacks any of it, all of it is made anew, and the apps that lack
 * some are given theirs last: as long as one lacks some, a run that was cut off is followed by one
 * that makes everything anew, so that apps never end with different values.
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
 * The lines that `fly secrets import` reads. Its reader (flyctl, secrets/parser.go) ends a value at
 * a `#` and takes quotes off its ends, except between triple quotes. @throws RangeError, naming the
 * variable only, for a value that cannot be written so.
 */
export function formatImport(secrets: Record<string, string>): string {
  return Object.entries(secrets)
    .map(([name, value]) => {
      if (/[\r\n]/.test(value))
        throw new RangeError(`${name} has a line break in it, which Fly’s import does not take.`);
      // A `#` after an even number of quotation marks ends the value, and three open it: an odd
      // number of its own before the `#` makes them even.
      const marks = (value.split('#')[0] ?? '').split('"').length - 1;
      if (value.includes('#') && marks % 2 === 1)
        throw new RangeError(
          `${name} has a quotation mark before a #, which Fly’s import does not take. Choose another.`,
        );
      return `${name}="""${value}"""\n`;
    })
    .join('');
}
