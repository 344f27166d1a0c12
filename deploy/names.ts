/** The parts of the system that are apps on Fly, in dependency order. */
export const roles = ['redis', 'relay', 'vm'] as const;
export type Role = (typeof roles)[number];

/** The names of the three apps: names on Fly are globally unique, so each owner has a prefix. */
export type Names = { prefix: string } & Record<Role, string>;

/**
 * Fly's rule for names, with room for the longest suffix: lower-case letters, digits and dashes, 63
 * characters in all.
 */
const allowed = /^[a-z][a-z0-9-]{1,54}[a-z0-9]$/;

/** @throws RangeError for a prefix that Fly would refuse. */
export function namesFor(prefix: string): Names {
  if (!allowed.test(prefix))
    throw new RangeError(
      `“${prefix}” cannot begin a name on Fly: take 3 to 56 lower-case letters, digits and dashes.`,
    );
  return { prefix, redis: `${prefix}-redis`, relay: `${prefix}-relay`, vm: `${prefix}-vm` };
}

/** The prefixes of the systems among these apps that begin with “sidepocket”. */
export function findPrefixes(apps: readonly string[]): string[] {
  const found = apps.flatMap(
    (name) => /^(sidepocket(?:-[a-z0-9-]+)?)-(?:redis|relay|vm)$/.exec(name)?.[1] ?? [],
  );
  return [...new Set(found)];
}
