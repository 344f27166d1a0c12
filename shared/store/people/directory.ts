import { z } from 'zod';
import { isTimeZone } from '../../runtime/time-zone.ts';
import { keys, prefix } from '../redis/keys.ts';
import { parsePerson } from '../people.ts';
import type { Person } from '../people.ts';
import type { Redis } from '../redis/redis.ts';
import { fieldsOf, runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/** All people, and the owner: their address and their time zone (IANA name), if it is known. */
export type Directory = { people: Person[]; owner: string; timezone: string | undefined };

const directoryScript = loadScript(new URL('lua/directory.lua', import.meta.url), {
  keys: ['people', 'allowed'],
  args: ['prefix', 'most'],
});

const Rows = z.tuple([z.array(z.tuple([z.string(), z.array(z.string())])), z.string(), z.string()]);

/** How many people are read at most. */
const most = 500;

/** Reads them in one command. */
export async function readDirectory(redis: Redis): Promise<Directory> {
  const [rows, owner, zone] = Rows.parse(
    await runScript(redis, directoryScript, {
      keys: { people: keys.people, allowed: keys.allowed },
      args: { prefix, most },
    }),
  );
  const people = rows.map(([id, flat]) => parsePerson(id, fieldsOf(flat)));
  const own = people.find(({ addresses }) => addresses.includes(owner));
  const timezone = [zone, own?.timezone].find((name) => name && isTimeZone(name));
  return { people, owner, timezone };
}
