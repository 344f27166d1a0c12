import { randomBytes } from 'node:crypto';
import { SetupError } from '../shared/runtime/errors.ts';
import type { Asking } from './asking.ts';
import type { FlyAccount } from './fly-account.ts';
import { findPrefixes, namesFor } from './names.ts';
import type { Names, Role } from './names.ts';
import { WrongUsage } from '../shared/runtime/command-line.ts';
import type { RedisChoice } from './secret-plan.ts';

/**
 * The apps in the account: names with their organization; empty when the account cannot be read.
 */
export type Existing = { apps: ReadonlyMap<string, string>; isKnown: boolean };

/** @throws SetupError when the person is not signed in; FlyMissing when fly is not installed. */
export async function findExisting(account: FlyAccount): Promise<Existing> {
  try {
    await account.whoami();
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(
      `You are not signed in to Fly. Run “fly auth login”, then this again.\n(${error instanceof Error ? error.message : String(error)})`,
    );
  }
  return {
    apps: new Map((await account.apps()).map(({ name, organization }) => [name, organization])),
    isKnown: true,
  };
}

/**
 * The given prefix, else that of the only existing system. @throws WrongUsage for a prefix that Fly
 * would refuse; SetupError when there are several systems.
 */
export function findNames(given: string | undefined, existing: Existing): Names | undefined {
  const prefixes = given === undefined ? findPrefixes([...existing.apps.keys()]) : [given];
  if (prefixes.length > 1)
    throw new SetupError(
      `There are several systems: ${prefixes.join(', ')}. Name one with --prefix.`,
    );
  const [prefix] = prefixes;
  if (prefix === undefined) return undefined;
  try {
    return namesFor(prefix);
  } catch (error) {
    throw new WrongUsage(error instanceof Error ? error.message : String(error));
  }
}

/** Picks a prefix for a new system that is unlikely to be taken. */
export async function chooseNames(asking: Asking | undefined): Promise<Names> {
  const preset = `sidepocket-${randomBytes(2).toString('hex')}`;
  if (!asking) return namesFor(preset);
  const judge = (value: string): string | undefined => {
    try {
      namesFor(value);
      return value.startsWith('sidepocket')
        ? undefined
        : 'must begin with sidepocket, so that it is found again';
    } catch {
      return 'must be 3 to 56 lower-case letters, digits and dashes';
    }
  };
  return namesFor(
    await asking.text('What shall the apps’ names on Fly begin with?', { judge, preset }),
  );
}

/**
 * The organization for the apps. @throws SetupError when there are several organizations and no
 * terminal to ask at.
 */
export async function chooseOrganization(
  given: string | undefined,
  names: Names,
  existing: Existing,
  account: FlyAccount,
  asking: Asking | undefined,
): Promise<string> {
  const present =
    existing.apps.get(names.relay) ?? existing.apps.get(names.vm) ?? existing.apps.get(names.redis);
  if (given ?? present) return given ?? present ?? '';
  const organizations = await account.organizations();
  const [only] = organizations;
  if (organizations.length === 1 && only !== undefined) return only;
  if (!asking)
    throw new SetupError(
      `You belong to several organizations on Fly: ${organizations.join(', ')}. Name one with --org.`,
    );
  return await asking.choose(
    'Which organization on Fly shall own the apps?',
    organizations.map((slug) => ({ value: slug, label: slug })),
  );
}

/** The region: the given one, else that of the VM's volume, else the person's choice. */
export async function chooseRegion(
  given: string | undefined,
  names: Names,
  existing: Existing,
  account: FlyAccount,
  asking: Asking | undefined,
): Promise<string> {
  if (given) return given;
  for (const app of [names.vm, names.redis]) {
    const [volume] = existing.apps.has(app) ? await account.volumes(app) : [];
    if (volume) return volume.region;
  }
  const judge = (value: string): string | undefined =>
    /^[a-z]{3}$/.test(value) ? undefined : 'must be three letters; see “fly platform regions”';
  return asking
    ? await asking.text(
        'Where shall it run? Three letters from “fly platform regions”, best near you',
        { judge, preset: 'iad' },
      )
    : 'iad';
}

/** The given choice, else the existing Redis, else a Redis app of its own. */
export function chooseRedis(
  given: string | undefined,
  names: Names,
  existing: Existing,
  have: Record<Role, ReadonlySet<string>>,
): RedisChoice {
  if (given === 'own') return { kind: 'own' };
  if (given === 'upstash') return { kind: 'upstash' };
  if (given) return { kind: 'url', url: given };
  const isElsewhere =
    !existing.apps.has(names.redis) && have.relay.has('REDIS_URL') && have.vm.has('REDIS_URL');
  return { kind: isElsewhere ? 'kept' : 'own' };
}

/**
 * The relay's public address. @throws SetupError when the relay has a custom domain and it is
 * unclear whether to use it.
 */
export async function choosePublicUrl(
  given: string | undefined,
  names: Names,
  existing: Existing,
  account: FlyAccount,
): Promise<string> {
  const usual = `https://${names.relay}.fly.dev`;
  if (given) return given;
  const domains = existing.apps.has(names.relay) ? await account.domains(names.relay) : [];
  if (domains.length === 0) return usual;
  throw new SetupError(
    `${names.relay} has a domain of its own. Say which address is the relay’s: --url https://${domains[0]} or --url ${usual}`,
  );
}
