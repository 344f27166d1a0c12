import { isPublic } from '../fly-account.ts';
import type { FlyAccount, Machine } from '../fly-account.ts';
import { findComputers } from '../computers/computer.ts';
import type { Names, Role } from '../names.ts';
import { describeNetwork, findNetwork } from '../networks.ts';
import type { NetworkLook } from '../networks.ts';
import { volumes } from '../plan.ts';
import type { App } from '../plan.ts';
import { settings } from '../settings.ts';
import { ok, problem, unchecked } from './finding.ts';
import type { Finding } from './finding.ts';

const again = 'Run “npm run deploy”; it makes what is missing.';

export type FlyLook = {
  account: FlyAccount;
  names: Names;
  /** The apps that exist, with their organization. */
  existing: ReadonlyMap<string, string>;
  /** The image tags that a build from this checkout gets. */
  labels: Record<Role, string>;
};

/** Checks everything that the system has on Fly. @throws FlyFailure. */
export async function checkFly(look: FlyLook): Promise<Finding[]> {
  const { existing, names } = look;
  const roles: Role[] = existing.has(names.redis) ? ['redis', 'relay', 'vm'] : ['relay', 'vm'];
  const elsewhere = existing.has(names.redis)
    ? []
    : [unchecked('Redis', `there is no app ${names.redis}, so it is elsewhere`)];
  const found: Finding[] = [...elsewhere];
  for (const role of roles)
    found.push(
      ...(existing.has(names[role])
        ? await checkApp(look, { name: names[role], role })
        : [problem(names[role], 'there is no such app', again)]),
    );
  for (const { app } of findComputers(names, existing.keys()))
    found.push(...(await checkApp(look, { name: app, role: 'vm' }, ofComputer)));
  found.push(judgeNetwork(await findNetwork(look.account, names, existing)));
  return found;
}

/**
 * An earlier version created the apps in the organization's network, where they stay until the
 * owner moves them.
 */
function judgeNetwork(look: NetworkLook): Finding {
  const said = describeNetwork(look);
  if (look.state === 'apart')
    return problem('Network', said ?? '', 'See “A network of its own” in docs/operations.md.');
  return said === undefined
    ? ok('Network', 'nothing else of yours is in the apps’ private network')
    : unchecked('Network', said);
}

async function checkApp(
  { account, labels }: FlyLook,
  { name: app, role }: App,
  further: readonly string[] = [],
): Promise<Finding[]> {
  const machines = await account.machines(app);
  return [
    judgeMachines(app, role, machines, labels[role]),
    ...(role === 'relay' ? [] : [await checkVolume(account, app, role)]),
    await checkSecrets(account, { name: app, role }, machines.length > 0, further),
    ...(await checkAddresses(account, app, role)),
  ];
}

function judgeMachines(
  app: string,
  role: Role,
  machines: readonly Machine[],
  label: string,
): Finding {
  const [machine] = machines;
  if (!machine) return problem(app, 'it has no machine', again);
  if (machines.length > 1)
    return problem(
      app,
      `it has ${machines.length} machines and is made to be one`,
      `fly scale count 1 --app ${app}`,
    );
  const isAsleep = role === 'vm' && machine.state === 'stopped';
  if (machine.state !== 'started' && !isAsleep)
    return problem(
      app,
      `its machine is ${machine.state}`,
      `fly logs --app ${app} says why; fly machine start ${machine.id} --app ${app} starts it.`,
    );
  const version =
    machine.tag === label
      ? `this version (${machine.tag})`
      : `${machine.tag}, which is not what this checkout makes; “npm run deploy” brings it up to date`;
  return ok(app, isAsleep ? `is asleep; it has ${version}` : `runs ${version}`);
}

async function checkVolume(
  account: FlyAccount,
  app: string,
  role: 'redis' | 'vm',
): Promise<Finding> {
  const { name } = volumes[role];
  const found = (await account.volumes(app)).filter((volume) => volume.name === name);
  if (found.length === 0) return problem(`${app}’s volume`, 'missing, so nothing is kept', again);
  const [volume] = found;
  return ok(
    `${app}’s volume`,
    `${volume?.sizeGb} GB in ${volume?.region}${found.length > 1 ? ` (and ${found.length - 1} more, which cost, too: fly volumes list --app ${app})` : ''}`,
  );
}

/** The secrets that each app requires; either of the model's two keys is enough. */
const made: Record<Role, readonly string[]> = {
  redis: ['REDIS_PASSWORD'],
  relay: ['PUBLIC_URL', 'REDIS_URL', 'WAKE_URL', 'WAKE_SECRET'],
  vm: ['PUBLIC_URL', 'REDIS_URL', 'WAKE_SECRET'],
};

/** What a computer beside the first one requires as well. */
const ofComputer = ['HOME_NAME', 'WAKE_ADDRESS'];

async function checkSecrets(
  account: FlyAccount,
  { name: app, role }: App,
  isDeployed: boolean,
  further: readonly string[],
): Promise<Finding> {
  const about = `${app}’s secrets`;
  const secrets = await account.secrets(app);
  const names = new Set(secrets.map(({ name }) => name));
  const owners = settings
    .filter((setting) => setting.need === 'required' && setting.apps.includes(role))
    .map(({ name }) => name);
  const isMissing = (name: string): boolean =>
    !names.has(name) && !(name === 'ANTHROPIC_API_KEY' && names.has('CLAUDE_CODE_OAUTH_TOKEN'));
  const missing = [...made[role], ...further, ...owners].filter(isMissing);
  if (missing.length > 0) return problem(about, `missing: ${missing.join(', ')}`, again);
  // Before the first deployment, every secret is staged.
  const staged = secrets.filter((secret) => secret.staged && isDeployed).map(({ name }) => name);
  if (staged.length > 0)
    return problem(
      about,
      `set, but not in force yet: ${staged.join(', ')}`,
      `fly secrets deploy --app ${app}`,
    );
  return ok(about, `${names.size} are set`);
}

async function checkAddresses(account: FlyAccount, app: string, role: Role): Promise<Finding[]> {
  const addresses = await account.addresses(app);
  const open = addresses.filter(isPublic);
  if (role === 'relay')
    return [
      open.length > 0
        ? ok(`${app}’s address`, 'the world reaches it')
        : problem(`${app}’s address`, 'the world cannot reach it', again),
    ];
  const found: Finding[] = open.map(({ address }) =>
    problem(
      `${app}’s address`,
      `the world can reach it at ${address}, and it should not`,
      `fly ips release ${address} --app ${app}`,
    ),
  );
  if (role === 'vm')
    found.push(
      addresses.some(({ type }) => type === 'private_v6')
        ? ok('Flycast', `the relay reaches ${app} at http://${app}.flycast`)
        : problem('Flycast', `${app} has no Flycast address, so the relay cannot wake it`, again),
    );
  return found;
}
