import { WrongUsage } from '../../shared/runtime/command-line.ts';
import { homeNamePattern } from '../../shared/store/homes/home-name.ts';
import type { Names } from '../names.ts';

/** A computer beside the first one: the name of its home, and its app on Fly. */
export type Computer = { home: string; app: string };

/** Fly's rule: the longest name of an app. */
const longestApp = 63;

/** What would make one system's computer look like a part of another system. */
const isAmbiguous = (home: string): boolean => /(?:^|-)(?:redis|relay|vm)(?:-|$)/.test(home);

/** The computer with this home. Throws WrongUsage for a name that Fly or Redis would refuse. */
export function computerOf({ vm }: Names, home: string): Computer {
  const app = `${vm}-${home}`;
  if (!homeNamePattern.test(home) || !/^[a-z0-9](?:.*[a-z0-9])?$/.test(home))
    throw new WrongUsage(
      `“${home}” cannot name a computer: take 1 to 32 lower-case letters, digits and dashes.`,
    );
  if (isAmbiguous(home))
    throw new WrongUsage(
      `“${home}” cannot name a computer: redis, relay and vm are the parts of a system.`,
    );
  if (app.length > longestApp)
    throw new WrongUsage(`“${app}” is too long for a name on Fly, which has 63 characters.`);
  return { home, app };
}

/** The computers beside the first one among these apps, sorted. */
export function findComputers({ vm }: Names, apps: Iterable<string>): Computer[] {
  return [...apps]
    .filter((app) => app.startsWith(`${vm}-`))
    .map((app) => ({ home: app.slice(vm.length + 1), app }))
    .filter(({ home }) => homeNamePattern.test(home) && !isAmbiguous(home))
    .toSorted((one, other) => one.home.localeCompare(other.home, 'en', { numeric: true }));
}

/** Which computers a run is asked for: by their names, and how many there are in all. */
export type WantedComputers = { named: readonly string[]; total: number | undefined };

/**
 * The computers beside the first one after the run: those that exist, the named ones, and as many
 * more as make the total. Throws WrongUsage for a name that cannot be.
 */
export function chooseComputers(
  names: Names,
  existing: readonly Computer[],
  { named, total = 1 }: WantedComputers,
): Computer[] {
  const chosen = new Map(existing.map((computer) => [computer.home, computer]));
  for (const home of named) chosen.set(home, computerOf(names, home));
  for (let number = 2; chosen.size < total - 1; number += 1) {
    const computer = computerOf(names, `home-${number}`);
    chosen.set(computer.home, computer);
  }
  return [...chosen.values()];
}
