import { WrongUsage, readArguments } from '../../shared/runtime/command-line.ts';
import { PersonAddress } from '../../shared/runtime/person-address.ts';

/**
 * What to do for which person. `before` is the moment that the snapshot is older than (ms since
 * 1970).
 */
export type PeopleOptions =
  | { action: 'snapshots'; address: PersonAddress }
  | { action: 'restore'; address: PersonAddress; before: number | undefined };

export const peopleHelp = `Looks after what a person has on the computer.

  npm run people -- snapshots NUMBER
  npm run people -- restore NUMBER [--before TIME]

  snapshots      when the last snapshot of the person's files was taken, and what it lacks
  restore        put the person's files back as they were in the last snapshot; what they have now is
                 set aside on the worker's disk (DATA_DIR/people/.aside-…), and the person hears of it
  NUMBER         as they write from it, such as +15551234567, or their WhatsApp user id
  --before TIME  take the last snapshot before this moment, such as 2026-11-30T09:00 (UTC unless it says otherwise)
  --help         show this

It needs REDIS_URL, from the environment or a file .env. The worker does the work, and is woken for it.
On Fly: fly ssh console --app PREFIX-relay -C "node relay/people/main.ts restore NUMBER"
With Docker Compose: docker compose exec relay node relay/people/main.ts restore NUMBER
Exit codes: 0 done, 1 it failed, 2 wrong usage, 130 interrupted: the worker restores all the same.`;

/** Parses the command line. Returns 'help' if requested. Throws WrongUsage. */
export function parsePeopleOptions(args: string[]): PeopleOptions | 'help' {
  const { values, positionals } = readArguments(
    args,
    { before: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    { positionals: true },
  );
  if (values.help) return 'help';
  const [action, number, ...rest] = positionals;
  if (action !== 'snapshots' && action !== 'restore')
    throw new WrongUsage('Say what to do: snapshots or restore.');
  if (number === undefined) throw new WrongUsage('Say for which number.');
  if (rest.length > 0) throw new WrongUsage('One person at a time.');
  const address = PersonAddress.safeParse(number);
  if (!address.success)
    throw new WrongUsage(`The number ${address.error.issues[0]?.message ?? 'is not understood'}.`);
  if (action === 'snapshots') {
    if (values.before !== undefined) throw new WrongUsage('--before goes with restore.');
    return { action, address: address.data };
  }
  return { action, address: address.data, before: readBefore(values.before) };
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
