import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { z } from 'zod';

/** One call of fly as the fake saw it. */
export type FlyCallSeen = {
  argv: string[];
  stdin: string;
  /** Names of the variables it ran with. */ variables: string[];
  code: number;
};

type FakeApp = {
  organization: string;
  /** The private network that it is in: '' is the organization's. */
  network: string;
  volumes: { id: string; name: string; region: string; size_gb: number }[];
  addresses: { address: string; type: string }[];
  secrets: Record<string, { value: string; at: number }>;
  machine: {
    id: string;
    state: string;
    region: string;
    tag: string;
    at: number;
    config: string;
  } | null;
  domains: string[];
};

/**
 * Everything that exists in the fake account, and what it was asked; plain data, so that it can lie
 * on disk between calls.
 */
export type FlyState = {
  signedIn: boolean;
  organizations: string[];
  apps: Record<string, FakeApp>;
  /** Databases at Upstash, with their addresses. */
  databases: Record<string, string>;
  /** Buckets at Tigris, with the secrets of their keys, which are shown once. */
  buckets: Record<string, string>;
  /** App names that belong to somebody else. */
  taken: string[];
  /** What stands behind a Flycast name, since there is no proxy here. */
  flycast: Record<string, string>;
  /**
   * Makes calls fail: those whose command line contains `on`, before or after they have done their
   * work, so many times.
   */
  trouble: { on: string; when: 'before' | 'after'; times: number } | null;
  calls: FlyCallSeen[];
  clock: number;
};

export const emptyFly = (): FlyState => ({
  signedIn: true,
  organizations: ['personal'],
  apps: {},
  databases: {},
  buckets: {},
  taken: [],
  flycast: {},
  trouble: null,
  calls: [],
  clock: 0,
});

/**
 * The flags that each command has, from flyctl's own source (internal/command): true for one that
 * takes a value. An unknown command or flag is refused, as flyctl does.
 */
const commands: Record<string, Record<string, boolean>> = {
  'auth whoami': { json: false },
  'orgs list': { json: false },
  'apps list': { json: false, org: true },
  'apps create': { org: true, network: true, json: false, yes: false },
  'apps destroy': { yes: false },
  'volumes list': { app: true, json: false },
  'volumes create': { app: true, region: true, size: true, yes: false, 'snapshot-id': true },
  'ips list': { app: true, json: false },
  'ips allocate-v6': { app: true, private: false, network: true },
  'ips allocate-v4': { app: true, shared: false, yes: false },
  'secrets list': { app: true, json: false },
  'secrets import': { app: true, stage: false },
  'machine list': { app: true, json: false },
  'certs list': { app: true, json: false },
  'redis create': {
    name: true,
    org: true,
    region: true,
    'no-replicas': false,
    'disable-eviction': false,
    'enable-prodpack': false,
  },
  'redis status': {},
  'redis destroy': { yes: false },
  'storage create': { name: true, org: true, yes: false, app: true, public: false },
  'ssh console': { app: true, quiet: false, command: true },
  deploy: {
    config: true,
    app: true,
    ha: false,
    'primary-region': true,
    'image-label': true,
    'no-public-ips': false,
    flycast: false,
    yes: false,
  },
};

type Parsed = { command: string; flags: Record<string, string | true>; rest: string[] };

/** A refusal of fly: what it writes to standard error before it ends with 1. */
class Refused extends Error {}

/**
 * Answers one call of fly and changes the state. `directory` is where fly runs, with the fly.*.toml
 * files.
 */
export async function answerFly(
  state: FlyState,
  argv: string[],
  stdin: string,
  variables: string[],
  directory: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const trouble =
    state.trouble && state.trouble.times > 0 && argv.join(' ').includes(state.trouble.on)
      ? state.trouble
      : null;
  if (trouble) trouble.times -= 1;
  let [code, stdout, stderr] = [0, '', ''];
  try {
    if (trouble?.when === 'before') throw new Refused('Error: the API is out of order');
    stdout = await act(state, parseCall(argv), stdin, directory);
    if (trouble) throw new Refused('Error: the connection to the API was lost');
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    [code, stderr] = [1, `${error.message}\n`];
  }
  state.calls.push({ argv, stdin, variables, code });
  return { code, stdout, stderr };
}

function parseCall(argv: string[]): Parsed {
  const words = argv[0] === 'deploy' ? 1 : 2;
  const command = argv.slice(0, words).join(' ');
  const known = commands[command];
  if (!known) throw new Refused(`Error: unknown command "${command}" for "flyctl"`);
  const flags: Parsed['flags'] = {};
  const rest: string[] = [];
  for (let index = words; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    if (!word.startsWith('--')) {
      rest.push(word);
      continue;
    }
    const [name = '', value] = word.slice(2).split('=', 2);
    const takesValue = known[name];
    if (takesValue === undefined) throw new Refused(`Error: unknown flag: --${name}`);
    flags[name] = value ?? (takesValue ? (argv[(index += 1)] ?? '') : true);
  }
  return { command, flags, rest };
}

async function act(
  state: FlyState,
  { command, flags, rest }: Parsed,
  stdin: string,
  directory: string,
): Promise<string> {
  if (!state.signedIn)
    throw new Refused("Error: No access token available. Please login with 'flyctl auth login'");
  const [name = ''] = rest;
  const json = (value: unknown): string => `${JSON.stringify(value, null, 4)}\n`;
  const app = (): FakeApp => {
    const found = state.apps[String(flags['app'])];
    if (!found) throw new Refused(`Error: Could not find App "${String(flags['app'])}"`);
    return found;
  };
  switch (command) {
    case 'auth whoami':
      return 'owner@example.com\n';
    case 'orgs list':
      return json(Object.fromEntries(state.organizations.map((slug) => [slug, slug])));
    case 'apps list':
      return json(
        Object.entries(state.apps).map(([Name, { organization, machine }]) => ({
          ID: Name,
          Name,
          Status: machine ? 'deployed' : 'pending',
          Organization: { Slug: organization },
        })),
      );
    case 'apps create':
      if (state.apps[name] || state.taken.includes(name))
        throw new Refused('Error: Validation failed: Name has already been taken');
      if (!state.organizations.includes(String(flags['org'])))
        throw new Refused('Error: org flag must be specified when not running interactively');
      state.apps[name] = {
        organization: String(flags['org']),
        network: String(flags['network'] ?? ''),
        volumes: [],
        addresses: [],
        secrets: {},
        machine: null,
        domains: [],
      };
      return `New app created: ${name}\n`;
    case 'apps destroy':
      if (!flags['yes'])
        throw new Refused('Error: yes flag must be specified when not running interactively');
      if (!state.apps[name]) throw new Refused(`Error: Could not find App "${name}"`);
      delete state.apps[name];
      return `Destroyed app ${name}\n`;
    case 'volumes list':
      return json(
        app().volumes.map((volume) => ({ ...volume, state: 'created', attached_machine_id: null })),
      );
    case 'volumes create':
      if (!flags['yes'])
        throw new Refused('Error: yes flag must be specified when not running interactively');
      app().volumes.push({
        id: `vol_${(state.clock += 1)}`,
        name,
        region: String(flags['region']),
        size_gb: Number(flags['size']),
      });
      return '';
    case 'ips list':
      return json(
        app().addresses.map(({ address, type }) => ({
          ID: address,
          Address: address,
          Type: type,
          Region: 'global',
        })),
      );
    case 'ips allocate-v6': {
      if (!flags['private'])
        return (
          void app().addresses.push({ address: `2a09:8280:1::${(state.clock += 1)}`, type: 'v6' }),
          ''
        );
      return (
        void app().addresses.push({
          address: privateAddress(String(flags['network'] ?? ''), (state.clock += 1)),
          type: 'private_v6',
        }),
        ''
      );
    }
    case 'ips allocate-v4':
      if (!flags['shared'] && !flags['yes'])
        throw new Refused('Error: yes flag must be specified when not running interactively');
      return (
        void app().addresses.push({
          address: `66.241.${(state.clock += 1)}.1`,
          type: flags['shared'] ? 'shared_v4' : 'v4',
        }),
        ''
      );
    case 'secrets list':
      return json(
        Object.entries(app().secrets).map(([secret, { at }]) => ({
          name: secret,
          digest: 'd1f2',
          status: (app().machine?.at ?? 0) > at ? 'Deployed' : 'Staged',
        })),
      );
    case 'secrets import': {
      const at = (state.clock += 1);
      const given = parseSecrets(stdin);
      if (Object.keys(given).length === 0)
        throw new Refused('Error: requires at least one SECRET=VALUE pair');
      for (const [secret, value] of Object.entries(given)) app().secrets[secret] = { value, at };
      return '';
    }
    case 'certs list':
      return json(app().domains.map((hostname) => ({ hostname, status: 'Ready' })));
    case 'machine list': {
      const machine = app().machine;
      return machine
        ? json([
            {
              id: machine.id,
              state: machine.state,
              region: machine.region,
              image_ref: {
                registry: 'registry.fly.io',
                repository: flags['app'],
                tag: machine.tag,
              },
              private_ip: privateAddress(app().network, machine.at),
            },
          ])
        : 'null\n';
    }
    case 'deploy':
      return deployApp(state, app(), flags, directory);
    case 'ssh console':
      return await runInside(state, app(), String(flags['command']), directory);
    case 'redis create': {
      const database = String(flags['name']);
      if (flags['enable-prodpack'] !== 'false') throw new Refused('Error: prompt: non interactive');
      state.databases[database] =
        `redis://default:upstash-password-${database}@fly-${database}.upstash.io:6379`;
      return `\nYour database ${database} is ready. Apps in the personal org can connect to Redis at ${state.databases[database]}\n`;
    }
    case 'redis status':
      if (!state.databases[name]) throw new Refused('Error: input: Could not resolve add_on');
      return `Redis\n ID             │ x1y2\n Name           │ ${name}\n Plan           │ Pay-as-you-go\n Private URL    │ ${state.databases[name]}\n\n`;
    case 'redis destroy':
      if (!flags['yes'] || !state.databases[name])
        throw new Refused('Error: input: Could not resolve add_on');
      delete state.databases[name];
      return `Your Redis database ${name} was destroyed\n`;
    case 'storage create': {
      const bucket = String(flags['name']);
      if (!flags['yes'] || !state.organizations.includes(String(flags['org'])))
        throw new Refused('Error: prompt: non interactive');
      if (state.buckets[bucket] !== undefined)
        throw new Refused('Error: input: Name has already been taken');
      const key = (state.buckets[bucket] = `tsec_secret-of-${bucket}`);
      return `Your project (${bucket}) is ready. See details and next steps with: https://fly.io/docs/reference/tigris/\n\nSet one or more of the following secrets on your target app.\nAWS_ACCESS_KEY_ID: tid_${bucket}\nAWS_ENDPOINT_URL_S3: https://fly.storage.tigris.dev\nAWS_REGION: auto\nAWS_SECRET_ACCESS_KEY: ${key}\nBUCKET_NAME: ${bucket}\n`;
    }
    default:
      throw new Refused(`Error: the fake has no ${command}`);
  }
}

/** An address in a private network, whose first three groups are the network's own. */
const privateAddress = (network: string, number: number): string =>
  `fdaa:0:${network === '' ? '1' : [...network].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 60_000, 7).toString(16)}:a7b:${number.toString(16)}::2`;

const Config = z.looseObject({
  env: z.record(z.string(), z.string()).default({}),
  mounts: z.looseObject({ source: z.string() }).optional(),
  http_service: z.looseObject({}).optional(),
});

function deployApp(
  state: FlyState,
  app: FakeApp,
  flags: Parsed['flags'],
  directory: string,
): string {
  const file = String(flags['config']);
  const config = Config.parse(parse(readFileSync(path.join(directory, file), 'utf8')));
  const [region, mount] = [String(flags['primary-region']), config.mounts?.source];
  if (mount && !app.volumes.some((volume) => volume.name === mount && volume.region === region))
    throw new Refused(`Error: there is no volume ${mount} in ${region}`);
  if (flags['ha'] !== 'false')
    throw new Refused(
      'Error: the fake makes one machine only; two would be made without --ha=false',
    );
  if (app.addresses.length === 0 && config.http_service)
    app.addresses.push({
      address: 'allocated by the first deployment',
      type: flags['flycast'] ? 'private_v6' : 'v6',
    });
  app.machine = {
    id: app.machine?.id ?? `m${(state.clock += 1)}`,
    state: 'started',
    region,
    tag: String(flags['image-label']),
    at: (state.clock += 1),
    config: file,
  };
  return '==> Building image\n--> Building image done\n✔ Machine is now in a good state\n';
}

/**
 * Runs a command as it would run in the app's machine: with the variables of its fly.toml and its
 * secrets, which win.
 */
async function runInside(
  state: FlyState,
  app: FakeApp,
  command: string,
  directory: string,
): Promise<string> {
  if (app.machine?.state !== 'started') throw new Refused('Error: app has no started VMs.');
  const config = Config.parse(
    parse(readFileSync(path.join(directory, app.machine.config), 'utf8')),
  );
  const env: Record<string, string> = {
    ...config.env,
    ...Object.fromEntries(Object.entries(app.secrets).map(([name, { value }]) => [name, value])),
  };
  const behind = state.flycast[env['WAKE_URL'] ?? ''];
  const reaching = Object.entries(state.flycast).reduce(
    (text, [address, url]) => text.replaceAll(`${address}/`, `${url}/`),
    command,
  );
  const child = spawn('sh', ['-c', reaching], {
    env: {
      PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin`,
      ...env,
      ...(behind ? { WAKE_URL: behind } : {}),
    },
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => void child.once('close', resolve));
  if (code !== 0)
    throw new Refused(`${output}Error: ssh shell: Process exited with status ${code}`);
  return output;
}

/**
 * flyctl's own reader of `secrets import`, line by line as in its secrets/parser.go, without its
 * values of several lines.
 */
export function parseSecrets(text: string): Record<string, string> {
  const secrets: Record<string, string> = {};
  for (const line of text.split('\n')) {
    if (line.startsWith('#') || line.trim() === '') continue;
    const cut = line.indexOf('=');
    if (cut < 0)
      throw new Refused(
        `Error: Failed to parse secrets from stdin: Secrets must be provided as NAME=VALUE pairs (${line} is invalid)`,
      );
    let value = line.slice(cut + 1).replace(/^ +/, '');
    const before = value.split('#')[0] ?? '';
    if (value.includes('#') && (before.split('"').length - 1) % 2 === 0)
      value = before.replace(/ +$/, '');
    if (value.startsWith('"""') && value.endsWith('"""') && value.length >= 6)
      value = value.slice(3, -3);
    else if (value.startsWith('"""'))
      throw new Refused('Error: the fake reads no values of several lines');
    else if (/^".*"$|^'.*'$/.test(value)) value = value.slice(1, -1);
    secrets[line.slice(0, cut).trim()] = value;
  }
  return secrets;
}
