import { z } from 'zod';
import { keys, ofHome, prefix } from '../redis/keys.ts';
import type { HomeSuffix } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import { fieldsOf, runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';
import { readBeats } from './beats.ts';
import type { Beat } from './beats.ts';
import { homeNamePattern } from './home-name.ts';
import { suffixOf } from './routes.ts';

/**
 * What a VM says of its home at its boot: the `address` at which the relay wakes it and the
 * `secret` that it asks for, how many people it `takes` (undefined: any number), and its version;
 * the public `key` that its people's secrets are sealed to, and a digest of its snapshot `store`,
 * if it has one.
 */
export type HomeFacts = {
  address: string | undefined;
  secret: string | undefined;
  takes: number | undefined;
  version: string;
  key?: string | undefined;
  store?: string | undefined;
};

/** A home as it is known; `people` counts those that it was given, `since` is ISO 8601. */
export type HomeRecord = Omit<HomeFacts, 'version'> & {
  name: string;
  version: string | undefined;
  suffix: HomeSuffix;
  since: string;
  people: number;
  /**
   * Since when its computer does not come up (ISO 8601), and the name of the home that sends for
   * it.
   */
  dead: string | undefined;
  helper: string | undefined;
  /** Since when it gets no new people, as its own move away (ISO 8601). */
  draining: string | undefined;
};

/**
 * `alone`: no other home could send for it. `alive`: a worker of it lives. `since` is when this
 * death was noted first (ISO 8601), `helper` and `name` are those of the home that sends for it.
 */
export type Death =
  | { outcome: 'helped'; since: string; helper: HomeSuffix; name: string }
  | { outcome: 'alone' }
  | { outcome: 'alive' };

/**
 * `live`: the home is served from another disk now. `not-first`: this disk has no files, and a
 * system that has people has no first home yet. `isReplaced`: the home was served from another disk
 * before.
 */
export type Registration =
  | { outcome: 'registered'; suffix: HomeSuffix; isReplaced: boolean }
  | { outcome: 'live' }
  | { outcome: 'not-first' };

/** The homes of the system: each is a disk with the files of some people. */
export type HomeRegistry = {
  /** The name of the first home; undefined before any home has registered. */
  first(): Promise<string | undefined>;
  /**
   * `id` is what the disk is known by, `worker` the registering one; `mayBeFirst` is for a VM that
   * has the people's files.
   */
  register(
    home: { name: string; id: string; worker: string; mayBeFirst: boolean },
    facts: HomeFacts,
  ): Promise<Registration>;
  /** The workers of a home that live, with what they leave on their disk. */
  beats(name: string): Promise<Beat[]>;
  /** Notes that a home's computer does not come up; another home sends for it until it is back. */
  declareDead(home: { name: string; suffix: HomeSuffix }): Promise<Death>;
  /** Whether a home gets new people. Returns false for an unknown home. */
  drain(name: string, isDraining: boolean): Promise<boolean>;
  /** All homes, the first at the head and the others by age, in one command. */
  list(): Promise<HomeRecord[]>;
  /** What the homes have behind the names of their keys; the first one's where none is known. */
  suffixes(): Promise<HomeSuffix[]>;
};

const registerScript = loadScript(new URL('lua/register-home.lua', import.meta.url), {
  keys: ['firstHome', 'homes', 'record', 'known', 'conversations', 'people'],
  args: ['prefix', 'name', 'id', 'worker', 'facts', 'now', 'channel', 'mayBeFirst'],
});

const Reply = z.union([
  z.tuple([z.literal('registered'), z.string(), z.string()]),
  z.tuple([z.literal('live')]),
  z.tuple([z.literal('not-first')]),
]);

const deadScript = loadScript(new URL('lua/declare-dead.lua', import.meta.url), {
  keys: ['firstHome', 'homes', 'record', 'heartbeat'],
  args: ['prefix', 'name', 'now', 'channel'],
});

const listScript = loadScript(new URL('lua/list-homes.lua', import.meta.url), {
  keys: ['firstHome', 'homes'],
  args: ['prefix'],
});

const List = z.tuple([z.string(), z.array(z.tuple([z.string(), z.array(z.string())]))]);

const Found = z.union([
  z.tuple([z.literal('alive')]),
  z.tuple([z.literal('alone')]),
  z.tuple([z.literal('helped'), z.string(), z.string(), z.string()]),
]);

const text = z.string().optional();
const Stored = z
  .object({
    address: text,
    secret: text,
    takes: z.coerce.number().optional().catch(undefined),
    version: text,
    since: z.string().default(''),
    people: z.coerce.number().default(0).catch(0),
    dead: text,
    helper: text,
    draining: text,
    key: text,
    store: text,
  })
  .transform((known) => ({
    ...known,
    dead: known.dead,
    helper: known.helper,
    draining: known.draining,
    address: known.address,
    secret: known.secret,
    takes: known.takes,
    version: known.version,
  }));

export function createHomeRegistry(redis: Redis, now: () => Date = () => new Date()): HomeRegistry {
  const first = async (): Promise<string | undefined> =>
    (await redis.get(keys.firstHome)) ?? undefined;
  return {
    first,
    async register({ name, id, worker, mayBeFirst }, { takes, ...said }) {
      const facts = { key: undefined, store: undefined, ...said, takes: takes?.toString() };
      const reply = Reply.parse(
        await runScript(redis, registerScript, {
          keys: {
            firstHome: keys.firstHome,
            homes: keys.homes,
            record: keys.home(name),
            known: keys.known,
            conversations: keys.conversations,
            people: keys.people,
          },
          args: {
            prefix,
            name,
            id,
            worker,
            facts: JSON.stringify(
              Object.fromEntries(
                Object.entries(facts).map(([field, value]) => [field, value ?? '']),
              ),
            ),
            now: now().toISOString(),
            channel: keys.control,
            mayBeFirst: mayBeFirst ? '1' : '',
          },
        }),
      );
      if (reply[0] === 'live' || reply[0] === 'not-first') return { outcome: reply[0] };
      return {
        outcome: 'registered',
        suffix: suffixOf(reply[1]),
        isReplaced: reply[2] === 'replaced',
      };
    },
    beats: (name) => readBeats(redis, name),
    async declareDead({ name, suffix }) {
      const found = Found.parse(
        await runScript(redis, deadScript, {
          keys: {
            firstHome: keys.firstHome,
            homes: keys.homes,
            record: keys.home(name),
            heartbeat: ofHome(keys.heartbeat, suffix),
          },
          args: { prefix, name, now: now().toISOString(), channel: keys.control },
        }),
      );
      if (found[0] === 'alive' || found[0] === 'alone') return { outcome: found[0] };
      const [outcome, helper, helperName, since] = found;
      return { outcome, since, helper: suffixOf(helper), name: helperName };
    },
    async drain(name, isDraining) {
      if ((await redis.sismember(keys.homes, name)) === 0) return false;
      if (isDraining) await redis.hsetnx(keys.home(name), 'draining', now().toISOString());
      else await redis.hdel(keys.home(name), 'draining');
      return true;
    },
    async list() {
      const [known, found] = List.parse(
        await runScript(redis, listScript, {
          keys: { firstHome: keys.firstHome, homes: keys.homes },
          args: { prefix },
        }),
      );
      const records = found.filter(isHome).map(([name, flat]): HomeRecord => ({
        name,
        suffix: name === known ? '' : suffixOf(name),
        ...Stored.parse(fieldsOf(flat)),
      }));
      const age = ({ suffix, since, name }: HomeRecord): string =>
        `${suffix === '' ? '' : since} ${name}`;
      return records.toSorted((a, b) => age(a).localeCompare(age(b)));
    },
    async suffixes() {
      const [known, names] = await Promise.all([first(), redis.smembers(keys.homes)]);
      const others = names.filter((name) => name !== known && homeNamePattern.test(name));
      return ['', ...others.map(suffixOf)];
    },
  };
}

/** No computer writes another name; keys and queues of such a one could be those of another home. */
function isHome([name]: readonly [string, ...unknown[]]): boolean {
  return homeNamePattern.test(name);
}

/** The home of a name. Throws for an unknown name. */
export async function homeOfName(
  homes: Pick<HomeRegistry, 'list'>,
  name: string,
): Promise<HomeRecord> {
  const found = (await homes.list()).find((home) => home.name === name);
  if (!found) throw new Error(`there is no computer “${name}”`);
  return found;
}
