import type { Fly } from './fly.ts';
import { formatCommand } from './fly.ts';
import type { FlyAccount } from './fly-account.ts';
import { isPublic } from './fly-account.ts';
import type { Names, Role } from './names.ts';
import { formatImport, fromFirst, fromStorage, fromUpstash } from './secret-plan.ts';
import type { RedisChoice, SecretPlan, SecretValue } from './secret-plan.ts';
import type { Step } from './step.ts';
import { planBucket } from './storage.ts';
import type { Storage } from './storage.ts';
import { createUpstash } from './upstash.ts';

export type FlyPlan = {
  fly: Fly;
  account: FlyAccount;
  names: Names;
  organization: string;
  /** The private network for new apps; undefined for the organization's. */
  network: string | undefined;
  region: string;
  redis: RedisChoice;
  /** The expected image tag of each app. */
  labels: Record<Role, string>;
  secrets: SecretPlan;
  /** The bucket for snapshots of people's homes that this run makes; undefined for none. */
  storage: Storage | undefined;
  /** Reads a variable of the first computer's machine, while it is awake. */
  readFirst: (name: string) => Promise<string>;
  /** The existing apps; apps created by this run are added. */
  existing: Set<string>;
  /** The apps whose secrets this run has set or tried to set; this run adds to it. */
  touched: Set<string>;
};

/** An app and the part that it is: each computer is an app of its own. */
export type App = { name: string; role: Role };

/** Secrets of an app that are set in one step. */
export type AppSecrets = { app: string; values: Record<string, SecretValue> };

/** The volumes that the fly.*.toml files mount. */
export const volumes = {
  redis: { name: 'redis', sizeGb: 1 },
  vm: { name: 'data', sizeGb: 10 },
} as const;

/**
 * All steps on Fly, from nothing to three running apps. `ahead` are secrets of further computers
 * that come before those of the three: while one of these lacks its part, the next run makes all
 * anew.
 */
export function planFly(plan: FlyPlan, ahead: AppSecrets[] = []): Step[] {
  const { names, secrets } = plan;
  const roles: Role[] = plan.redis.kind === 'own' ? ['redis', 'relay', 'vm'] : ['relay', 'vm'];
  const parts = roles.map((role): App => ({ name: names[role], role }));
  return [
    ...parts.map((app) => planApp(plan, app)),
    ...(plan.redis.kind === 'upstash' ? [planUpstash(plan)] : []),
    ...(plan.storage ? [planBucket(plan.fly, plan.organization, plan.storage)] : []),
    ...(plan.redis.kind === 'own' ? [planVolume(plan, names.redis, 'redis')] : []),
    planVolume(plan, names.vm, 'vm'),
    planPublicAddress(plan),
    planFlycast(plan, names.vm),
    ...ahead.map((one) => planSecretsOf(plan, one)),
    ...secrets.order
      .filter((role) => roles.includes(role))
      .map((role) => planSecretsOf(plan, { app: names[role], values: secrets.toSet[role] })),
    ...parts.map((app) => planDeploy(plan, app)),
  ];
}

/** The steps on Fly from nothing to one more running computer. */
export function planMachine(plan: FlyPlan, secrets: AppSecrets): Step[] {
  const app: App = { name: secrets.app, role: 'vm' };
  return [
    planApp(plan, app),
    planVolume(plan, app.name, 'vm'),
    planFlycast(plan, app.name),
    planSecretsOf(plan, secrets),
    planDeploy(plan, app),
  ];
}

/**
 * Without the flag, Fly puts both into the organization's network
 * (fly.io/docs/networking/custom-private-networks).
 */
const inNetwork = ({ network }: FlyPlan): string[] =>
  network === undefined ? [] : ['--network', network];

/** A step made of one or more fly commands. */
function flyStep(
  plan: FlyPlan,
  app: string,
  what: string,
  commands: () => string[][],
  isDone: () => Promise<boolean>,
): Step {
  return {
    what,
    takes: commands().map(formatCommand),
    isDone: async () => plan.existing.has(app) && (await isDone()),
    async run() {
      for (const command of commands()) await plan.fly.run(command);
    },
  };
}

function planApp(plan: FlyPlan, { name: app }: App): Step {
  const create = ['apps', 'create', app, '--org', plan.organization, ...inNetwork(plan)];
  return {
    what: `the app ${app} exists`,
    takes: [formatCommand(create)],
    isDone: async () => plan.existing.has(app),
    async run() {
      try {
        await plan.fly.run(create);
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        throw /taken/i.test(text)
          ? new Error(
              `${text}\nNames on Fly are unique in the world. Choose another with --prefix NAME.`,
              { cause: error },
            )
          : error;
      }
      plan.existing.add(app);
    },
  };
}

function planUpstash(plan: FlyPlan): Step {
  const upstash = createUpstash(plan.fly, plan.names.redis);
  const create = upstash.createCommand(plan.organization, plan.region);
  const isWanted = Object.values(plan.secrets.toSet).some((values) =>
    Object.values(values).includes(fromUpstash),
  );
  return {
    what: `the Redis database ${plan.names.redis} exists at Upstash`,
    takes: [formatCommand(create)],
    isDone: async () => !isWanted || (await upstash.url()) !== undefined,
    run: async () => void (await plan.fly.run(create)),
  };
}

function planVolume(plan: FlyPlan, app: string, role: 'redis' | 'vm'): Step {
  const { name, sizeGb } = volumes[role];
  const create = [
    'volumes',
    'create',
    name,
    '--app',
    app,
    '--region',
    plan.region,
    '--size',
    String(sizeGb),
    '--yes',
  ];
  return flyStep(
    plan,
    app,
    `${app} has its volume (${sizeGb} GB)`,
    () => [create],
    async () => (await plan.account.volumes(app)).some((volume) => volume.name === name),
  );
}

function planPublicAddress(plan: FlyPlan): Step {
  const app = plan.names.relay;
  const [v6, v4] = [
    ['ips', 'allocate-v6', '--app', app],
    ['ips', 'allocate-v4', '--shared', '--app', app],
  ];
  return {
    ...flyStep(
      plan,
      app,
      `the world reaches ${app}`,
      () => [v6, v4],
      async () => (await missing()).length === 0,
    ),
    async run() {
      for (const command of await missing()) await plan.fly.run(command);
    },
  };
  async function missing(): Promise<string[][]> {
    const types = new Set(
      (await plan.account.addresses(app)).filter(isPublic).map(({ type }) => type),
    );
    return [
      ...(types.has('v6') ? [] : [v6]),
      ...(types.has('v4') || types.has('shared_v4') ? [] : [v4]),
    ];
  }
}

function planFlycast(plan: FlyPlan, app: string): Step {
  const allocate = ['ips', 'allocate-v6', '--private', '--app', app, ...inNetwork(plan)];
  return flyStep(
    plan,
    app,
    `the relay reaches ${app} by Flycast`,
    () => [allocate],
    async () => (await plan.account.addresses(app)).some(({ type }) => type === 'private_v6'),
  );
}

function planSecretsOf(plan: FlyPlan, { app, values }: AppSecrets): Step {
  const command = ['secrets', 'import', '--app', app, '--stage'];
  return {
    what: `${app} has its secrets`,
    takes: [`${formatCommand(command)}   (from standard input: ${Object.keys(values).join(' ')})`],
    isDone: async () => Object.keys(values).length === 0,
    async run() {
      const resolved: Record<string, string> = {};
      for (const [name, value] of Object.entries(values))
        resolved[name] = await resolve(plan, name, value);
      // Recorded before the call: if fly fails after the request, the secrets may be set all the
      // same.
      plan.touched.add(app);
      await plan.fly.run(command, { input: formatImport(resolved) });
    },
  };
}

async function resolve(plan: FlyPlan, name: string, value: SecretValue): Promise<string> {
  if (value === fromUpstash) return await urlAtUpstash(plan);
  if (value === fromFirst) return await plan.readFirst(name);
  if (value !== fromStorage) return value;
  const made = plan.storage?.made[name];
  if (made === undefined) throw new Error(`The new bucket has given no ${name}.`);
  return made;
}

async function urlAtUpstash(plan: FlyPlan): Promise<string> {
  const url = await createUpstash(plan.fly, plan.names.redis).url();
  if (!url)
    throw new Error(
      `The database ${plan.names.redis} at Upstash does not say its address. Look with: fly redis status ${plan.names.redis}`,
    );
  return url;
}

/**
 * Flags that limit what the first deployment of each app allocates by itself; its addresses already
 * exist by then.
 */
const reach: Record<Role, readonly string[]> = {
  redis: ['--no-public-ips'],
  relay: [],
  vm: ['--flycast'],
};

function planDeploy(plan: FlyPlan, { name: app, role }: App): Step {
  const label = plan.labels[role];
  // Without --ha=false Fly creates two machines; these apps must run on one each.
  const deploy = [
    'deploy',
    '--config',
    `fly.${role}.toml`,
    '--app',
    app,
    '--ha=false',
    '--primary-region',
    plan.region,
    '--image-label',
    label,
    ...reach[role],
    '--yes',
  ];
  return {
    what: `${app} runs this version (${label})`,
    takes: [formatCommand(deploy)],
    async isDone() {
      if (!plan.existing.has(app) || plan.touched.has(app)) return false;
      const machines = await plan.account.machines(app);
      if (machines.length === 0 || machines.some((machine) => machine.tag !== label)) return false;
      return !(await plan.account.secrets(app)).some((secret) => secret.staged);
    },
    run: async () => void (await plan.fly.run(deploy, { show: true })),
  };
}
