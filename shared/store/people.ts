import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { z } from 'zod';
import { canonicalNumber, otherSpelling } from '../runtime/number-spelling.ts';
import { isPhoneNumber } from '../runtime/person-address.ts';
import { keys, prefix } from './redis/keys.ts';
import type { Redis } from './redis/redis.ts';
import { fieldsOf, runScript } from './redis/script.ts';
import { loadScript } from './redis/script-file.ts';

/** The list in a field of the record, such as `+15551230001 (WhatsApp), US.134 (WhatsApp)`. */
const list = z
  .string()
  .default('')
  .transform((words) => words.split(', ').filter((word) => word !== ''));

const Record = z.object({
  since: z.string().default(''),
  conversations: list,
  addresses: list.transform((words) => words.map((word) => word.split(' ')[0] ?? '')),
  former: list,
  name: z.string().optional(),
  timezone: z.string().optional(),
  allowed: z.string().optional(),
  user: z.string().optional(),
  home: z.string().optional(),
  directory: z.string().optional(),
  greeted: z.string().optional(),
  limit: z.string().optional(),
  move: z.string().optional(),
  epoch: z.coerce.number().default(0),
  secrets: list,
});

/**
 * One person, whatever address they write from. `since` is when the record began (ISO 8601),
 * `former` are ids that were joined into this one, `allowed` says since when they may write and by
 * whom, `home` is the name of their home, `user` and `directory` are their Linux user and directory
 * there, `greeted` is when an invited person was greeted, and `limit` is what they may cost in a
 * day (`limitOf`). `move` says in words that they move, `epoch` how often they have, and `secrets`
 * names those that they have set.
 */
export type Person = z.output<typeof Record> & { id: string };

/**
 * The people, each with one record. An id never changes, is at most 40 of `a-z`, `0-9` and `-`,
 * begins with a letter, and is the same again after a loss of Redis, since homes on the disk are
 * named by it.
 */
export type People = {
  /** The id of a conversation's person; begins their record if it is missing. */
  idOf(conversation: string): Promise<string>;
  /** The person of a conversation; begins their record if it is missing. */
  of(conversation: string): Promise<Person>;
  /** The person of an address, or of a number’s other spelling; undefined without a record. */
  find(address: string): Promise<Person | undefined>;
  /** The ids of the people of these addresses, in one command; undefined without a record. */
  ids(addresses: readonly string[]): Promise<(string | undefined)[]>;
  /** The person of an id; undefined without a record. */
  get(id: string): Promise<Person | undefined>;
  /** Notes facts about a person in words; '' takes one away. */
  note(id: string, facts: PersonFacts): Promise<void>;
};

/** What is noted about a person besides their addresses. */
export type PersonFacts = Partial<
  Record<
    'name' | 'timezone' | 'user' | 'home' | 'directory' | 'greeted' | 'limit' | 'secrets',
    string
  >
>;

/** A person from the fields of their record. Never throws. */
export function parsePerson(id: string, fields: Record<string, string>): Person {
  return { ...Record.parse(fields), id };
}

const personScript = loadScript(new URL('lua/person.lua', import.meta.url), {
  keys: ['people', 'aliases', 'allowed'],
  args: ['prefix', 'conversation', 'newId', 'now'],
});

const Found = z.tuple([z.string(), z.array(z.string())]);

export function createPeopleStore(redis: Redis, now: () => Date = () => new Date()): People {
  const look = async (conversation: string, newId: string): Promise<[string, string[]]> =>
    Found.parse(
      await runScript(redis, personScript, {
        keys: { people: keys.people, aliases: keys.aliases, allowed: keys.allowed },
        args: { prefix, conversation, newId, now: now().toISOString() },
      }),
    );
  const of = async (conversation: string): Promise<Person> => {
    let [id, fields] = await look(conversation, '');
    if (id === '') [id, fields] = await look(conversation, await newIdOf(fields[0] ?? ''));
    return { ...Record.parse(fieldsOf(fields)), id };
  };
  const ids = async (addresses: readonly string[]): Promise<(string | undefined)[]> => {
    if (addresses.length === 0) return [];
    const spellings = addresses.map(
      (address) => (isPhoneNumber(address) ? otherSpelling(address) : undefined) ?? address,
    );
    const found = await redis.hmget(keys.people, ...addresses, ...spellings);
    return addresses.map(
      (_, index) => found[index] ?? found[addresses.length + index] ?? undefined,
    );
  };
  return {
    of,
    idOf: async (conversation) => (await of(conversation)).id,
    async get(id) {
      const fields = await redis.hgetall(keys.person(id));
      return Object.keys(fields).length === 0 ? undefined : parsePerson(id, fields);
    },
    ids,
    async find(address) {
      const [id] = await ids([address]);
      if (id === undefined) return undefined;
      return { ...Record.parse(await redis.hgetall(keys.person(id))), id };
    },
    async note(id, facts) {
      const gone = Object.keys(facts).filter((fact) => facts[fact as keyof PersonFacts] === '');
      const kept = Object.entries(facts).filter(([fact]) => !gone.includes(fact));
      const step = redis.multi();
      if (kept.length > 0) step.hset(keys.person(id), Object.fromEntries(kept));
      if (gone.length > 0) step.hdel(keys.person(id), ...gone);
      await step.exec();
    },
  };
}

/** The words of a limit (US dollars), and who has set it. Scripts parse them as well. */
export function limitWords(usd: number, by: string, at: Date): string {
  return `${usd} dollars a day, by ${by} on ${at.toISOString()}`;
}

/** What a person may cost in a day (US dollars); undefined without a limit of their own. */
export function limitOf({ limit }: Pick<Person, 'limit'>): number | undefined {
  const usd = /^(\d+(?:\.\d+)?) dollars a day/.exec(limit ?? '')?.[1];
  return usd === undefined ? undefined : Number(usd);
}

const derive = promisify<string, string, number, Buffer>(scrypt);

/** The bytes of an id: two people never share one. */
const idBytes = 10;

/**
 * An id made from the address that names a person's first conversation. scrypt, because the id is
 * visible to other people's commands, and numbers are few enough to try a faster digest on each.
 */
async function newIdOf(address: string): Promise<string> {
  const canonical = isPhoneNumber(address) ? canonicalNumber(address) : address;
  return `p-${(await derive(canonical, 'sidepocket person', idBytes)).toString('hex')}`;
}
