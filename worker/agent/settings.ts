/**
 * What needs the person's approval: every tool that could change something, everything but file
 * changes, or nothing.
 */
export const permissionModes = ['ask', 'edits', 'all'] as const;
export type PermissionMode = (typeof permissionModes)[number];

/** The effective mode: the person's choice, else the configured one. */
export function permissionsOf(chosen: string | undefined, usual: PermissionMode): PermissionMode {
  return permissionModes.find((mode) => mode === chosen) ?? usual;
}

/** How much Claude thinks before it answers, the least first; not every model has every level. */
export const effortLevels = ['low', 'medium', 'high', 'xhigh', 'max'] as const;
export type Effort = (typeof effortLevels)[number];

/** The level of that name; undefined for anything else, such as a later version's level. */
export function readEffort(name: string | undefined): Effort | undefined {
  return effortLevels.find((level) => level === name);
}
