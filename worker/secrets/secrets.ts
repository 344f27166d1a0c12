import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import { createHidden } from './hidden.ts';
import type { NamedSecret } from './blanking.ts';
import type { Hidden } from './hidden.ts';
import { NoPlaceError, createKeptDirectory } from './kept-directory.ts';
import { keyPairOf, openBox, sealBox } from './sealed-box.ts';
import type { KeyPair } from './sealed-box.ts';
import { readSecretName } from './secret-name.ts';
import { leastSecret, mostSecretBytes } from '../../shared/store/links/secret-link.ts';

/** A stored secret without its value. */
export type KnownSecret = { name: string; setAt: Date };

/** What became of a sealed secret; `unreadable`: it was sealed to another key. */
export type SetOutcome = 'set' | 'many' | 'unreadable' | ValueFault;

/**
 * People's secrets on this computer's disk, each as it was sealed in the browser, and the key that
 * opens them. Values exist in the memory of this process and in the environment of the commands of
 * their person, and are written nowhere. Methods throw NoPlaceError when the worker has no
 * directory of its own here.
 */
export type Secrets = {
  /** The public key that secrets are sealed to (base64url). */
  publicKey(): Promise<string>;
  /** Opens a sealed secret (base64url) and stores it. May be repeated. */
  set(person: string, name: string, box: string): Promise<SetOutcome>;
  /** A person's secrets by name. */
  list(person: string): Promise<KnownSecret[]>;
  /** Returns false when there is no such secret. */
  remove(person: string, name: string): Promise<boolean>;
  /**
   * A person's secrets with their values, for the environment of their commands; none where there
   * is no directory of the worker's own.
   */
  values(person: string): Promise<Record<string, string>>;
  /**
   * Takes over what is stored under an earlier name of the person: one of their addresses, or a
   * record that was joined into theirs. What they have set since stays. May be repeated.
   */
  adopt(person: string, former: string): Promise<void>;
  /** A person's secrets by name, each sealed anew to another public key (base64url, as the result). */
  sealTo(person: string, publicKey: string): Promise<Record<string, string>>;
  /**
   * Makes these sealed secrets (base64url, by name) all that a person has here. Returns the names
   * of those that cannot be opened.
   */
  replace(person: string, boxes: Record<string, string>): Promise<string[]>;
  /** What is blanked of what a person gets to see; current once `values` was called. */
  hidden: Hidden;
};

/** How many secrets a person may have. */
export const mostSecrets = 50;

const keyBytes = 32;

const Stored = z.object({
  secrets: z.record(z.string(), z.object({ box: z.string(), at: z.iso.datetime() })),
});
type Stored = z.infer<typeof Stored>;

export type SecretsOptions = {
  /** DATA_DIR: the secrets are in a directory of the worker's own below it. */
  dataDir: string;
  hidden?: Hidden;
  now?: () => Date;
};

/** The directory below DATA_DIR that belongs to the worker. */
export const secretsDirectory = 'sealed';

export function createSecrets({
  dataDir,
  hidden = createHidden(),
  now = () => new Date(),
}: SecretsOptions): Secrets {
  const directory = createKeptDirectory(path.join(dataDir, secretsDirectory));
  /** Each person's values by their sealed form: opening one takes a millisecond or more. */
  const opened = new Map<string, Map<string, string | undefined>>();

  const readKey = async (): Promise<KeyPair> => {
    const known = await directory.read('key');
    if (!known) await directory.writeOnce('key', randomBytes(keyBytes));
    const key = known ?? (await directory.read('key'));
    if (key?.length !== keyBytes) throw new Error('the key of the secrets cannot be read');
    return keyPairOf(key);
  };
  const fileOf = (person: string): string => `${person.replace('+', '')}.json`;
  const read = async (person: string): Promise<Stored> => {
    const bytes = await directory.read(fileOf(person));
    return bytes ? Stored.parse(JSON.parse(bytes.toString('utf8'))) : { secrets: {} };
  };
  const write = (person: string, stored: Stored): Promise<void> =>
    directory.write(fileOf(person), Buffer.from(JSON.stringify(stored, undefined, 2)));
  const openAll = async (person: string, { secrets }: Stored): Promise<NamedSecret[]> => {
    const before = opened.get(person);
    const now = new Map<string, string | undefined>();
    let key: KeyPair | undefined;
    for (const { box } of Object.values(secrets)) {
      const isKnown = before?.has(box) === true;
      if (!isKnown) key ??= await readKey();
      const bytes = key && !isKnown ? openBox(Buffer.from(box, 'base64url'), key) : undefined;
      now.set(box, isKnown ? before.get(box) : bytes && readSecretValue(bytes).value);
    }
    opened.set(person, now);
    return Object.entries(secrets).flatMap(([name, { box }]) => {
      const value = now.get(box);
      // The rules may have become stricter since it was stored.
      return value === undefined || readSecretName(name).name !== name ? [] : [{ name, value }];
    });
  };
  const values = async (person: string): Promise<Record<string, string>> => {
    const stored = await read(person).catch((error: unknown) => {
      // Where nothing can be kept, nothing is set.
      if (error instanceof NoPlaceError) return { secrets: {} };
      throw error;
    });
    const named = await openAll(person, stored);
    hidden.add(person, named);
    return Object.fromEntries(named.map(({ name, value }) => [name, value]));
  };

  return {
    hidden,
    values,
    publicKey: async () => Buffer.from((await readKey()).publicKey).toString('base64url'),
    async set(person, name, box) {
      const bytes = openBox(Buffer.from(box, 'base64url'), await readKey());
      if (!bytes) return 'unreadable';
      const { fault } = readSecretValue(bytes);
      if (fault) return fault;
      const stored = await read(person);
      if (stored.secrets[name]?.box === box) return 'set';
      if (!(name in stored.secrets) && Object.keys(stored.secrets).length >= mostSecrets)
        return 'many';
      stored.secrets[name] = { box, at: now().toISOString() };
      await write(person, stored);
      await values(person);
      return 'set';
    },
    async adopt(person, former) {
      const theirs = await read(former);
      if (Object.keys(theirs.secrets).length === 0) return;
      const own = await read(person);
      await write(person, { secrets: { ...theirs.secrets, ...own.secrets } });
      // Last: after a crash in between, it is taken over again.
      await directory.remove(fileOf(former));
    },
    async list(person) {
      const stored = await read(person);
      return Object.entries(stored.secrets)
        .map(([name, { at }]) => ({ name, setAt: new Date(at) }))
        .toSorted((one, other) => (one.name < other.name ? -1 : 1));
    },
    async sealTo(person, publicKey) {
      const key = Buffer.from(publicKey, 'base64url');
      const known = Object.entries(await values(person));
      return Object.fromEntries(
        known.map(([name, value]) => [
          name,
          Buffer.from(sealBox(Buffer.from(value), key)).toString('base64url'),
        ]),
      );
    },
    async replace(person, boxes) {
      const names = Object.keys(boxes);
      const before = Object.keys((await read(person)).secrets);
      if (names.length + before.length === 0) return [];
      const key = await readKey();
      const isOpen = (box: string): boolean =>
        openBox(Buffer.from(box, 'base64url'), key) !== undefined;
      const kept = Object.entries(boxes).filter(([, box]) => isOpen(box));
      const at = now().toISOString();
      await write(person, {
        secrets: Object.fromEntries(kept.map(([name, box]) => [name, { box, at }])),
      });
      await values(person);
      return names.filter((name) => !kept.some(([known]) => known === name));
    },
    async remove(person, name) {
      const stored = await read(person);
      if (!(name in stored.secrets)) return false;
      delete stored.secrets[name];
      await write(person, stored);
      return true;
    },
  };
}

/** Why a value is not taken. */
export type ValueFault = 'short' | 'long' | 'odd';

/**
 * Reads a secret as it was entered: text without the blanks and line ends around it, which come
 * with copying. A variable cannot hold a NUL.
 */
function readSecretValue(
  bytes: Uint8Array,
): { value: string; fault?: undefined } | { value?: undefined; fault: ValueFault } {
  if (bytes.length > mostSecretBytes) return { fault: 'long' };
  let value: string;
  try {
    value = new TextDecoder('utf-8', { fatal: true }).decode(bytes).trim();
  } catch {
    return { fault: 'odd' };
  }
  if (value.includes('\0')) return { fault: 'odd' };
  return value.length < leastSecret ? { fault: 'short' } : { value };
}
