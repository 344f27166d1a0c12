import { z } from 'zod';
import { FlyFailure, formatCommand } from './fly.ts';
import type { Fly } from './fly.ts';

export type Volume = { id: string; name: string; region: string; sizeGb: number };
export type Address = { address: string; type: string };
/** `staged`: set, but not deployed to every machine yet. */
export type Secret = { name: string; staged: boolean };
export type Machine = {
  id: string;
  state: string;
  region: string;
  tag: string;
  /** Its address in the private network; '' if fly does not report it. */ privateIp: string;
};

/**
 * The resources in a Fly account. Each method queries Fly again and throws FlyFailure when fly
 * fails.
 */
export type FlyAccount = {
  whoami(): Promise<string>;
  organizations(): Promise<string[]>;
  apps(): Promise<{ name: string; organization: string }[]>;
  volumes(app: string): Promise<Volume[]>;
  addresses(app: string): Promise<Address[]>;
  secrets(app: string): Promise<Secret[]>;
  machines(app: string): Promise<Machine[]>;
  /** The custom domains of the app. */
  domains(app: string): Promise<string[]>;
};

// flyctl writes some answers with the names of its Go fields and some with its API's, so keys are
// compared in lower case (fly-go's types.go, volume_types.go, machine_types.go).
const list = <Item extends z.ZodType>(item: Item) =>
  z.preprocess((value) => lowerKeys(value ?? []), z.array(item));
const apps = list(
  z.looseObject({ name: z.string(), organization: z.looseObject({ slug: z.string() }).optional() }),
);
const volumes = list(
  z.looseObject({
    id: z.string(),
    name: z.string(),
    region: z.string(),
    size_gb: z.number(),
    state: z.string().optional(),
  }),
);
const addresses = list(z.looseObject({ address: z.string(), type: z.string() }));
const secrets = list(z.looseObject({ name: z.string(), status: z.string().optional() }));
const certificates = list(z.looseObject({ hostname: z.string() }));
const machines = list(
  z.looseObject({
    id: z.string(),
    state: z.string(),
    region: z.string(),
    image_ref: z.looseObject({ tag: z.string().optional() }).optional(),
    private_ip: z.string().optional(),
  }),
);

function lowerKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowerKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key.toLowerCase(), lowerKeys(entry)]),
  );
}

export function createFlyAccount(fly: Fly): FlyAccount {
  const read = async <Schema extends z.ZodType>(
    schema: Schema,
    ...args: string[]
  ): Promise<z.output<Schema>> => {
    const text = await fly.run([...args, '--json']);
    try {
      return schema.parse(JSON.parse(text));
    } catch {
      throw new FlyFailure(
        `${formatCommand([...args, '--json'])} gave an answer that is not understood. Update it with “fly version upgrade”, then run again.`,
      );
    }
  };
  return {
    whoami: async () => (await fly.run(['auth', 'whoami'])).trim(),
    organizations: async () =>
      Object.keys(await read(z.record(z.string(), z.unknown()), 'orgs', 'list')),
    apps: async () =>
      (await read(apps, 'apps', 'list')).map((app) => ({
        name: app.name,
        organization: app.organization?.slug ?? '',
      })),
    volumes: async (app) =>
      (await read(volumes, 'volumes', 'list', '--app', app))
        .filter((volume) => !/destroy/.test(volume.state ?? ''))
        .map((volume) => ({
          id: volume.id,
          name: volume.name,
          region: volume.region,
          sizeGb: volume.size_gb,
        })),
    addresses: async (app) =>
      (await read(addresses, 'ips', 'list', '--app', app)).map(({ address, type }) => ({
        address,
        type,
      })),
    secrets: async (app) =>
      (await read(secrets, 'secrets', 'list', '--app', app)).map(({ name, status }) => ({
        name,
        staged: status === 'Staged' || status === 'Partial',
      })),
    domains: async (app) =>
      (await read(certificates, 'certs', 'list', '--app', app)).map(({ hostname }) => hostname),
    machines: async (app) =>
      (await read(machines, 'machine', 'list', '--app', app))
        .filter((machine) => !/destroy/.test(machine.state))
        .map((machine) => ({
          id: machine.id,
          state: machine.state,
          region: machine.region,
          tag: machine.image_ref?.tag ?? '',
          privateIp: machine.private_ip ?? '',
        })),
  };
}

/** Whether an address can be reached from the whole internet. */
export const isPublic = ({ type }: Address): boolean =>
  type === 'v4' || type === 'v6' || type === 'shared_v4';
