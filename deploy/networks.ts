import type { FlyAccount } from './fly-account.ts';
import type { Names } from './names.ts';
import { roles } from './names.ts';
import type { RedisChoice } from './secret-plan.ts';

/**
 * Which private network on Fly the apps are in, as far as addresses tell: their first three groups
 * are the network's own (fly.io/docs/networking/private-networking). `others` are apps that are not
 * ours and share it.
 */
export type NetworkLook =
  { state: 'none' | 'unknown' | 'apart' } | { state: 'found'; others: string[] };

/** How many of the organization's other apps are looked at. */
const mostLooked = 20;

/** `existing` are the account's apps with their organization. Throws FlyFailure. */
export async function findNetwork(
  account: Pick<FlyAccount, 'machines'>,
  names: Names,
  existing: ReadonlyMap<string, string>,
): Promise<NetworkLook> {
  const networkOf = async (app: string): Promise<string> =>
    networkIn((await account.machines(app))[0]?.privateIp ?? '');
  const ours = roles.map((role) => names[role]).filter((app) => existing.has(app));
  const found = (await Promise.all(ours.map(networkOf))).filter((network) => network !== '');
  const [network] = found;
  if (network === undefined) return { state: ours.length === 0 ? 'none' : 'unknown' };
  if (found.some((other) => other !== network)) return { state: 'apart' };
  const organization = existing.get(ours[0] ?? '');
  const others = [...existing]
    .filter(([app, owner]) => owner === organization && !ours.includes(app))
    .map(([app]) => app)
    .slice(0, mostLooked);
  const sharing: string[] = [];
  for (const app of others) if ((await networkOf(app)) === network) sharing.push(app);
  return { state: 'found', others: sharing };
}

function networkIn(address: string): string {
  const groups = address.split(':');
  return groups[0] === 'fdaa' && groups.length > 3 ? groups.slice(0, 3).join(':') : '';
}

/**
 * What may be said of it on the command line: a network of the apps' own, or the organization's.
 */
export type NetworkChoice = 'own' | 'organization';

/**
 * The network in which what is missing is created: its name, which is the prefix, or undefined for
 * the organization's. A new system gets one of its own, unless its Redis is reached inside the
 * organization's, such as one at Upstash. To one that is there, its missing part is added where the
 * others are: with apps that are not ours beside them that is the organization's.
 */
export function chooseNetwork(
  prefix: string,
  look: NetworkLook,
  redis: RedisChoice,
  given: NetworkChoice | undefined,
): string | undefined {
  if (given !== undefined) return given === 'own' ? prefix : undefined;
  if (look.state === 'found') return look.others.length === 0 ? prefix : undefined;
  const isInside =
    redis.kind === 'upstash' ||
    (redis.kind === 'url' &&
      /[@/][\w.-]+\.(?:internal|flycast|upstash\.io)(?::|\/|$)/.test(redis.url));
  return isInside ? undefined : prefix;
}

/** What there is to say about it, as a sentence; undefined when nothing is. */
export function describeNetwork(look: NetworkLook): string | undefined {
  if (look.state === 'found') {
    const { others } = look;
    return others.length === 0
      ? undefined
      : `The apps keep the private network that they are in. They share it with ${others.join(', ')}, which what runs in the VM can reach; docs/operations.md tells how to move.`;
  }
  if (look.state === 'unknown')
    return 'The apps keep the private network that they are in; which one that is Fly does not say.';
  return look.state === 'apart'
    ? 'The apps are in different private networks, so they cannot reach each other.'
    : undefined;
}
