import { WrongUsage, readArguments } from '../../shared/runtime/command-line.ts';
import type { Mutation } from './mutation.ts';

export type MutationOptions = { only: string | undefined; isList: boolean; isVerbose: boolean };

export const mutationsHelp = `Takes each guard of the list in tests/mutations/list/ out, one at a time and in a copy of the project, and looks whether its test fails.

  npm run mutations -- [--only TEXT] [--list] [--verbose]

  --only TEXT   only the mutations with this text in their guard, file or test; or by number: 12, 30-45
  --list        prints the list and runs nothing
  --verbose     prints what the failing test said
  --help        show this

One line for each: killed (its test fails; "in time" when it was ended because it took several times as long as without the
change), explained (no test notices it, and the list says why), SURVIVED, or WRONG (the list does not fit the code).

Exit codes: 0 all killed or explained, 1 otherwise, 2 wrong usage, 130 interrupted.`;

/** Reads the command line. Throws WrongUsage with a sentence. */
export function parseMutationOptions(args: string[]): MutationOptions | 'help' {
  const { values } = readArguments(args, {
    only: { type: 'string' },
    list: { type: 'boolean' },
    verbose: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  return values.help
    ? 'help'
    : { only: values.only, isList: values.list === true, isVerbose: values.verbose === true };
}

export type Numbered = Mutation & { number: number };

/**
 * The mutations that are asked for, each with its number in the list. Throws WrongUsage when there
 * are none.
 */
export function choose(list: readonly Mutation[], only: string | undefined): Numbered[] {
  const numbered = list.map((mutation, index) => ({ ...mutation, number: index + 1 }));
  if (only === undefined) return numbered;
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(only) ?? [];
  const chosen = numbered.filter(({ number, guard, file, test }) =>
    first === undefined
      ? [guard, file, test].some((text) => text.includes(only))
      : number >= Number(first) && number <= Number(last),
  );
  if (chosen.length === 0) throw new WrongUsage(`No mutation fits --only ${only}.`);
  return chosen;
}
