import { lstatSync, readdirSync } from 'node:fs';
import type { Stats } from 'node:fs';
import path from 'node:path';
import { peopleName } from '../../worker/agent/homes/home.ts';
import { arePortsApart } from '../../worker/agent/homes/ports-apart.ts';
import { readUids } from '../../worker/agent/homes/people-directory.ts';
import { readFirst } from '../../worker/agent/homes/user-block.ts';
import { secretsDirectory } from '../../worker/secrets/secrets.ts';
import { ok, problem, unchecked } from './finding.ts';
import type { Finding } from './finding.ts';

const about = 'Homes';

/**
 * Checks owner and mode of people's homes and of their secrets. @param directory DATA_DIR; without
 * homes in it there is nothing to check.
 */
export function checkHomes(directory: string): Finding[] {
  const people = path.join(directory, peopleName);
  const place = look(people);
  if (place === undefined) return [unchecked(about, `there are none in ${people}`)];
  const { homes, unreadable } = list(people);
  if (unreadable) return [unchecked(about, `${people} may not be read by this user`)];
  const uids = readUids(people);
  const worker = place.uid;
  const wrong = [
    ...fault(people, place, { uid: worker, most: 0o711 }),
    ...(uids.size > 0 ? fault(directory, look(directory), { uid: worker, most: 0o755 }) : []),
    ...homes.flatMap((person) => {
      const home = path.join(people, person);
      return fault(home, look(home), { uid: uids.get(person) ?? worker, most: 0o700 });
    }),
    ...sealedFaults(path.join(directory, secretsDirectory), worker),
  ];
  if (wrong.length > 0)
    return wrong.map(({ detail, mend }) => problem(about, detail, `Run: ${mend}`));
  const apart =
    uids.size > 0
      ? `each with a user of its own${sharedPorts(people)}`
      : 'of one user: what Claude runs for one person could read the files of another (docs/security.md)';
  return [ok(about, `${homes.length} in ${people}, ${apart}`)];
}

/**
 * What the users do not keep apart on this computer, as a clause: ports, where root has set no
 * packet rule for them.
 */
function sharedPorts(people: string): string {
  const first = readFirst(people);
  return first !== undefined && arePortsApart({ first })
    ? ''
    : '; a server on 127.0.0.1 that runs for one person can be reached by what runs for another (docs/security.md)';
}

type Fault = { detail: string; mend: string };

/** What is wrong with owner or mode; `most` are the rights that it may have. */
function fault(
  file: string,
  stats: Stats | undefined,
  { uid, most }: { uid: number; most: number },
): Fault[] {
  if (!stats?.isDirectory()) return [{ detail: `${file} is no directory`, mend: `ls -ld ${file}` }];
  const mode = stats.mode & 0o777;
  const octal = (bits: number): string => bits.toString(8);
  return [
    ...(stats.uid === uid || (stats.uid === 0 && most === 0o755)
      ? []
      : [
          {
            detail: `${file} belongs to the user ${stats.uid}, not to ${uid}`,
            // Only what is one user's through and through.
            mend: `chown ${most === 0o700 ? '-Rh' : '-h'} ${uid} ${file}`,
          },
        ]),
    ...((mode & ~most) === 0
      ? []
      : [
          {
            detail: `${file} is open to others (mode ${octal(mode)})`,
            mend: `chmod ${octal(most)} ${file}`,
          },
        ]),
  ];
}

function sealedFaults(sealed: string, worker: number): Fault[] {
  const stats = look(sealed);
  return stats ? fault(sealed, stats, { uid: worker, most: 0o700 }) : [];
}

function look(file: string): Stats | undefined {
  return lstatSync(file, { throwIfNoEntry: false });
}

function list(directory: string): { homes: string[]; unreadable: boolean } {
  try {
    const names = readdirSync(directory);
    return { homes: names.filter((name) => !name.startsWith('.')), unreadable: false };
  } catch {
    return { homes: [], unreadable: true };
  }
}
