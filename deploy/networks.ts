import type { FlyAccount } from './fly-account.ts';
import type { Names } from './names.ts';
import { roles } from './names.ts';
import type { RedisChoice } from './secret-plan.ts';

/**
 * The private network that the apps are in, as far as addresses reveal it: their first three groups
 * identify the network (fly.io/docs/networking/private-networking). `others` are unrelated apps in
 * the same network.
 */
export type NetworkLook =
  { state: 'none' | 'unknown' | 'apart' } | { state: 'found'; others: string[] };

/** How many of the organization's other apps are checked. */
const mostLooked = 20;

/** `existing` maps the account's apps to their organization. Throws FlyFailure. */
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

/** The values of the command-line option: a network of the apps' own, or the organization's. */
export type NetworkChoice = 'own' | 'organization';

/**
 * The network for apps that do not exist yet: its name, which is the prefix, or undefined for the
 * organization's. A new system gets its own network, unless its Redis is inside the organization's,
 * such as a Redis at Upstash. An app missing from an existing system goes into the network of the
 * others: the organization's if unrelated apps share it.
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

/** Describes the network in a sentence; undefined when there is nothing to report. */
export function describeNetwork(look: NetworkLook): string | undefined {
  if (look.state === 'found') {
    const { others } = look;
    return others.length === 0
      ? undefined
      : `The apps keep the private network that they are in. They share it with ${others.join(', ')}, which what runs in the VM can reach; docs/operations.md tells how to move.`;
  }
  if (look.state === 'unknown')
    return 'The apps keep their private network; Fly does not say which one it is.';
  return look.state === 'apart'
    ? 'The apps are in different private networks, so they cannot reach each other.'
    : undefined;
}
