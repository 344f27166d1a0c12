import { WrongUsage, readArguments } from '../shared/runtime/command-line.ts';
import { PersonAddress } from '../shared/runtime/person-address.ts';
import type { WantedComputers } from './computers/computer.ts';
import type { NetworkChoice } from './networks.ts';

export type DeployOptions = {
  dryRun: boolean;
  prefix: string | undefined;
  region: string | undefined;
  organization: string | undefined;
  /** `own`, `upstash` or a redis:// address. */
  redis: string | undefined;
  /** The relay's address if it is not Fly's. */
  url: string | undefined;
  /** A phone number (E.164) or a WhatsApp user id. */
  hello: string | undefined;
  /** The network for new apps; undefined to detect it. */
  network: NetworkChoice | undefined;
  renew: string[];
  additions: Additions;
};

/** What goes beyond a system of one computer: further ones, and a bucket for snapshots. */
export type Additions = { computers: WantedComputers; storage: boolean };

export const deployHelp = `Puts Sidepocket on Fly, or brings what is there up to date. Safe to run again at any time; goes on where it was cut off.

  npm run deploy -- [--dry-run] [--prefix NAME] [--region iad] [--org personal] [--redis own|upstash|URL] [--url URL] [--hello NUMBER] [--renew NAME]
                        [--network own|organization] [--vm NAME] [--vms COUNT] [--storage]

  --dry-run       show the plan and do nothing; works without fly and without an account
  --prefix NAME   begins the names of the apps: NAME-relay, NAME-vm, NAME-redis. Without it the system that is there is taken,
                  or a new name is made up
  --region CODE   where it runs (fly platform regions)
  --org NAME      whose apps they are (fly orgs list)
  --redis WHICH   own: an app with Redis (the default); upstash: a database at Upstash; or an address of yours
  --url URL       the relay's public address when it is a domain of yours (fly certs add); else https://NAME-relay.fly.dev
  --hello NUMBER  send a first message to this phone at the end
  --network WHICH the private network of apps that are created: own (the default of a new system, reached by nothing else of
                  yours) or organization; see docs/operations.md
  --renew NAME    set this secret again, such as ANTHROPIC_API_KEY; can be given several times
  --vm NAME       have a further computer with a disk of its own, the home NAME; can be given several times. It gets the
                  settings of the first one. npm run teardown -- --vm NAME takes it away
  --vms COUNT     add computers until there are COUNT in all
  --storage       make a bucket at Tigris, billed through Fly, and save people's files in it
  --help          show this

Values are taken from the environment and from a file .env; what is missing is asked for. Secrets go to Fly by standard input.
Exit codes: 0 it runs, 1 something is missing or failed, 2 wrong usage, 130 interrupted.`;

/** Parses the command line. @returns 'help' if requested. @throws WrongUsage. */
export function parseDeployOptions(args: string[]): DeployOptions | 'help' {
  const { values } = readArguments(args, {
    'dry-run': { type: 'boolean' },
    prefix: { type: 'string' },
    region: { type: 'string' },
    org: { type: 'string' },
    redis: { type: 'string' },
    url: { type: 'string' },
    hello: { type: 'string' },
    network: { type: 'string' },
    renew: { type: 'string', multiple: true },
    vm: { type: 'string', multiple: true },
    vms: { type: 'string' },
    storage: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) return 'help';
  const { redis, url, hello, network, region, vms } = values;
  if (redis !== undefined && !['own', 'upstash'].includes(redis) && !/^rediss?:\/\//.test(redis))
    throw new WrongUsage('--redis takes own, upstash, or a redis:// or rediss:// address.');
  if (url !== undefined && !/^https?:\/\/[^/]+\/?$/.test(url))
    throw new WrongUsage(
      '--url takes an address without a path, such as https://pocket.example.com.',
    );
  const greeted = hello === undefined ? undefined : PersonAddress.safeParse(hello).data;
  if (hello !== undefined && greeted === undefined)
    throw new WrongUsage(
      '--hello takes a phone number such as +15551234567, or a WhatsApp user id.',
    );
  if (network !== undefined && network !== 'own' && network !== 'organization')
    throw new WrongUsage('--network takes own or organization.');
  if (region !== undefined && !/^[a-z]{3}$/.test(region))
    throw new WrongUsage('--region takes three letters, such as iad; see “fly platform regions”.');
  if (vms !== undefined && !/^[1-9]\d?$/.test(vms))
    throw new WrongUsage('--vms takes how many computers there are in all, from 1 to 99.');
  return {
    dryRun: values['dry-run'] === true,
    prefix: values.prefix,
    region,
    organization: values.org,
    redis,
    url: url?.replace(/\/$/, ''),
    hello: greeted,
    network,
    renew: values.renew ?? [],
    additions: {
      computers: { named: values.vm ?? [], total: vms === undefined ? undefined : Number(vms) },
      storage: values.storage === true,
    },
  };
}
