import { WrongUsage, readArguments } from '../../shared/runtime/command-line.ts';
import { PersonAddress } from '../../shared/runtime/person-address.ts';
import { homeNamePattern } from '../../shared/store/homes/home-name.ts';

/**
 * What to do for which person or computer. `before` is the moment that the snapshot is older than
 * (ms since 1970), `isUndone` that a computer gets people again.
 */
export type PeopleOptions =
  | { action: 'snapshots'; address: PersonAddress }
  | { action: 'restore'; address: PersonAddress; before: number | undefined }
  | { action: 'move'; address: PersonAddress; to: string }
  | { action: 'drain'; home: string; isUndone: boolean };

export const peopleHelp = `Looks after what a person has on a computer, and after the people of a computer.

  npm run people -- snapshots NUMBER
  npm run people -- restore NUMBER [--before TIME]
  npm run people -- move NUMBER NAME
  npm run people -- drain NAME [--undo]

  snapshots      when the last snapshot of the person's files was taken, and what it lacks
  restore        put the person's files back as they were in the last snapshot; what they have now is
                 set aside on the worker's disk (DATA_DIR/people/.aside-…), and the person hears of it
  move           give the person another computer: what they have is saved to the snapshot store and
                 restored there; a message sent meanwhile is answered there, in its order
  drain          move all people of this computer, one after the other, and give it no new ones; they
                 get the computers that PLACEMENT and HOME_PEOPLE allow
  NUMBER         as they write from it, such as +15551234567, or their WhatsApp user id
  NAME           the computer's HOME_NAME
  --before TIME  take the last snapshot before this moment, such as 2026-11-30T09:00 (UTC unless it says otherwise)
  --undo         give the computer new people again
  --help         show this

It needs REDIS_URL, and for drain the relay's PLACEMENT, from the environment or a file .env. The workers do the work, and are woken for it.
On Fly: fly ssh console --app PREFIX-relay -C "node relay/people/main.ts restore NUMBER"
With Docker Compose: docker compose exec relay node relay/people/main.ts restore NUMBER
Exit codes: 0 done (drain: the computer has no people any more), 1 it failed or was refused, 2 wrong usage, 130 interrupted: the workers finish all the same.`;

const actions = ['snapshots', 'restore', 'move', 'drain'] as const;

/** Parses the command line. Returns 'help' if requested. Throws WrongUsage. */
export function parsePeopleOptions(args: string[]): PeopleOptions | 'help' {
  const { values, positionals } = readArguments(
    args,
    {
      before: { type: 'string' },
      undo: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
    { positionals: true },
  );
  if (values.help) return 'help';
  const [asked, ...rest] = positionals;
  const action = actions.find((known) => known === asked);
  if (action === undefined)
    throw new WrongUsage('Say what to do: snapshots, restore, move or drain.');
  if (values.before !== undefined && action !== 'restore')
    throw new WrongUsage('--before goes with restore.');
  if (values.undo && action !== 'drain') throw new WrongUsage('--undo goes with drain.');
  if (action === 'drain') {
    const [name, ...more] = rest;
    if (name === undefined) throw new WrongUsage('Say which computer.');
    if (more.length > 0) throw new WrongUsage('One computer at a time.');
    return { action, home: readHome(name), isUndone: values.undo === true };
  }
  const [number, name, ...more] = rest;
  if (number === undefined) throw new WrongUsage('Say for which number.');
  const address = readAddress(number);
  if (action === 'move') {
    if (name === undefined) throw new WrongUsage('Say to which computer.');
    if (more.length > 0) throw new WrongUsage('One person at a time.');
    return { action, address, to: readHome(name) };
  }
  if (name !== undefined) throw new WrongUsage('One person at a time.');
  if (action === 'snapshots') return { action, address };
  return { action, address, before: readBefore(values.before) };
}

function readAddress(number: string): PersonAddress {
  const address = PersonAddress.safeParse(number);
  if (address.success) return address.data;
  throw new WrongUsage(`The number ${address.error.issues[0]?.message ?? 'is not understood'}.`);
}

function readHome(name: string): string {
  if (homeNamePattern.test(name)) return name;
  throw new WrongUsage(`“${name}” is no name of a computer: a-z, digits and -, at most 32.`);
}

function readBefore(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const isMoment = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/.test(
    text,
  );
  const time = text.slice(10);
  const hasZone = time === '' || /Z|[+-]/.test(time);
  const moment = isMoment ? Date.parse(hasZone ? text : `${text}Z`) : Number.NaN;
  if (Number.isNaN(moment))
    throw new WrongUsage('--before takes a moment such as 2026-11-30T09:00.');
  return moment;
}
